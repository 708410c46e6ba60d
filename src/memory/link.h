/*
 * link.h: the link in a free block, from which no program can make malloc return an address of its choice. No other file touches the word in memory.
 *
 *   word = next / 16 * factor  ^  secret  ^  the block's own address
 *
 * factor (odd) and secret are drawn when the process starts: link_start. A block's address is a multiple of 16 below 2^47. So what is decoded must be
 * below 2^43, and of any word that the program wrote, one of 2^21 is: one in two million (aarch64: addresses of 48 bits, and one of 2^20). Otherwise
 * the link is LINK_BROKEN, which leads to no block.
 *
 * A partial overwrite passes no more often. Let the lowest bit that it changes be bit k. The multiplication by the inverse of the factor spreads the
 * change over all bits from k on, and one of 2^21 of these results is small enough; none if k >= 43. The address makes a link useless in another block,
 * and the secret hides the links of a process that writes known addresses. Both are of no use against a program that reads free blocks, too.
 */
#ifndef HAKMEM_LINK_H
#define HAKMEM_LINK_H

#include "platform/base.h"

struct block {
  uint64_t word; /* valid while free */
};

#if defined(__x86_64__)
#define ADDRESS_BITS 47
#else
#define ADDRESS_BITS 48
#endif
#define LINK_SHIFT 4 /* of MIN_ALIGN */
#define LINK_LIMIT (UINT64_C(1) << (ADDRESS_BITS - LINK_SHIFT))
#define LINK_BROKEN ((struct block *)UINTPTR_MAX)

/* The same in all threads, and in a forked child. `limit` is LINK_LIMIT: the fast path compares with memory, because it has no register for it. */
struct link_key {
  uint64_t secret, factor, inverse, limit; /* factor * inverse == 1 */
};
extern struct link_key link_key;

/* Draws the key. Called before the first link is written. */
void link_start(void);

UNCHECKED void link_write(struct block *block, const struct block *next, const struct link_key *key) {
  static_assert(1 << LINK_SHIFT == MIN_ALIGN, "all blocks, and the end of a list, lie at multiples of it");
  uint64_t word = ((uintptr_t)next >> LINK_SHIFT) * key->factor ^ key->secret;
  __asm__("" : "+r"(word)); /* keeps the compiler from loading the secret into a register of its own */
  block->word = word ^ (uintptr_t)block;
}

UNCHECKED struct block *link_read(const struct block *block, const struct link_key *key) {
  const uint64_t next = (block->word ^ (uintptr_t)block ^ key->secret) * key->inverse;
  return UNLIKELY(next >= key->limit) ? LINK_BROKEN : (struct block *)(uintptr_t)(next << LINK_SHIFT);
}

/* The block is to hold zeros only. */
UNCHECKED void link_clear(struct block *block) { block->word = 0; }

/* What lies in memory, for reports. */
UNCHECKED uint64_t link_word(const struct block *block) { return block->word; }

/* The same for all who have no copy of the key at hand. LINK_BROKEN: the block was written to after its free. */
ALWAYS_INLINE struct block *block_next(const struct block *block) { return link_read(block, &link_key); }
ALWAYS_INLINE void block_link(struct block *block, const struct block *next) { link_write(block, next, &link_key); }

#endif
