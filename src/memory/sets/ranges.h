/*
 * ranges.h: a set of addresses, as ranges.
 *
 *   range[0 .. count-1], sorted:   range[i].end < range[i+1].start   (neighbours are joined)
 *
 * Nothing here locks.
 */
#ifndef HAKMEM_RANGES_H
#define HAKMEM_RANGES_H

#include "platform/base.h"

#define RANGES_MAX 12288

struct ranges {
  uint32_t count;
  bool full; /* the table was full once: a range is missing */
  struct {
    uintptr_t start, end;
  } range[RANGES_MAX];
};

/* Adds [start, end), which must not overlap the set. */
void ranges_add(struct ranges *ranges, uintptr_t start, uintptr_t end);

/* Removes the part of [start, end) that is in the set. */
void ranges_cut(struct ranges *ranges, uintptr_t start, uintptr_t end);

/* The first range that ends behind `at`. False if there is none. */
bool ranges_next(const struct ranges *ranges, uintptr_t at, uintptr_t *start, uintptr_t *end);

bool ranges_are_valid(const struct ranges *ranges);

#endif
