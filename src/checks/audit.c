#include "audit.h"

#include "memory/os.h"
#include "misuse.h"
#include "pointer.h"
#include "seen.h"
#include "slabs/directory.h"

#if HAKMEM_EVENTS

struct block *audit_drop(uint32_t cls, struct block *bad, uint32_t behind) {
  const struct pointer at = pointer_at(bad);
  if (at.kind != POINTER_BLOCK || at.cls != cls || at.state == BLOCK_LIVE) {
    misuse_listed(cls, bad); /* another owner uses this memory: do not touch it */
    return BLOCK_END;
  }
  struct block *const next = block_next(bad);
  const bool linked = pointer_is_link(next, cls);
  const struct broken_link broken = broken_link_of(bad, linked ? 0 : behind);
  header_set(bad, HEADER_FREE);
  if (at.state == BLOCK_FREE) misuse_link(&at, &broken);
  else misuse_free_header(&at, linked, &broken);
  return linked ? next : BLOCK_END;
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
  uint32_t n = 0, end = chain.count < most ? chain.count : most;
  while (n < end) {
    /* directory_begins comes first: a wild link must not be read. */
    if (LIKELY(directory_begins(cls, block) && block_can_pop(block))) {
      struct block *const next = block_next(block);
      if (LIKELY(next != LINK_BROKEN)) {
        seen_good(block, when);
        last = block;
        block = next;
        n++;
        continue;
      }
    }
    if (block == BLOCK_END) return cut(chain, last, n);
    block = audit_drop(cls, block, chain.count - n - 1);
    if (block == BLOCK_END) return cut(chain, last, n);
    chain.count--;
    if (end > chain.count) end = chain.count;
    if (last != NULL) block_link(last, block);
    else chain.head = block;
  }
  return chain;
}

struct chain audit_broken(uint32_t cls, struct chain chain) {
  return audit_chain(cls, chain, 1);
}

#else

/* Without headers, only a broken link is found, and nothing is known of it but that. */
struct block *audit_drop(uint32_t cls, struct block *bad, uint32_t behind) {
  (void)cls;
  const struct broken_link broken = broken_link_of(bad, behind);
  const struct pointer at = {.block = bad};
  misuse_link(&at, &broken);
  return BLOCK_END;
}

struct chain audit_broken(uint32_t cls, struct chain chain) {
  audit_drop(cls, chain.head, chain.count - 1);
  return CHAIN_EMPTY;
}

#endif
