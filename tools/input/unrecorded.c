#include "unrecorded.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"
#include "common/escape.h"
#include "common/memory.h"
#include "common/regular.h"

#define ENTRIES_MAX 1000
#define LINE_LENGTH_MAX 16384

void unrecorded_add(struct unrecorded_list *list, uint32_t pid, const char *program, const char *why) {
  if (list->count == ENTRIES_MAX) return;
  list->entries = must_grow(list->entries, list->count, &list->capacity, sizeof(*list->entries));
  list->entries[list->count++] = (struct unrecorded){pid, must_copy(program), must_copy(why)};
}

void unrecorded_free(struct unrecorded_list *list) {
  for (size_t i = 0; i < list->count; i++) {
    free(list->entries[i].program);
    free(list->entries[i].why);
  }
  free(list->entries);
  *list = (struct unrecorded_list){0};
}

bool unrecorded_write(const struct unrecorded_list *list, const char *path) {
  FILE *const file = fopen(path, "wxe");
  if (file == NULL) return fail("cannot make %s: %s", path, strerror(errno));
  for (size_t i = 0; i < list->count; i++) {
    char *const program = escape(list->entries[i].program), *const why = escape(list->entries[i].why);
    fprintf(file, "%u\t%s\t%s\n", list->entries[i].pid, program, why);
    free(program);
    free(why);
  }
  const bool written = ferror(file) == 0;
  return (fclose(file) == 0 && written) || fail("cannot write %s: %s", path, strerror(errno));
}

/* Parses one line. */
static bool take_line(struct unrecorded_list *list, char *line) {
  char *end;
  const unsigned long pid = strtoul(line, &end, 10);
  char *const why = end != line && *end == '\t' ? strchr(end + 1, '\t') : NULL;
  if (why == NULL || pid == 0 || pid > UINT32_MAX) return false;
  *why = '\0';
  why[1 + strcspn(why + 1, "\n")] = '\0';
  unrecorded_add(list, (uint32_t)pid, end + 1, why + 1);
  return true;
}

bool unrecorded_read(struct unrecorded_list *list, const char *path) {
  const int fd = regular_open(path);
  if (fd < 0) return false;
  FILE *const file = fdopen(fd, "r");
  char *const line = must_allocate(LINE_LENGTH_MAX);
  bool good = file != NULL;
  while (good && list->count < ENTRIES_MAX && fgets(line, LINE_LENGTH_MAX, file) != NULL) good = take_line(list, line);
  free(line);
  if (file != NULL) fclose(file);
  else close(fd);
  return good || fail("%s is damaged: not a list of processes that were not recorded", path);
}
