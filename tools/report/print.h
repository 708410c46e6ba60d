/*
 * print.h: the writers. A page is made of what there is: a trace, stats files, or (from `record`) both.
 */
#ifndef HAKMEM_TOOLS_PRINT_H
#define HAKMEM_TOOLS_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "input/unrecorded.h"
#include "model/model.h"
#include "model/symbolize.h"

struct page {
  const struct report *trace, *stats; /* one may be NULL */
  const struct report *main;  /* what counts and latencies come from: the trace, if there is one */
  const struct report *memory; /* what knows where the memory is: the stats files, if there are any */
  struct unrecorded_list unrecorded; /* processes of the run of which there are no data */
  const char *path; /* as the user named it */
  bool all; /* every class and process, not only the first few */
};

/* The sections, in the order of the page. */
void print_losses(FILE *out, const struct page *page);    /* print_text.c */
void print_latencies(FILE *out, const struct page *page); /* print_latency.c */
void print_memory(FILE *out, const struct page *page);    /* print_memory.c */
void print_incidents(FILE *out, const struct page *page); /* print_incidents.c */
void print_leaks(FILE *out, const struct page *page);     /* print_leaks.c; nothing if no process looked for leaks */
void print_sites(FILE *out, const struct page *page);     /* print_sites.c; nothing if no process ran with HAKMEM_PROFILE */

/* What the call sites of one page have more or less than those of the other; all call sites as "main;parse;copy_name BYTES". False if there are none. */
bool print_growth(FILE *out, const struct page *before, const struct page *after);
bool print_folded(FILE *out, const struct page *page);

/* All of them, as text. */
void print_text(FILE *out, const struct page *page);

/* All of it as one JSON object; false if it cannot be written. */
bool print_json(FILE *out, const struct page *page);
#define JSON_SCHEMA 1 /* grows when a member changes its meaning or goes away, not when one is added */

/* How many rows of a long table are shown without --all. */
#define PRINT_ROWS 10

/* "function at file:line", or as much of it as is known of a function at `address`, on no line of its own. In print_symbol.c. */
void print_symbol(FILE *out, const struct symbol *symbol, uint64_t address);

/* The stack `id` of process `p` of page->main, or a line that says why there is none. In print_incidents.c. */
void print_stack_of(FILE *out, const struct page *page, const struct model_process *p, uint32_t id);

/* "(N more ...; --all shows them)" below a table that was cut. */
void print_more(FILE *out, const struct page *page, size_t shown, size_t there_are, const char *what);

#endif
