#include "audit.h"

#if HAKMEM_EVENTS

#include "slabs/directory.h"
#include "memory/maps.h"
#include "misuse.h"
#include "memory/os.h"

/*
 * Both words are written without a lock: `check` is the block's address and `when` in one, so that a half-written line is seen. A block has the
 * choice of WAYS lines, which are one cache line together: the newest comes first, and the last one falls out.
 */
#define WAYS 4
struct seen { uint64_t check, when; }; /* atomic; when: ms in the upper half, thread in the lower */
static struct seen seen[AUDIT_SEEN / WAYS][WAYS] BULK __attribute__((aligned(64)));
static_assert(sizeof(seen[0]) == 64, "a block's lines are one cache line");

static struct seen *lines_of(const void *block) {
  const uint64_t hash = (uintptr_t)block / MIN_ALIGN * UINT64_C(0x9e3779b97f4a7c15); /* Knuth's multiplicative hash */
  return seen[(hash >> 40) % (AUDIT_SEEN / WAYS)];
}

static struct seen line_at(const struct seen *line) {
  return (struct seen){__atomic_load_n(&line->check, __ATOMIC_RELAXED), __atomic_load_n(&line->when, __ATOMIC_RELAXED)};
}

static bool is_of(struct seen line, const void *block) { return (line.check ^ line.when) == (uintptr_t)block; }

/* Two threads at once in lines of one set may lose a mark there, and a report when a block was last seen good. */
static void remember(const void *block, uint64_t when) {
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

bool audit_last_good(const void *block, uint32_t *ms, uint32_t *thread) {
  for (uint32_t way = 0; way < WAYS; way++) {
    const struct seen line = line_at(&lines_of(block)[way]);
    if (!is_of(line, block)) continue;
    *ms = (uint32_t)(line.when >> 32);
    *thread = (uint32_t)line.when;
    return true;
  }
  return false;
}

/* The block behind `bad`, which is taken out: the end of the chain where its link cannot be followed. */
static struct block *drop(uint32_t cls, struct block *bad) {
  const struct slab *slab = directory_slab(bad);
  uint8_t got = 0;
  if (!maps_read(&got, (const char *)bad - 1, 1) || !misuse_is_link(bad, cls) || header_says_live(got, cls)) {
    misuse_link(cls, bad, got); /* the block before it was written to, and led here: this is somebody's memory, not to be touched */
    return BLOCK_END;
  }
  struct block *next = misuse_is_link(block_next(bad), cls) ? block_next(bad) : NULL;
  header_set(bad, HEADER_FREE);
  misuse_header(slab, bad, got, next != NULL ? MISUSE_FREE : MISUSE_OVERWRITTEN);
  return next != NULL ? next : BLOCK_END;
}

/* A chain that ends early has fewer blocks than it says. */
static struct chain cut(struct chain chain, struct block *last, uint32_t count) {
  if (last != NULL) block_link(last, BLOCK_END);
  return count != 0 ? (struct chain){chain.head, count} : CHAIN_EMPTY;
}

struct chain audit_chain(uint32_t cls, struct chain chain, uint32_t most) {
  if (chain.count == 0) return chain;
  const uint64_t when = os_now_ms() << 32 | os_thread();
  struct block *last = NULL, *block = chain.head;
  for (uint32_t n = 0; n < chain.count && n < most;) {
    /* Where a wild link leads must not be read. */
    if (LIKELY(directory_begins(cls, block) && block_can_pop(block))) {
      remember(block, when);
      last = block;
      block = block_next(block);
      n++;
      continue;
    }
    if (block == BLOCK_END) return cut(chain, last, n);
    block = drop(cls, block);
    if (block == BLOCK_END) return cut(chain, last, n);
    chain.count--;
    if (last != NULL) block_link(last, block);
    else chain.head = block;
  }
  return chain;
}

struct chain audit_broken(uint32_t cls, struct chain chain) { return audit_chain(cls, chain, 1); }

#endif
