/*
 * spans.h: the memory of a SuperSlab, which is one span of address space: how it is mapped, and what of it cannot be touched.
 *
 *   | page | moat, as long as the SuperSlab | the SuperSlab: open units, shut units | page |
 *
 * The pages are there as long as the process has few SuperSlabs. Moat and shut units are there if an error ends the process ("fences"): units that were
 * never used, and those of large blocks that were freed. Behind each large block, a shut unit is its fence. The place of the large block that was freed
 * last rests. No function here takes a lock, and no lock may be held: all but span_has_fences make system calls.
 */
#ifndef HAKMEM_SPANS_H
#define HAKMEM_SPANS_H

#include "platform/base.h"
#include "superslab.h"

struct span {
  char *base;  /* of the SuperSlab; NULL: there is no memory */
  size_t moat; /* bytes before it */
  bool apart;  /* os_map_guarded mapped it */
};

/* Whether an error ends the process, so that unused memory is shut. */
bool span_has_fences(void);

/* Maps the span of a SuperSlab beside `active` others. If the kernel refuses, *error is the errno. span_unmap: no SuperSlab was begun there. */
struct span span_map(uint32_t active, int *error);
void span_unmap(const struct span *span);

/* The SuperSlab begins in the span, with all of its units free. span_end unmaps an empty one, and returns the bytes that it had. */
void span_begin(struct superslab *ss, const struct span *span);
size_t span_end(struct superslab *ss);

/* Opens the units of a slab, with their content; span_open_new, perhaps without it. False: the kernel refuses. */
bool span_open(const struct slab *slab);
bool span_open_new(const struct slab *slab);

/* Shuts the last unit of an open large block, if there are fences. */
void span_fence(const struct slab *slab);

/* Before the units of a freed large block are given back. True: they are shut. */
bool span_shut_freed(const struct slab *slab);

#endif
