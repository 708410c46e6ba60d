/*
 * terminal_none.c: a build without ncurses has no live screen.
 */
#include "common/error.h"
#include "terminal.h"

bool terminal_open(void) {
  return fail("this build of hakmem has no live screen; install libncurses-dev and build again, or print screens: hakmem top --batch 1");
}
void terminal_close(void) {}
void terminal_size(int *width, int *height) { *width = *height = 0; }
void terminal_draw(const struct screen *s) { (void)s; }
int terminal_key(const struct screen *s) {
  (void)s;
  return PRESSED_NOTHING;
}
