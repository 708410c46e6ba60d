/*
 * openmetrics.h: names, labels and heads of families, the same in a file and in what `hakmem export --listen` serves.
 */
#ifndef HAKMEM_TOOLS_OPENMETRICS_H
#define HAKMEM_TOOLS_OPENMETRICS_H

#include <stddef.h>
#include <stdio.h>

/* A label's value: valid UTF-8, with \, " and the line's end escaped. Prints it. */
void openmetrics_label(FILE *out, const char *text);

/* The lines TYPE, UNIT (none if `unit` is "") and HELP. */
void openmetrics_family(FILE *out, const char *name, const char *type, const char *unit, const char *help);

/* The name of a counter, and its unit. One of nanoseconds is shown in seconds; one of bytes has its unit in its name already. */
const char *openmetrics_counter_name(const char *prefix, const char *name, char *full, size_t size);

#endif
