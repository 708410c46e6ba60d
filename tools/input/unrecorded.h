/*
 * unrecorded.h: the processes of a run that were started and not recorded, and why (see watch.h). They lie beside the data:
 *
 *   UNRECORDED_FILE, in the run's directory: a line "PID <tab> PROGRAM <tab> why" for each, both texts escaped
 */
#ifndef HAKMEM_TOOLS_UNRECORDED_H
#define HAKMEM_TOOLS_UNRECORDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define UNRECORDED_FILE "not-recorded.txt"

struct unrecorded {
  uint32_t pid;
  char *program, *why;
};
struct unrecorded_list {
  struct unrecorded *entries;
  size_t count, capacity;
};
void unrecorded_free(struct unrecorded_list *list);

/* Adds the entries of the file. False, with a failure set, if it is unreadable or not such a file. */
bool unrecorded_read(struct unrecorded_list *list, const char *path);
bool unrecorded_write(const struct unrecorded_list *list, const char *path);

/* Adds one entry; entries after the first thousand are dropped. */
void unrecorded_add(struct unrecorded_list *list, uint32_t pid, const char *program, const char *why);

#endif
