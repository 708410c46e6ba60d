/*
 * kept.h: address ranges of freed huge blocks, mapped still and kept for the next ones.
 *
 *   range[0 .. count-1], sorted by address:   range[i].base + range[i].size < range[i+1].base   (neighbours are joined)
 *   bytes = sum of range[i].size
 *   bases and sizes are multiples of UNIT_SIZE
 *
 * Nothing here locks or maps: the owner holds its lock, and unmaps what kept_evict hands out after it let go of it.
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

/* Adds a range that touches no other. False, and nothing changed, where there is no place for one more. */
bool kept_add(struct kept *kept, char *base, size_t size, uint64_t now_ms, uint32_t thread);

/*
 * Takes `size` bytes at a multiple of `align` out of the smallest range that has `room` bytes, not below `size`, or where none has, out of the
 * largest one; of those that `thread` freed, if one of them has `size` bytes. What is more than `size` stays behind it. NULL where no range has them.
 */
char *kept_take(struct kept *kept, size_t size, size_t room, size_t align, uint32_t thread);

/* Whether a range has `size` bytes at a multiple of `align`. */
bool kept_has(const struct kept *kept, size_t size, size_t align);

/* Takes just [base, base + size). False, and nothing changed, where not all of it is kept. */
bool kept_take_at(struct kept *kept, const char *base, size_t size);

/* Takes the range that lies longest, or of a larger one the last `most` bytes, where it lies since `before_ms` or longer. False where there is none. */
bool kept_evict(struct kept *kept, uint64_t before_ms, size_t most, struct kept_range *out);

/* Whether `p` points into what is kept. */
bool kept_holds(const struct kept *kept, const void *p);

bool kept_is_valid(const struct kept *kept);

#endif
