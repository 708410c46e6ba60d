#include "terminal.h"

#include <curses.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"

static attr_t attributes[STYLE_COUNT];
static bool taken;
static SCREEN *terminal;

/* One pair of colours for each style that has one. Without colours, attributes alone must do. */
static void set_styles(void) {
  static const struct {
    enum style style;
    short colour;
    attr_t plain, coloured;
  } styles[] = {{STYLE_BOLD, -1, A_BOLD, A_BOLD},
                {STYLE_DIM, -1, A_DIM, A_DIM},
                {STYLE_TITLE, COLOR_CYAN, A_REVERSE, A_REVERSE},
                {STYLE_HEAD, COLOR_CYAN, A_BOLD | A_UNDERLINE, A_BOLD},
                {STYLE_SELECTED, COLOR_YELLOW, A_REVERSE, A_REVERSE},
                {STYLE_LIVE, COLOR_GREEN, A_NORMAL, A_NORMAL},
                {STYLE_FREE, COLOR_YELLOW, A_NORMAL, A_NORMAL},
                {STYLE_OTHER, COLOR_BLUE, A_NORMAL, A_NORMAL},
                {STYLE_BAD, COLOR_RED, A_BOLD, A_BOLD}};
  const char *const no = getenv("NO_COLOR");
  const bool colours = (no == NULL || *no == '\0') && has_colors() && start_color() == OK && use_default_colors() == OK;
  for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
    const short pair = (short)styles[i].style;
    const bool coloured = colours && styles[i].colour >= 0 && init_pair(pair, styles[i].colour, -1) == OK;
    attributes[pair] = coloured ? styles[i].coloured | (attr_t)COLOR_PAIR(pair) : styles[i].plain;
  }
}

bool terminal_open(void) {
  if (!isatty(STDIN_FILENO)) return fail("standard input is not a terminal; `hakmem top --batch 1` needs none");
  const char *const type = getenv("TERM");
  terminal = newterm(NULL, stdout, stdin); /* initscr would end the program */
  if (terminal == NULL) return fail("the terminal's type (TERM=%s) is not known; `hakmem top --batch 1` needs none", type != NULL ? type : "");
  taken = true;
  set_styles();
  cbreak();
  noecho();
  nonl();
  curs_set(0);
  keypad(stdscr, TRUE);
  nodelay(stdscr, TRUE);
  set_escdelay(50);
  mouseinterval(0); /* a press is a click at once */
  mousemask(BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
  return true;
}

void terminal_close(void) {
  if (!taken) return;
  taken = false;
  mousemask(0, NULL);
  endwin();
  delscreen(terminal);
}

void terminal_size(int *width, int *height) { getmaxyx(stdscr, *height, *width); }

static void draw_row(int y, const char *row, int width) {
  attrset(A_NORMAL);
  move(y, 0);
  int column = 0;
  for (const char *c = row; *c != '\0' && column < width;) {
    if ((unsigned char)*c < STYLE_COUNT) {
      attrset((int)attributes[(unsigned char)*c++]);
      continue;
    }
    int bytes = 1;
    while ((c[bytes] & 0xc0) == 0x80) bytes++;
    addnstr(c, bytes);
    c += bytes;
    column++;
  }
}

void terminal_draw(const struct screen *s) {
  int width, height;
  terminal_size(&width, &height);
  erase();
  for (size_t i = 0; i < s->count && (int)i < height; i++) draw_row((int)i, s->rows[i], width);
  refresh();
}

static int clicked(const struct screen *s) {
  MEVENT event;
  if (getmouse(&event) != OK) return PRESSED_NOTHING;
  if ((event.bstate & BUTTON4_PRESSED) != 0) return PRESSED_UP;
  if ((event.bstate & BUTTON5_PRESSED) != 0) return PRESSED_DOWN;
  for (size_t i = 0; i < s->hit_count; i++) {
    const struct hit *const hit = &s->hits[i];
    if ((int)hit->row == event.y && event.x >= hit->from && event.x < hit->to) return hit->key;
  }
  return PRESSED_NOTHING;
}

int terminal_key(const struct screen *s) {
  for (;;) {
    const int key = getch();
    switch (key) {
      case ERR: return PRESSED_NOTHING;
      case KEY_UP: return PRESSED_UP;
      case KEY_DOWN: return PRESSED_DOWN;
      case KEY_PPAGE: return PRESSED_PAGE_UP;
      case KEY_NPAGE: return PRESSED_PAGE_DOWN;
      case KEY_HOME: return PRESSED_FIRST;
      case KEY_END: return PRESSED_LAST;
      case KEY_LEFT: return '<';
      case KEY_RIGHT: return '>';
      case KEY_ENTER:
      case '\r': return PRESSED_ENTER;
      case KEY_BACKSPACE:
      case '\b':
      case 127: return PRESSED_DELETE;
      case KEY_RESIZE: return PRESSED_SIZE;
      case KEY_MOUSE: {
        const int hit = clicked(s);
        if (hit != PRESSED_NOTHING) return hit;
        break;
      }
      default:
        if (key < KEY_MIN) return key;
    }
  }
}
