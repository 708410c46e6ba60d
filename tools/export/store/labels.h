/*
 * labels.h: the labels of a profile: what a store of profiles finds it by.
 */
#ifndef HAKMEM_TOOLS_LABELS_H
#define HAKMEM_TOOLS_LABELS_H

#include <stdbool.h>
#include <stddef.h>

#define LABELS_MOST 24 /* stores refuse profiles with more than about 30 */
#define LABEL_LENGTH 256

struct label {
  char *name, *value;
};
struct labels {
  struct label list[LABELS_MOST];
  size_t count;
};

/* NAME=VALUE of a command line. False, with a failure set, if it is none. An empty value removes the label of this name. */
bool labels_read(struct labels *labels, const char *text);

/* Adds a label unless there is one of this name. The value is cut to LABEL_LENGTH bytes, and made valid UTF-8. */
void labels_default(struct labels *labels, const char *name, const char *value);

/* The value of a label; NULL if there is none, "" if it was removed. */
const char *labels_find(const struct labels *labels, const char *name);

void labels_copy(struct labels *to, const struct labels *from);
void labels_free(struct labels *labels);

#endif
