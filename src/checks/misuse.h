/*
 * misuse.h: reports a wrong header or a wrong pointer, with a verdict on what the program did. Off the fast paths, with no lock held. With
 * HAKMEM_ON_ERROR=abort none of these functions returns.
 */
#ifndef HAKMEM_MISUSE_H
#define HAKMEM_MISUSE_H

#include "platform/base.h"
#include "events.h"
#include "pointer.h"

/* How a wrong header or pointer was found. */
enum misuse_state {
  MISUSE_LIVE,       /* it was given to free, */
  MISUSE_REALLOCED,  /* to realloc, */
  MISUSE_MEASURED,   /* to malloc_usable_size */
  MISUSE_AT_END,     /* by the check of all blocks when the process ended */
  MISUSE_FREE,       /* the block is in a list of free ones, */
  MISUSE_OVERWRITTEN /* and the link in it is broken, too */
};

/* `at` is a block of a class whose header does not say live, or, of a block in a list, does not say free. */
void misuse_header(const struct pointer *at, enum misuse_state state);

/* The link of a free block of class `cls` leads to `p`, which is no free block of it. */
void misuse_link(uint32_t cls, const void *p);

/* The link of `block`, a free block of class `cls` in its slab, leads out of it. */
void misuse_broken(uint32_t cls, const void *block);

/* No live block begins at a pointer that was given to free, realloc or malloc_usable_size. */
void misuse_pointer(const struct pointer *at, enum misuse_state state);

/* A live block was given to a sized free with a size that it was not allocated with. */
void misuse_size(const struct pointer *at, size_t told);

/* A block of which `known` is known is given back by `given`. False, after a report, if another family made it. */
bool misuse_family(const struct record *known, enum block_family given);

/*
 * For blocks that are in no slab: `e` says what is wrong with one, `known` what is known of it, if anything. misuse_fault: found by a fault
 * whose ucontext_t is `context`; for a signal handler.
 */
void misuse_known(struct event_hdr_reset *e, const struct record *known);
void misuse_fault(struct event_hdr_reset *e, const struct record *known, void *context);

#endif
