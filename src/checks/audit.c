#include "audit.h"

#if HAKMEM_EVENTS

#include "memory/os.h"
#include "misuse.h"
#include "pointer.h"
#include "seen.h"
#include "slabs/directory.h"

/* Takes the block `bad` out of its chain, and returns the block behind it; the end of the chain if its link cannot be followed. */
static struct block *drop(uint32_t cls, struct block *bad) {
  const struct pointer at = pointer_at(bad);
  if (at.kind != POINTER_BLOCK || at.cls != cls || at.state == BLOCK_LIVE) {
    misuse_link(cls, bad); /* the previous block's link was overwritten and leads here. Another owner uses this memory: do not touch it */
    return BLOCK_END;
  }
  struct block *next = pointer_is_link(block_next(bad), cls) ? block_next(bad) : NULL;
  header_set(bad, HEADER_FREE);
  misuse_header(&at, next != NULL ? MISUSE_FREE : MISUSE_OVERWRITTEN);
  return next != NULL ? next : BLOCK_END;
}

/* Ends the chain behind `last`, after `count` blocks. */
static struct chain cut(struct chain chain, struct block *last, uint32_t count) {
  if (last != NULL) block_link(last, BLOCK_END);
  return count != 0 ? (struct chain){chain.head, count} : CHAIN_EMPTY;
}

uint64_t audit_now(void) { return os_now_ms() << 32 | os_thread(); }

struct chain audit_chain(uint32_t cls, struct chain chain, uint32_t most) {
  return chain.count != 0 ? audit_chain_at(cls, chain, most, audit_now()) : chain;
}

struct chain audit_chain_at(uint32_t cls, struct chain chain, uint32_t most, uint64_t when) {
  struct block *last = NULL, *block = chain.head;
  for (uint32_t n = 0; n < chain.count && n < most;) {
    /* directory_begins comes first: a wild link must not be read. */
    if (LIKELY(directory_begins(cls, block) && block_can_pop(block))) {
      seen_good(block, when);
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

struct chain audit_broken(uint32_t cls, struct chain chain) {
  return audit_chain(cls, chain, 1);
}

#endif
