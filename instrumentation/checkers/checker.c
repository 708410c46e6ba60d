/*
 * checker.c: finds the checker before the first block, and hands the core's checker hooks to it.
 */
#include "src/checker_hooks.h"
#include "checker.h"

const struct checker *checker;
bool hub_checker_guards;

bool hub_checker_start(void) {
  static bool asked;
  if (!asked) {
    asked = true;
    checker = asan_start();
    if (checker == NULL) checker = memcheck_start();
    hub_checker_guards = checker != NULL && checker->guards;
  }
  return checker != NULL;
}

void hub_checker_hold(void) { checker->hold(); }
void hub_checker_release(void) { checker->release(); }
void hub_checker_close(const void *base, size_t size, bool closed) { checker->guard(base, size, closed); }
size_t hub_checker_size(const void *p, size_t most) { return checker->size(p, most); }
void hub_checker_table(const void *base, size_t size, bool mapped) {
  if (checker->table != NULL) checker->table(base, size, mapped);
}
