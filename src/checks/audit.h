/*
 * audit.h: the headers of free blocks that are on their way from one owner to another, and when each was last seen good.
 *
 * So an overrun into a free block is found when that block is moved, and its report can say since when it is there. What was seen good is
 * kept in a table of AUDIT_SEEN blocks, one line a block, in one of four places by its hash: the newest takes that of the oldest.
 */
#ifndef HAKMEM_AUDIT_H
#define HAKMEM_AUDIT_H

#include "platform/base.h"
#include "slabs/header.h"

#define AUDIT_FEW 8u /* of each chain: to touch all blocks of one that is handed on whole would be a cache miss each */
#define AUDIT_SEEN 2048u

#if HAKMEM_EVENTS

/*
 * Checks the first `most` blocks of `chain`, of class `cls`. Those with a wrong header are reported and taken out; behind a broken link the
 * rest is lost, not followed. Returns what is left. No lock may be held.
 */
struct chain audit_chain(uint32_t cls, struct chain chain, uint32_t most);

/* The head of `chain` has a wrong header, or no link led to it: reports it, and returns what can go on behind it. No lock may be held. */
struct chain audit_broken(uint32_t cls, struct chain chain);

/* When an audit last saw the block good, in ms as os_now_ms counts, and on which thread; false where that is not known. */
bool audit_last_good(const void *block, uint32_t *ms, uint32_t *thread);

#else

static inline struct chain audit_chain(uint32_t cls, struct chain chain, uint32_t most) { (void)cls, (void)most; return chain; }
static inline struct chain audit_broken(uint32_t cls, struct chain chain) { (void)cls, (void)chain; return CHAIN_EMPTY; }

#endif

#endif
