/*
 * audit.h: checks the headers of free blocks that are on their way from one owner to another.
 *
 * So an overrun into a free block is found when that block is moved. Those that are good are noted in seen.h.
 */
#ifndef HAKMEM_AUDIT_H
#define HAKMEM_AUDIT_H

#include "platform/base.h"
#include "slabs/header.h"

#define AUDIT_FEW 8u /* of each chain: to touch all blocks of one that is handed on whole would be a cache miss each */

#if HAKMEM_EVENTS

/*
 * Checks the first `most` blocks of `chain`, of class `cls`. Those with a wrong header are reported and taken out; behind a broken link the
 * rest is lost, not followed. Returns what is left. No lock may be held.
 */
struct chain audit_chain(uint32_t cls, struct chain chain, uint32_t most);

/* The head of `chain` has a wrong header, or no link led to it: reports it, and returns what can go on behind it. No lock may be held. */
struct chain audit_broken(uint32_t cls, struct chain chain);

#else

static inline struct chain audit_chain(uint32_t cls, struct chain chain, uint32_t most) { (void)cls, (void)most; return chain; }
static inline struct chain audit_broken(uint32_t cls, struct chain chain) { (void)cls, (void)chain; return CHAIN_EMPTY; }

#endif

#endif
