/*
 * kept.h: address ranges of freed huge blocks that are still mapped, kept for the next huge blocks.
 *
 *   range[0 .. count-1], sorted by address:   range[i].base + range[i].size < range[i+1].base   (neighbours are joined)
 *   bytes = sum of range[i].size
 *   bases and sizes are multiples of UNIT_SIZE
 *
 * Nothing here locks or maps. The owner holds its lock, and unmaps the range that kept_evict returned after releasing the lock.
 */
#ifndef HAKMEM_KEPT_H
#define HAKMEM_KEPT_H

#include "platform/base.h"

#define KEPT_RANGES 256

struct kept_range {
  char *base;
  size_t size;
  uint64_t since_ms; /* when the last part of it was freed, */
  uint32_t thread;   /* and by which thread */
};

struct kept {
  struct kept_range range[KEPT_RANGES];
  uint32_t count;
  size_t bytes;
};

/* Adds a range that overlaps no other. False, and nothing changed, if the table is full. */
bool kept_add(struct kept *kept, char *base, size_t size, uint64_t now_ms, uint32_t thread);

/*
 * Takes `size` bytes at a multiple of `align`. Ranges that `thread` freed are preferred. Among those, it takes from the smallest one that has `room` bytes
 * (`room` >= `size`); if none has, from the largest. The rest of the range stays kept. NULL if no range has `size` bytes.
 */
char *kept_take(struct kept *kept, size_t size, size_t room, size_t align, uint32_t thread);

/* Whether a range has `size` bytes at a multiple of `align`. */
bool kept_has(const struct kept *kept, size_t size, size_t align);

/* Takes exactly [base, base + size). False, and nothing changed, if a part of it is not kept. */
bool kept_take_at(struct kept *kept, const char *base, size_t size);

/* Takes out the oldest range if it was freed at `before_ms` or earlier; of a larger one, its last `most` bytes. False if there is none. */
bool kept_evict(struct kept *kept, uint64_t before_ms, size_t most, struct kept_range *out);

/* Takes out the longest range that `thread` freed and that is shorter than `below`. False if there is none. */
bool kept_take_shorter(struct kept *kept, size_t below, uint32_t thread, struct kept_range *out);

/* Whether `p` points into a kept range. */
bool kept_holds(const struct kept *kept, const void *p);

bool kept_is_valid(const struct kept *kept);

#endif
