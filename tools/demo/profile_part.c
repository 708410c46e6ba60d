/*
 * profile_part: profiles one part of its own run. While it loads its table, the live heap by call site is kept; the rest of the run costs nothing.
 *
 *   profile_part FILE        hakmem report FILE
 *
 * Link it with -lhakmem (pkg-config hakmem).
 */
#include <hakmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES = 20000 };

static char *table[ENTRIES];

static char *make_entry(int number) {
  char text[64];
  snprintf(text, sizeof(text), "entry number %d of the table", number);
  return strdup(text);
}

static void load_table(void) {
  for (int i = 0; i < ENTRIES; i++) table[i] = make_entry(i);
}

/* `error` is what a function of hakmem.h returned. */
static void must(int error, const char *what) {
  if (error == 0) return;
  fprintf(stderr, "%s: %s\n", what, strerror(error));
  exit(1);
}

int main(int count, char **arguments) {
  if (count != 2) {
    fprintf(stderr, "usage: profile_part FILE\n");
    return 2;
  }
  must(hak_set("PROFILE", "4K"), "hak_set"); /* one byte of 4096 is sampled: for a server, 512K is enough */
  load_table();
  must(hak_profile_dump(arguments[1]), arguments[1]);
  must(hak_set("PROFILE", "0"), "hak_set");
  for (int i = 0; i < ENTRIES; i++) free(table[i]);
  return 0;
}
