/*
 * compose.c: the whole screen: the process or the title, the table, the line of keys; or the help, or one row in full.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/escape.h"
#include "common/format.h"
#include "common/memory.h"
#include "terminal.h"
#include "top.h"

#define HOST_ROWS 6 /* so that a small screen has room for the table */

static const char *const table_titles[] = {
#define TABLE_TITLE(name, title, sort) title,
  TABLES(TABLE_TITLE)};

static void make_grid(struct top *t) {
  grid_free(&t->grid);
  t->grid = (struct grid){0};
  struct shown shown = {.w = t->watched, .threads = &t->threads, .names = t->names, .now = t->now, .width = t->screen.width};
  switch (top_view(t)) {
#define MAKE_TABLE(name, title, sort) \
  case VIEW_##name: view_##name(&t->grid, &shown); break;
    TABLES(MAKE_TABLE)
    case VIEW_SESSIONS: view_sessions(&t->grid, &t->sessions); break;
    default: view_list(&t->grid, &t->processes); break;
  }
  grid_arrange(&t->grid, top_state(t));
}

/* ---- The lines around the table ---- */

static char *title_of_list(const struct top *t) {
  char *const directory = t->options->directory != NULL ? escape(t->options->directory) : NULL;
  const size_t count = t->processes.count;
  char *const title = must_print(" hakmem top   %zu process%s %s%s", count, count == 1 ? "" : "es", directory != NULL ? "of " : "of this user",
                                 directory != NULL ? directory : "");
  free(directory);
  return title;
}

static char *title_of_sessions(const struct top *t) {
  const size_t count = t->sessions.address_count, running = sessions_running(&t->sessions);
  if (running < count)
    return must_print(" hakmem top   %zu of %zu sessions at a relay have ended   by %s", count - running, count, group_by_name(t->sessions.by));
  return must_print(" hakmem top   %zu session%s at a relay   by %s", count, count == 1 ? "" : "s", group_by_name(t->sessions.by));
}

static void add_title(struct top *t) {
  char clock[16];
  const time_t now = time(NULL);
  struct tm local;
  strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &local));
  char *const left = top_view(t) == VIEW_SESSIONS ? title_of_sessions(t) : title_of_list(t);
  char *const fitted = screen_fit(left, t->screen.width - 9, false);
  screen_row(&t->screen, TITLE "%s%s ", fitted, clock);
  free(fitted);
  free(left);
}

static void add_sessions(struct top *t, size_t most) {
  const char *const trouble = sessions_trouble(&t->sessions);
  add_title(t);
  view_sessions_hosts(&t->screen, &t->sessions, most);
  if (trouble == NULL) return;
  char *const text = escape(trouble);
  screen_row(&t->screen, BAD " %s", text);
  free(text);
}

static void add_tabs(struct top *t) {
  char *line = must_copy("");
  int at = 0;
  for (int i = 0; i < VIEW_LIST; i++) {
    const int width = (int)strlen(table_titles[i]) + 4;
    screen_hit(&t->screen, at, at + width, '1' + i);
    char *const longer = must_print("%s%c %d %s " PLAIN " ", line, i == (int)t->view ? STYLE_SELECTED : STYLE_BOLD, i + 1, table_titles[i]);
    free(line);
    line = longer;
    at += width + 1;
  }
  screen_row(&t->screen, "%s", line);
  free(line);
}

struct key_help {
  int key;
  const char *name, *what;
};

static void add_keys(struct top *t, const struct key_help *keys, size_t count) {
  char *line = must_copy("");
  int at = 0;
  for (size_t i = 0; i < count; i++) {
    const int width = (int)(strlen(keys[i].name) + strlen(keys[i].what)) + 2;
    if (at + width > t->screen.width) break;
    screen_hit(&t->screen, at, at + width, keys[i].key);
    char *const longer = must_print("%s" BOLD " %s " PLAIN "%s", line, keys[i].name, keys[i].what);
    free(line);
    line = longer;
    at += width;
  }
  screen_row(&t->screen, "%s", line);
  free(line);
}

static void add_foot(struct top *t) {
  static const struct key_help of_list[] = {
    {'q', "q", "quit"}, {PRESSED_ENTER, "enter", "open"}, {'>', "<>", "sort"}, {'r', "r", "reverse"}, {'/', "/", "filter"}, {'p', "p", "pause"},
    {'?', "?", "help"}};
  const struct key_help of_process[] = {{'q', "q", t->options->pid != 0 ? "quit" : "back"},
                                        {'\t', "tab", "table"},
                                        {PRESSED_ENTER, "enter", "row"},
                                        {'>', "<>", "sort"},
                                        {'r', "r", "reverse"},
                                        {'/', "/", "filter"},
                                        {'p', "p", "pause"},
                                        {'?', "?", "help"}};
  static const struct key_help of_sessions[] = {{'q', "q", "quit"},
                                                {'b', "b", "by host, program, process"},
                                                {PRESSED_ENTER, "enter", "row"},
                                                {'>', "<>", "sort"},
                                                {'/', "/", "filter"},
                                                {'p', "p", "pause"},
                                                {'?', "?", "help"}};
  const struct grid_state *const state = top_state(t);
  if (t->mode == MODE_FILTER) {
    screen_row(&t->screen, BOLD " filter: " PLAIN "%s_" DIM "  (enter: keep, escape: no filter)", state->filter);
  } else if (t->notice != NULL) {
    screen_row(&t->screen, BAD " %s", t->notice);
  } else if (t->is_paused) {
    screen_row(&t->screen, SELECTED " paused " PLAIN " p or space goes on%s%s", *state->filter != '\0' ? "; filter: " : "", state->filter);
  } else if (*state->filter != '\0') {
    screen_row(&t->screen, BOLD " filter: " PLAIN "%s" DIM "  (/ changes it, escape removes it)", state->filter);
  } else if (top_view(t) == VIEW_SESSIONS) {
    add_keys(t, of_sessions, sizeof(of_sessions) / sizeof(of_sessions[0]));
  } else if (t->watched != NULL) {
    add_keys(t, of_process, sizeof(of_process) / sizeof(of_process[0]));
  } else {
    add_keys(t, of_list, sizeof(of_list) / sizeof(of_list[0]));
  }
}

/* ---- Help, and one row ---- */

static void add_help(struct top *t) {
  static const char *const lines[] = {
    TITLE " hakmem top: keys",
    BOLD " up down pgup pgdn home end" PLAIN "  choose a row (also j, k, the wheel)",
    BOLD " enter, click" PLAIN "                open the process; show the row in full",
    BOLD " q, escape" PLAIN "                   back to the list; q there, or Q, ends",
    BOLD " 1 2 3 4 5, tab" PLAIN "              choose the table below the bars",
    BOLD " < >, click on a title" PLAIN "       sort by another column",
    BOLD " r" PLAIN "                           reverse the order",
    BOLD " /" PLAIN "                           show only rows that contain a text",
    BOLD " b" PLAIN "                           sessions at a relay: by host, program, process",
    BOLD " p, space" PLAIN "                    pause, and go on",
    BOLD " + -" PLAIN "                         read more often, less often",
    "",
    BOLD " LIVE" PLAIN "   bytes in live blocks          " BOLD "RSS" PLAIN "  resident memory",
    BOLD " FREE" PLAIN "   bytes held but in no live block",
    BOLD " CALLS/s" PLAIN " calls of malloc and free together",
    BOLD " INC" PLAIN "    incidents: wrong headers, double and invalid frees, refused slabs",
    BOLD " SHARE" PLAIN "  of the live bytes              " BOLD "+-" PLAIN "   standard error",
    BOLD " MALLOC99.9, FREE99.9" PLAIN "  99.9 % of the calls of malloc, of free, took less",
    BOLD " KEEPS, IDLE" PLAIN "  bytes in a thread's lists; how long it has not used them",
    BOLD " HOLDS FREE" PLAIN "  free bytes of nearly empty slabs that blocks of a site hold",
    "",
    DIM " The process is only read: nothing in it runs, and nothing is written.",
    DIM " any key closes this",
  };
  for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) screen_row(&t->screen, "%s", lines[i]);
}

/* Breaks a long text at spaces. */
static void add_wrapped(struct screen *s, const char *title, const char *text) {
  const int width = s->width > 24 ? s->width - 16 : 8;
  bool first = true;
  do {
    size_t length = 0, cut = 0;
    int column = 0;
    for (; text[length] != '\0' && column <= width; length++) {
      if (text[length] == ' ') cut = length;
      column += (text[length + 1] & 0xc0) != 0x80;
    }
    if (text[length] == '\0' && column <= width) cut = length;
    else if (cut == 0) cut = length > 1 ? length - 1 : length;
    screen_row(s, BOLD " %-14s" PLAIN "%.*s", first ? title : "", (int)cut, text);
    text += cut;
    while (*text == ' ') text++;
    first = false;
  } while (*text != '\0');
}

static void add_row(struct top *t) {
  const struct grid *const g = &t->grid;
  const struct grid_state *const state = top_state(t);
  screen_row(&t->screen, TITLE " one row in full; any key closes this");
  screen_row(&t->screen, "%s", "");
  if (state->at >= g->count) return;
  for (size_t i = 0; i < g->column_count; i++) add_wrapped(&t->screen, g->columns[i].width > 0 ? g->columns[i].title : "", g->rows[state->at].cells[i]);
}

void top_compose_plain(struct top *t, int width) {
  struct screen *const s = &t->screen;
  screen_clear(s);
  s->width = width;
  s->height = 0;
  if (t->watched == NULL) {
    make_grid(t);
    if (top_view(t) == VIEW_SESSIONS) add_sessions(t, SIZE_MAX);
    else add_title(t);
    grid_draw(s, &t->grid, top_state(t), 0);
    return;
  }
  view_process(s, t->watched);
  for (t->view = 0; t->view < VIEW_LIST; t->view++) {
    make_grid(t);
    screen_row(s, "%s", "");
    screen_row(s, BOLD " %s", table_titles[t->view]);
    grid_draw(s, &t->grid, top_state(t), 0);
  }
  t->view = 0;
}

void top_compose(struct top *t, int width, int height) {
  struct screen *const s = &t->screen;
  screen_clear(s);
  s->width = width;
  s->height = height;
  if (width < TOP_WIDTH || height < TOP_HEIGHT) {
    screen_row(s, "hakmem top needs %d columns and %d rows, here are %d and %d", TOP_WIDTH, TOP_HEIGHT, width, height);
    return;
  }
  make_grid(t);
  if (t->mode == MODE_HELP) add_help(t);
  else if (t->mode == MODE_ROW) add_row(t);
  if (t->mode == MODE_HELP || t->mode == MODE_ROW) return;
  if (top_view(t) == VIEW_SESSIONS) {
    add_sessions(t, HOST_ROWS);
  } else if (t->watched != NULL) {
    view_process(s, t->watched);
    add_tabs(t);
  } else {
    add_title(t);
  }
  grid_draw(s, &t->grid, top_state(t), height - (int)s->count - 1);
  add_foot(t);
}
