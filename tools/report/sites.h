/*
 * sites.h: the live heap by allocation site (HAKMEM_PROFILE), for the writers: the sites of a process, of a report, and the growth between two.
 */
#ifndef HAKMEM_TOOLS_SITES_H
#define HAKMEM_TOOLS_SITES_H

#include "print.h"

struct site {
  uint32_t stack; /* of a process; 0: no stack */
  char *folded;   /* "main;parse;copy_name": the program's functions, outermost first, escaped; NULL until needed */
  unsigned inner; /* of them, the innermost ones that are the C++ library's; 0 if all are */
  char *place;    /* "names.c:12": where the function outside of these allocates, escaped; without the line if it has several; NULL if unknown */
  struct stats_site f;
};

/* The sites of one moment by stack, those with most live bytes first. The caller frees the list. */
struct site *sites_of(const struct stats_profile *profile, size_t *count);

/* Adds the figures of one to another. */
void sites_add(struct stats_site *to, const struct stats_site *from);

/* All of them and the rest, added up. */
struct stats_site sites_sum(const struct stats_profile *profile);

/* Sorts by bytes in hardly used slabs, the largest first. */
void sites_rank_pins(struct site *sites, size_t count);

/*
 * The last moments of all processes of a report, by stack as text and in the order of that text. So processes and runs can be compared. Empty if
 * there is none. sites_free frees it.
 */
struct site *sites_fold(const struct report *r, size_t *count);
void sites_free(struct site *sites, size_t count);

/*
 * "copy_name at names.c:12 <- parse <- main": a folded stack with the innermost function first, because a long line is cut at its end. Begins behind the
 * first `inner` functions. `place` may be NULL. The caller frees it.
 */
char *sites_innermost_first(const char *folded, unsigned inner, const char *place);

/* Growth: the sites of either report by how much more they have in the second, the largest first. */
struct growth {
  const char *folded, *place; /* as a site's; they live as long as the sites */
  unsigned inner;             /* as a site's */
  int64_t bytes, blocks;
  uint64_t before, after;
  double variance; /* the square of the standard error of `bytes` is at most this: blocks that live in both may be the same samples */
};
struct growth *sites_compare(const struct site *before, size_t before_count, const struct site *after, size_t after_count, size_t *count);

#endif
