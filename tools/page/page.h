/*
 * page.h: one or two runs as one HTML file, which needs no other file and no network.
 *
 *   page.html ── @NAME@ ── replaced by a part: the style, the library, its licence, the scripts, the data
 *
 * The data are the JSON of report, explain and diff. Names of a traced program are only in there, and "<" is written as \u003c, so that no name ends
 * the script element. The scripts put them into the page as text. The file's Content-Security-Policy forbids all loading, and all scripts and styles
 * without this file's own random nonce.
 */
#ifndef HAKMEM_TOOLS_PAGE_H
#define HAKMEM_TOOLS_PAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "report/load.h"

/* Whether this program was built with the library that draws. */
bool page_has_library(void);

/* Adds the run of one path to `runs`, as {"report": ..., "explain": ...}. A message names unreadable data, and the rest is added; then returns false. */
bool page_add_run(json_t *runs, const struct load *load);

/*
 * Writes the page of `runs`, an array of one or two runs, and `diff`, the JSON of hakmem diff or null. Takes both
 * references. False, with a failure, if it cannot be written.
 */
bool page_write(FILE *out, json_t *runs, json_t *diff);

/*
 * Replaces each stack in `value`, which repeat often, by its number in data.stacks. A stack there is a list of numbers in data.frames.
 */
void page_intern_stacks(json_t *data, json_t *value);

#endif
