/*
 * header.h: the witness byte just before a block, and chains of free blocks. The link inside a free one: link.h.
 *
 *          left neighbour            block
 *     | ................... H | ................ H' |
 *                           ^ block - 1 = its header, the last byte of the left neighbour's stride
 *
 *   live      0xa0 | (cls & 15)
 *   sampled   0xb0 | (cls & 15)    live, and with a record: see records.h
 *   free      0x5f                in a list, or never handed out
 *
 * A list ends at BLOCK_END. With headers, that is a block whose header is not `free`, so one comparison finds both the
 * end of a list and a broken header. Without (HAKMEM_EVENTS=0), it is NULL.
 */
#ifndef HAKMEM_HEADER_H
#define HAKMEM_HEADER_H

#include "platform/base.h"
#include "memory/link.h"

/* The place of the header of a block at `p`, as an address only: `p` may be NULL, which has no byte before it. */
ALWAYS_INLINE const void *header_place(const void *p) { return (const void *)((uintptr_t)p - 1); }

#define HEADER_FREE ((uint8_t)0x5f)

ALWAYS_INLINE uint8_t header_live(uint32_t cls) { return (uint8_t)(0xa0 | (cls & 15)); }
/* The header of a block with a record. The fast path expects the live header, so this block's free takes the slow path. */
ALWAYS_INLINE uint8_t header_sampled(uint32_t cls) { return (uint8_t)(0xb0 | (cls & 15)); }
ALWAYS_INLINE bool header_says_live(uint8_t header, uint32_t cls) { return (header & ~0x10) == header_live(cls); }

/* What a header says of its block. */
enum block_state {
  BLOCK_LIVE,
  BLOCK_FREE,
  BLOCK_BROKEN, /* neither: the header was overwritten */
};
static inline enum block_state header_state(uint8_t header, uint32_t cls) {
  return header_says_live(header, cls) ? BLOCK_LIVE : header == HEADER_FREE ? BLOCK_FREE : BLOCK_BROKEN;
}

#if HAKMEM_EVENTS

extern struct block_end {
  uint8_t before[MIN_ALIGN];
  struct block block;
} __attribute__((aligned(MIN_ALIGN))) block_end;
#define BLOCK_END (&block_end.block)

UNCHECKED uint8_t header_get(const void *block) { return ((const uint8_t *)block)[-1]; }
UNCHECKED void header_set(void *block, uint8_t value) { ((uint8_t *)block)[-1] = value; }
/* Whether `block`, the head of a list, can be handed out: it is not the list's end, and its header is whole. */
ALWAYS_INLINE bool block_can_pop(const struct block *block) { return header_get(block) == HEADER_FREE; }
/* Whether the header before `block` is `live`. */
ALWAYS_INLINE bool header_is(const void *block, uint8_t live) { return header_get(block) == live; }
ALWAYS_INLINE bool header_is_sampled(const void *block, uint32_t cls) { return header_get(block) == header_sampled(cls); }
ALWAYS_INLINE bool header_says_live_at(const void *block, uint32_t cls) { return header_says_live(header_get(block), cls); }

#else

#define BLOCK_END ((struct block *)NULL)

ALWAYS_INLINE void header_set(void *block, uint8_t value) { (void)block, (void)value; }
ALWAYS_INLINE bool block_can_pop(const struct block *block) { return block != BLOCK_END; }
ALWAYS_INLINE bool header_is(const void *block, uint8_t live) {
  (void)block, (void)live;
  return true;
}
ALWAYS_INLINE bool header_is_sampled(const void *block, uint32_t cls) {
  (void)block, (void)cls;
  return false;
}
ALWAYS_INLINE bool header_says_live_at(const void *block, uint32_t cls) {
  (void)block, (void)cls;
  return true;
}

#endif

/*
 * A free block whose link is broken, and which is taken out of its list. So are the blocks behind it, because only the link led to them: they are
 * abandoned, as if they were live for ever. `block` is NULL if none was found.
 */
struct broken_link {
  struct block *block;
  uint64_t word; /* what was found in place of the link */
  uint64_t lost; /* blocks behind it */
};

static inline struct broken_link broken_link_of(struct block *block, uint64_t lost) { return (struct broken_link){block, link_word(block), lost}; }

/* A run of blocks that moves from one owner to another. count == 0 <=> head == BLOCK_END. */
struct chain {
  struct block *head;
  uint32_t count;
};

#define CHAIN_EMPTY ((struct chain){BLOCK_END, 0})

static inline void chain_push(struct chain *chain, struct block *block) {
  block_link(block, chain->head);
  chain->head = block;
  chain->count++;
}

#endif
