/* stack_pointer cls=none | debug=stack_pointer | guard=stack_pointer | valgrind=Invalid_free: a variable on the stack given to realloc, which returns NULL */
#include "misuse.h"

int main(void) {
  char variable[64];
  if (use_realloc(hide(variable + 16), 100) != NULL) return 5;
  return finish(NULL);
}
