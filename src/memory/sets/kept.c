#include "kept.h"

#include <string.h>

static char *end_of(const struct kept_range *range) { return range->base + range->size; }

static void insert(struct kept *kept, uint32_t at, struct kept_range range) {
  memmove(&kept->range[at + 1], &kept->range[at], (kept->count - at) * sizeof(range));
  kept->range[at] = range;
  kept->count++;
}

/* The entry that is left over is cleared: a leak checker would take its base for a pointer to the block that lies there by then. */
static void erase(struct kept *kept, uint32_t at) {
  kept->count--;
  memmove(&kept->range[at], &kept->range[at + 1], (kept->count - at) * sizeof(struct kept_range));
  kept->range[kept->count] = (struct kept_range){.base = NULL};
}

bool kept_add(struct kept *kept, char *base, size_t size, uint64_t now_ms, uint32_t thread) {
  uint32_t at = 0;
  while (at < kept->count && kept->range[at].base < base) at++;
  struct kept_range *left = at > 0 ? &kept->range[at - 1] : NULL;
  struct kept_range *right = at < kept->count ? &kept->range[at] : NULL;
  const bool joins_left = left != NULL && end_of(left) == base, joins_right = right != NULL && base + size == right->base;
  if (!joins_left && !joins_right && kept->count == KEPT_RANGES) return false;
  kept->bytes += size;
  if (joins_left && joins_right) {
    *left = (struct kept_range){left->base, left->size + size + right->size, now_ms, thread};
    erase(kept, at);
  } else if (joins_left) {
    *left = (struct kept_range){left->base, left->size + size, now_ms, thread};
  } else if (joins_right) {
    *right = (struct kept_range){base, size + right->size, now_ms, thread};
  } else {
    insert(kept, at, (struct kept_range){base, size, now_ms, thread});
  }
  return true;
}

/* Takes [base, base + size) out of range `at`, which holds it. The rest on either side keeps its age. */
static bool cut(struct kept *kept, uint32_t at, const char *base, size_t size) {
  struct kept_range *range = &kept->range[at];
  const size_t before = (size_t)(base - range->base), after = range->size - before - size;
  if (before != 0 && after != 0) {
    if (kept->count == KEPT_RANGES) return false;
    insert(kept, at + 1, (struct kept_range){range->base + before + size, after, range->since_ms, range->thread});
    range->size = before;
  } else if (before != 0) {
    range->size = before;
  } else if (after != 0) {
    range->base += size;
    range->size = after;
  } else {
    erase(kept, at);
  }
  kept->bytes -= size;
  return true;
}

/* Bytes of the range from its first multiple of `align`, a power of two; 0 if it has none. */
static size_t size_at(const struct kept_range *range, size_t align) {
  const size_t lead = -(uintptr_t)range->base & (align - 1);
  return range->size > lead ? range->size - lead : 0;
}

/* Whether to take `a` rather than `b`; both have the bytes. A range that another thread freed is likely in another processor's cache. */
static bool is_better(const struct kept_range *a, const struct kept_range *b, size_t room, size_t align, uint32_t thread) {
  if ((a->thread == thread) != (b->thread == thread)) return a->thread == thread;
  const bool a_has_room = size_at(a, align) >= room, b_has_room = size_at(b, align) >= room;
  return a_has_room != b_has_room ? a_has_room : a_has_room ? a->size < b->size : a->size > b->size;
}

char *kept_take(struct kept *kept, size_t size, size_t room, size_t align, uint32_t thread) {
  uint32_t best = KEPT_RANGES;
  for (uint32_t i = 0; i < kept->count; i++) {
    if (size_at(&kept->range[i], align) < size) continue;
    if (best == KEPT_RANGES || is_better(&kept->range[i], &kept->range[best], room, align, thread)) best = i;
  }
  if (best == KEPT_RANGES) return NULL;
  char *base = (char *)align_up((uintptr_t)kept->range[best].base, align);
  return cut(kept, best, base, size) ? base : NULL;
}

bool kept_has(const struct kept *kept, size_t size, size_t align) {
  for (uint32_t i = 0; i < kept->count; i++) {
    if (size_at(&kept->range[i], align) >= size) return true;
  }
  return false;
}

bool kept_take_at(struct kept *kept, const char *base, size_t size) {
  for (uint32_t i = 0; i < kept->count; i++) {
    const struct kept_range *range = &kept->range[i];
    if (base >= range->base && base + size <= end_of(range)) return cut(kept, i, base, size);
  }
  return false;
}

bool kept_evict(struct kept *kept, uint64_t before_ms, size_t most, struct kept_range *out) {
  assert(most > 0);
  uint32_t oldest = 0;
  for (uint32_t i = 1; i < kept->count; i++) {
    if (kept->range[i].since_ms < kept->range[oldest].since_ms) oldest = i;
  }
  if (kept->count == 0 || kept->range[oldest].since_ms > before_ms) return false;
  *out = kept->range[oldest];
  if (most < out->size) out->size = align_up(most, UNIT_SIZE);
  out->base = end_of(&kept->range[oldest]) - out->size;
  return cut(kept, oldest, out->base, out->size);
}

bool kept_take_shorter(struct kept *kept, size_t below, uint32_t thread, struct kept_range *out) {
  uint32_t longest = KEPT_RANGES;
  for (uint32_t i = 0; i < kept->count; i++) {
    if (kept->range[i].size >= below || kept->range[i].thread != thread) continue;
    if (longest == KEPT_RANGES || kept->range[i].size > kept->range[longest].size) longest = i;
  }
  if (longest == KEPT_RANGES) return false;
  *out = kept->range[longest];
  return cut(kept, longest, out->base, out->size);
}

bool kept_holds(const struct kept *kept, const void *p) {
  for (uint32_t i = 0; i < kept->count; i++) {
    if ((uintptr_t)p - (uintptr_t)kept->range[i].base < kept->range[i].size) return true;
  }
  return false;
}

bool kept_is_valid(const struct kept *kept) {
  size_t bytes = 0;
  for (uint32_t i = 0; i < kept->count; i++) {
    const struct kept_range *range = &kept->range[i];
    if (range->size == 0 || (range->size | (uintptr_t)range->base) % UNIT_SIZE != 0) return false;
    if (i + 1 < kept->count && end_of(range) >= range[1].base) return false;
    bytes += range->size;
  }
  return kept->count <= KEPT_RANGES && bytes == kept->bytes;
}
