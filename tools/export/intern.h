/*
 * intern.h: numbers for texts: the same text always has the same number.
 */
#ifndef HAKMEM_TOOLS_INTERN_H
#define HAKMEM_TOOLS_INTERN_H

#include <jansson.h>
#include <stddef.h>

struct interned {
  json_t *numbers; /* by text */
  char **names;    /* by number */
  size_t count, capacity;
};

/* The number of `name`: 0 for the first text of all, then 1, 2, ... */
size_t intern(struct interned *table, const char *name);
void intern_free(struct interned *table);

#endif
