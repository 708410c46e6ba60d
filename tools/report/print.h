/*
 * print.h: the writers. A page has the data of a trace, of statistics files, or (from `record`) of both.
 */
#ifndef HAKMEM_TOOLS_PRINT_H
#define HAKMEM_TOOLS_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "input/unrecorded.h"
#include "model/model.h"
#include "model/symbolize.h"

/* --by: the processes of a page, grouped. The same process id on two hosts is two processes. */
#define GROUPINGS(G) G(HOST, "host") G(PROGRAM, "program") G(PROCESS, "process")
#define GROUP_BY_CONSTANT(constant, name) GROUP_BY_##constant,
enum group_by { GROUP_BY_NOTHING, GROUPINGS(GROUP_BY_CONSTANT) };

struct page {
  const struct report *trace, *stats; /* one may be NULL */
  const struct report *main;          /* the source of counts and latencies: the trace, if there is one */
  const struct report *memory;        /* the source of memory figures: the statistics files, if there are any */
  struct unrecorded_list unrecorded;  /* processes of the run without data */
  const struct report *flight;        /* of the flight recorder: the newest events of processes in `stats`; NULL if it was not read */
  char *flight_failure;               /* why it could not be read; NULL if it could */
  size_t flight_left;                 /* recordings that were not read */
  const char *path;                   /* as the user named it */
  bool slab_maps;                     /* in JSON */
  enum group_by by;                   /* --by */
  bool all;                           /* every class and process, not only the first ones */
};

/*
 * The sections, in the order of the page: S(name, "what it shows"). print_NAME prints one, which begins with an empty line. It prints nothing if
 * there is nothing to show.
 */
#define PRINT_SECTIONS(S) \
  S(losses, "what is missing in the data") \
  S(unrecorded, "processes that were started and not recorded") \
  S(hosts, "the hosts of a trace, and whether their clocks agree") \
  S(groups, "with --by: figures by host, program or process") \
  S(processes, "the processes, and how they ended") \
  S(memory, "fragmentation, slabs that few blocks hold, memory over time, where the memory is") \
  S(slabs, "how full the slabs of each class are; with --json, all maps of slabs") \
  S(incidents, "wrong headers, double and invalid frees, shared_fails, with their stacks") \
  S(leaks, "live blocks at the end (HAKMEM_LEAKS)") \
  S(sites, "the live heap by call site (HAKMEM_PROFILE)") \
  S(latency, "how long calls of malloc and free took, the longest calls; lookups, drains, refills, the legacy path, mappings") \
  S(counts, "how often each thing happened") \
  S(flight, "the newest events of the flight recorder, which the other sections count, too") \
  S(comparison, "the trace against the statistics of the same run")
#define PRINT_DECLARE(name, what) void print_##name(FILE *out, const struct page *page);
PRINT_SECTIONS(PRINT_DECLARE)

/* Prints one section. False if there is none with this name; without a page, prints nothing. */
bool print_section(FILE *out, const struct page *page, const char *name);
void print_section_names(FILE *out);

/* All call sites as "main;parse;copy_name BYTES". False if there are none. */
bool print_folded(FILE *out, const struct page *page);

/* Prints all sections as text. */
void print_text(FILE *out, const struct page *page);
void print_alive(FILE *out, const struct report *r); /* of which moment the figures of processes are that are alive */

/* Rows of a long table that are shown without --all. */
#define PRINT_ROWS 10

/* Prints a histogram by class: a line of figures and a drawing of all together, then a line for each class. In print_latency.c. */
void print_histograms(FILE *out, const struct page *page, const char *title, struct histogram *const table[CLASS_ROWS], struct timed timed);

/* "8-9 ns": one standard error to both sides of a quantile. In print_latency.c. */
void print_range(struct table *t, struct quantile_range range, bool ticks);

/* Prints how long whole calls took, and the longest. The part of the section `latency` in print_calls.c. */
void print_calls(FILE *out, const struct page *page);

/* Prints "function at file:line", or the known part of it, without a line's end. In print_symbol.c. */
void print_symbol(FILE *out, const struct symbol *symbol, uint64_t address);

/* Names each module of the stacks so far whose file is not the one that ran: once, below all stacks. Also in print_symbol.c. */
void print_replaced(FILE *out);

/* Nanoseconds (or ticks) that the refills of a report spent in each stage, and the standard error if not every refill was timed. In print_latency.c. */
void estimate_stages(const struct report *r, double spent[STAGE_COUNT], double errors[STAGE_COUNT]);

/* Prints the stack `id` of process `p` of page->main, or a line that says why there is none. In print_incidents.c. */
void print_stack_of(FILE *out, const struct page *page, const struct model_process *p, uint32_t id);

/* Prints "(N more ...; --all shows them)" below a cut table. */
void print_more(FILE *out, const struct page *page, size_t shown, size_t there_are, const char *one, const char *many);

/* Figures of a group. Only statistics files count allocs and frees: with a trace alone they are UNKNOWN. */
#define GROUP_FIGURES(F) F(allocs) F(frees) F(refills) F(drains) F(shared_fails) F(hdr_resets) F(allocated)
#define GROUP_MEMBER(name) uint64_t name;
struct group_row {
  char *name; /* from the program: to be escaped before it is shown */
  size_t processes;
  GROUP_FIGURES(GROUP_MEMBER)
};

/* False if `name` is none of them. */
bool group_by_read(const char *name, enum group_by *by);
const char *group_by_name(enum group_by by);

/* The groups of the page's statistics files if there are any, else of its trace; those with the most memory in use first. To be freed. */
struct group_row *groups_of(const struct page *page, size_t *count);
void groups_free(struct group_row *rows, size_t count);

#endif
