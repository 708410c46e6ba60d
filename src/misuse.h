/*
 * misuse.h: what a wrong header or a wrong pointer means, and saying so.
 */
#ifndef HAKMEM_MISUSE_H
#define HAKMEM_MISUSE_H

#include "base.h"
#include "events.h"
#include "superslab.h"

/*
 * A block's header was found to be `got`. Raises hdr_reset with a verdict; with HAKMEM_ON_ERROR=abort does not return. `freed`: the
 * block was being given back, not handed out. No lock may be held.
 */
void misuse_header(const struct slab *slab, const void *block, uint8_t got, bool freed);

/* A pointer that is not a block of ours was given to free or realloc; `slab` is NULL where it does not even point into one. */
void misuse_pointer(const struct slab *slab, const void *p);

#endif
