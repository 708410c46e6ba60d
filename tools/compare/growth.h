/*
 * growth.h: what the call sites of one page have more or less than those of another (HAKMEM_PROFILE).
 */
#ifndef HAKMEM_TOOLS_GROWTH_H
#define HAKMEM_TOOLS_GROWTH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "report/print.h"

/* As text, for `hakmem report --since` and `hakmem diff`. False if one of the pages has no call sites. */
bool print_growth(FILE *out, const struct page *before, const struct page *after);

/* The same as JSON, NULL if there is none: {"bytes": ..., "sites": [{"bytes": ..., "place": "names.c:12", "functions": ["main", "parse"]}]}. */
json_t *json_growth(const struct page *before, const struct page *after);

#endif
