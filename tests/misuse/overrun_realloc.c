/* The header is found wrong by realloc: it is put right, the contents move along. */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  strcpy(right, "contents");
  memset(hide(left), 'B', 32);
  char *moved = use_realloc(right, 1000);
  if (moved == NULL || strcmp(moved, "contents") != 0) return 5;
  use_free(moved);
  return finish(NULL);
}
