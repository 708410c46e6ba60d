/* off_by_one: copies a string of 47 characters into 47 bytes, a hundred times. */
#include <stdlib.h>
#include <string.h>

static char *copy_name(const char *name) {
  char *const copy = malloc(strlen(name)); /* the error: no room for the NUL */
  if (copy == NULL) abort();
  volatile char *to = copy;
  while ((*to++ = *name++) != '\0') {}
  return copy;
}

int main(void) {
  char *names[100];
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 100; i++) names[i] = copy_name("a name of forty-seven characters, all in all ok");
    for (int i = 0; i < 100; i++) free(names[i]);
  }
  return 0;
}
