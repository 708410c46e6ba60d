/*
 * names.h: names for stacks, and findings. Reading debug information takes long, and libdw may crash on a damaged file; so a process of its own does
 * it, and the names come when they are there.
 */
#ifndef HAKMEM_TOOLS_TOP_NAMES_H
#define HAKMEM_TOOLS_TOP_NAMES_H

#include "watched.h"

struct names;
struct names *names_create(void);
void names_destroy(struct names *n);

/* "copy_name at names.c:12 < main at main.c:30", escaped; if it is not there yet, it is asked for, and "..." is returned. */
const char *names_of(struct names *n, uint32_t stack);

/* What `hakmem explain` finds, escaped, those that cost most first. They are a few seconds old. NULL: they are not there yet. */
char *const *names_findings(struct names *n, double now, size_t *count);

/* Begins to look for what was asked for. Call it after a screen was made. */
void names_look(struct names *n, const struct watched *w);

/* Readable when names have come; -1 if none are on their way. names_take reads them. */
int names_fd(const struct names *n);
void names_take(struct names *n);

#endif
