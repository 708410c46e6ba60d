/*
 * link.h: the link in a free block, from which no program can make malloc return an address of its choice. No other file touches the word in memory.
 *
 *   word = (next / 16 + base) * factor  ^  the block's own address
 *
 * factor (odd, 63 random bits) and base (32 random bits) are drawn when the process starts: link_start. A block's address is a multiple of 16 below
 * 2^47, and base is 2^64 - 2^43 less its random bits. So a sum lies between base and 2^64, and one comparison with base is the whole check. Of any word
 * that the program wrote, one of 2^21 passes: one in two million (aarch64: addresses of 48 bits, and one of 2^20). Otherwise the link is LINK_BROKEN,
 * which leads to no block.
 *
 * A partial overwrite passes no more often. Let the lowest bit that it changes be bit k. The multiplication by the inverse of the factor spreads the
 * change over all bits from k on, and one of 2^21 of these results is large enough; none if k >= 43. The address makes a link useless in another block.
 * A block's own address as its word is the product 0, which never passes. The random bits of base hide the factor from a program that reads one free
 * block. A program that reads several can compute both.
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

/* The same in all threads, and in a forked child. */
struct link_key {
  uint64_t base, factor, inverse; /* base + LINK_LIMIT <= 2^64, factor * inverse == 1 */
};
extern struct link_key link_key;

/* Draws the key. Called before the first link is written. */
void link_start(void);

UNCHECKED void link_write(struct block *block, const struct block *next, const struct link_key *key) {
  static_assert(1 << LINK_SHIFT == MIN_ALIGN, "all blocks, and the end of a list, lie at multiples of it");
  block->word = (((uintptr_t)next >> LINK_SHIFT) + key->base) * key->factor ^ (uintptr_t)block;
}

UNCHECKED struct block *link_read(const struct block *block, const struct link_key *key) {
  uint64_t next;
  if (UNLIKELY(__builtin_sub_overflow((block->word ^ (uintptr_t)block) * key->inverse, key->base, &next))) return LINK_BROKEN;
  return (struct block *)(uintptr_t)(next << LINK_SHIFT);
}

/* The block is to hold zeros only. */
UNCHECKED void link_clear(struct block *block) { block->word = 0; }

/* What lies in memory, for reports. */
UNCHECKED uint64_t link_word(const struct block *block) { return block->word; }

/* The same for all who have no copy of the key at hand. LINK_BROKEN: the block was written to after its free. */
ALWAYS_INLINE struct block *block_next(const struct block *block) { return link_read(block, &link_key); }
ALWAYS_INLINE void block_link(struct block *block, const struct block *next) { link_write(block, next, &link_key); }

#endif
