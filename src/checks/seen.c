#include "seen.h"

#if HAKMEM_EVENTS

/*
 * Both words are written without a lock. `check` is the block's address xor `when`, so that a half-written line is recognised. A block may use one of
 * WAYS lines, which share one cache line. The newest is first; the oldest is dropped.
 */
#define WAYS 4
struct seen {
  uint64_t check, when;
}; /* atomic; when: ms in the upper half, thread in the lower */
static struct seen seen[SEEN_BLOCKS / WAYS][WAYS] BULK __attribute__((aligned(64)));
static_assert(sizeof(seen[0]) == 64, "a block's lines are one cache line");

static struct seen *lines_of(const void *block) {
  const uint64_t hash = (uintptr_t)block / MIN_ALIGN * UINT64_C(0x9e3779b97f4a7c15); /* Knuth's multiplicative hash */
  return seen[(hash >> 40) % (SEEN_BLOCKS / WAYS)];
}

static struct seen line_at(const struct seen *line) {
  return (struct seen){__atomic_load_n(&line->check, __ATOMIC_RELAXED), __atomic_load_n(&line->when, __ATOMIC_RELAXED)};
}

static bool is_of(struct seen line, const void *block) { return (line.check ^ line.when) == (uintptr_t)block; }

/* If two threads write lines of one set at once, a mark may be lost. A report then cannot say when that block was last good. */
void seen_good(const void *block, uint64_t when) {
  struct seen *const lines = lines_of(block);
  struct seen next = {(uintptr_t)block ^ when, when};
#pragma GCC unroll 4 /* WAYS: half the instructions of a loop */
  for (uint32_t way = 0; way < WAYS; way++) {
    const struct seen here = line_at(&lines[way]);
    __atomic_store_n(&lines[way].when, next.when, __ATOMIC_RELAXED);
    __atomic_store_n(&lines[way].check, next.check, __ATOMIC_RELAXED);
    if (is_of(here, block)) return;
    next = here;
  }
}

bool seen_last_good(const void *block, uint32_t *ms, uint32_t *thread) {
  for (uint32_t way = 0; way < WAYS; way++) {
    const struct seen line = line_at(&lines_of(block)[way]);
    if (!is_of(line, block)) continue;
    *ms = (uint32_t)(line.when >> 32);
    *thread = (uint32_t)line.when;
    return true;
  }
  return false;
}

#endif
