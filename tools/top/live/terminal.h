/*
 * terminal.h: the terminal, by ncurses, which only terminal.c knows: a part of the program that may be missing (doors/doors.c).
 */
#ifndef HAKMEM_TOOLS_TOP_TERMINAL_H
#define HAKMEM_TOOLS_TOP_TERMINAL_H

#include <stdbool.h>

#include "top/show/screen.h"

/* Keys beside the characters. A click is the key of its hit (screen.h). */
enum pressed {
  PRESSED_NOTHING = -1,
  PRESSED_ENTER = '\n',
  PRESSED_ESCAPE = 27,
  PRESSED_UP = 0x1000,
  PRESSED_DOWN,
  PRESSED_PAGE_UP,
  PRESSED_PAGE_DOWN,
  PRESSED_FIRST,
  PRESSED_LAST,
  PRESSED_DELETE,
  PRESSED_SIZE /* the terminal has another size */
};

/* Takes the terminal; false, with a failure set, if there is none or this build has no ncurses. terminal_close gives it back as it was. */
bool terminal_open(void);
void terminal_close(void);

void terminal_size(int *width, int *height);
void terminal_draw(const struct screen *s);

/* The next key, PRESSED_NOTHING if none waits. `s` is what is drawn. */
int terminal_key(const struct screen *s);

#endif
