/*
 * misuse.h: what a wrong header or a wrong pointer means, and saying so.
 */
#ifndef HAKMEM_MISUSE_H
#define HAKMEM_MISUSE_H

#include "base.h"
#include "events.h"
#include "superslab.h"

/*
 * A block's header was found to be `got`. Raises hdr_reset with a verdict; with HAKMEM_ON_ERROR=abort does not return. No lock
 * may be held.
 */
enum misuse_state {
  MISUSE_LIVE,     /* the block was in use: being given back, or resized */
  MISUSE_FREE,     /* it was in a list, being handed out */
  MISUSE_OVERWRITTEN /* so it was, and the link in it is broken, too */
};
void misuse_header(const struct slab *slab, const void *block, uint8_t got, enum misuse_state state);

/* The link of a free block of class `cls` leads to `p`, which is no free block of it; `got`: the byte before `p`. */
void misuse_link(uint32_t cls, const void *p, uint8_t got);

/* A pointer that is not a block of ours was given to free or realloc; `slab` is NULL where it does not even point into one. */
void misuse_pointer(const struct slab *slab, const void *p);

#endif
