/*
 * audit.h: checks the headers and links of free blocks when they move from one owner to another.
 *
 * So an overrun into a free block is found when that block is moved. Blocks with a good header are noted in seen.h.
 */
#ifndef HAKMEM_AUDIT_H
#define HAKMEM_AUDIT_H

#include "platform/base.h"
#include "slabs/header.h"

#define AUDIT_FEW 8u     /* of each chain that is moved whole: checking all its blocks would cost a cache miss each */
#define AUDIT_FOREIGN 2u /* of those from a thread that allocates none of them: another thread's pops check each block soon */

#if HAKMEM_EVENTS

/*
 * Checks the first `most` blocks of `chain`, of class `cls`. Blocks with a wrong header or link are reported and taken out. At a broken link the
 * chain ends, and its rest is lost. Returns the checked chain. No lock may be held.
 */
struct chain audit_chain(uint32_t cls, struct chain chain, uint32_t most);

/* The same for several chains at one time, `when`, which audit_now returned. */
struct chain audit_chain_at(uint32_t cls, struct chain chain, uint32_t most, uint64_t when);
uint64_t audit_now(void);

#else

static inline struct chain audit_chain(uint32_t cls, struct chain chain, uint32_t most) {
  (void)cls, (void)most;
  return chain;
}
static inline struct chain audit_chain_at(uint32_t cls, struct chain chain, uint32_t most, uint64_t when) {
  (void)cls, (void)most, (void)when;
  return chain;
}
static inline uint64_t audit_now(void) { return 0; }

#endif

/*
 * `bad`, in a list of free blocks of class `cls`, is no whole free block, or its link is broken: reports that. Returns the block behind it, so that the
 * caller can take it out; or the list's end, if its link cannot be followed. Then the `behind` blocks behind it are abandoned. No lock may be held.
 */
struct block *audit_drop(uint32_t cls, struct block *bad, uint32_t behind);

/* The head of `chain` has a wrong header, or its link leads to no block: reports that, and returns the chain without it. No lock may be held. */
struct chain audit_broken(uint32_t cls, struct chain chain);

#endif
