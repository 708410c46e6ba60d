/*
 * misuse.h: reports a wrong header or a wrong pointer, with a verdict on what the program did. Called off the fast paths, with no lock held. With
 * HAKMEM_ON_ERROR=abort, these functions do not return.
 */
#ifndef HAKMEM_MISUSE_H
#define HAKMEM_MISUSE_H

#include "platform/base.h"
#include "events.h"
#include "pointer.h"

/* How a wrong header or pointer was found. */
enum misuse_state {
  MISUSE_LIVE,      /* it was given to free, */
  MISUSE_REALLOCED, /* to realloc, */
  MISUSE_MEASURED,  /* to malloc_usable_size */
  MISUSE_AT_END     /* by the check of all blocks when the process ended */
};

/* The header of `at`, a block of a class, is wrong: it should say live. */
void misuse_header(const struct pointer *at, enum misuse_state state);

/* The same in a list of free blocks: it should say free. `linked`: its link is whole. `behind` has the blocks that are lost if it is not. */
void misuse_free_header(const struct pointer *at, bool linked, const struct broken_link *behind);

/* The link of `at`, a free block, is broken. */
void misuse_link(const struct pointer *at, const struct broken_link *broken);

/* A list of free blocks of class `cls` leads to `p`, which is not a free block of that class. */
void misuse_listed(uint32_t cls, const void *p);

/* No live block begins at a pointer that was given to free, realloc or malloc_usable_size. */
void misuse_pointer(const struct pointer *at, enum misuse_state state);

/* A live block was given to a sized free with a size that it was not allocated with. */
void misuse_size(const struct pointer *at, size_t told);

/* The block of `known` is freed by a function of the family `given`. False, after a report, if a function of another family allocated it. True if that is not known. */
bool misuse_family(const struct record *known, enum block_family given);

/*
 * For blocks outside of slabs. `e` has the verdict on the block; `known` is its record, or NULL. misuse_fault is for a signal handler: a fault, whose
 * ucontext_t is `context`, has found the error.
 */
void misuse_known(struct event_hdr_reset *e, const struct record *known);
void misuse_fault(struct event_hdr_reset *e, const struct record *known, void *context);

/*
 * Whether the program overflows a large or huge block if it touches `address`, any bits, and faults there: it is closed memory behind the block
 * (slabs/spans.h, slabs/legacy/seals.h). misuse_behind reports that. Both are for a signal handler, as misuse_fault is.
 */
bool misuse_is_behind(const void *address);
void misuse_behind(const void *address, enum access_way way, void *context);

#endif
