#include "ranges.h"

#include <string.h>

/* The index of the first range that ends behind `at`. */
static uint32_t first_behind(const struct ranges *ranges, uintptr_t at) {
  uint32_t low = 0, high = ranges->count;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (ranges->range[middle].end > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

static void remove_at(struct ranges *ranges, uint32_t i) {
  ranges->count--;
  memmove(&ranges->range[i], &ranges->range[i + 1], (ranges->count - i) * sizeof(ranges->range[0]));
}

static void insert_at(struct ranges *ranges, uint32_t i, uintptr_t start, uintptr_t end) {
  if (ranges->count == RANGES_MAX) {
    ranges->full = true;
    return;
  }
  memmove(&ranges->range[i + 1], &ranges->range[i], (ranges->count - i) * sizeof(ranges->range[0]));
  ranges->range[i].start = start;
  ranges->range[i].end = end;
  ranges->count++;
}

void ranges_add(struct ranges *ranges, uintptr_t start, uintptr_t end) {
  const uint32_t i = first_behind(ranges, start);
  const bool joins_last = i > 0 && ranges->range[i - 1].end == start, joins_next = i < ranges->count && ranges->range[i].start == end;
  if (joins_last && joins_next) {
    ranges->range[i - 1].end = ranges->range[i].end;
    remove_at(ranges, i);
  } else if (joins_last) {
    ranges->range[i - 1].end = end;
  } else if (joins_next) {
    ranges->range[i].start = start;
  } else {
    insert_at(ranges, i, start, end);
  }
}

void ranges_cut(struct ranges *ranges, uintptr_t start, uintptr_t end) {
  uint32_t i = first_behind(ranges, start);
  while (i < ranges->count && ranges->range[i].start < end) {
    const uintptr_t old_start = ranges->range[i].start, old_end = ranges->range[i].end;
    if (old_start >= start && old_end <= end) {
      remove_at(ranges, i);
      continue;
    }
    if (old_start >= start) {
      ranges->range[i].start = end;
    } else {
      ranges->range[i].end = start;
      if (old_end > end) insert_at(ranges, i + 1, end, old_end);
    }
    i++;
  }
}

bool ranges_next(const struct ranges *ranges, uintptr_t at, uintptr_t *start, uintptr_t *end) {
  const uint32_t i = first_behind(ranges, at);
  if (i == ranges->count) return false;
  *start = ranges->range[i].start;
  *end = ranges->range[i].end;
  return true;
}

bool ranges_are_valid(const struct ranges *ranges) {
  for (uint32_t i = 0; i < ranges->count; i++) {
    if (ranges->range[i].start >= ranges->range[i].end) return false;
    if (i > 0 && ranges->range[i - 1].end >= ranges->range[i].start) return false;
  }
  return ranges->count <= RANGES_MAX;
}
