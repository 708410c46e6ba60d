/*
 * guard.h: blocks against guard pages (HAKMEM_GUARD): an access past their end, before their start, or after their free faults at once.
 *
 *   region:  | row of small slots | row of larger ones | ... |        far from where the kernel maps by itself
 *   row:     | piece | piece | ... |                                   reserved when it is needed, nothing of it accessible
 *   piece:   | guard page | slot | guard page | slot | ... | guard page |
 *   slot:    | not accessible | slack | block | slack |              while its block is live
 *            | not accessible                         |              else
 *
 * Only the pages of the block itself are open. Most blocks end at the guard page behind them. If its alignment does not allow that, a block ends less
 * than its alignment before that page. Some blocks begin at the guard page before them. The slack in open pages is filled with a pattern, which is
 * checked when the block is freed, resized or measured, and at the end. Of a row's free slots, the one that was freed first is used first.
 *
 * The record of a slot's last block stays until the next one. If no slot is free, or none is large enough, the block is not guarded.
 * Not in the plain build.
 */
#ifndef HAKMEM_GUARD_H
#define HAKMEM_GUARD_H

#include "platform/base.h"
#include "events.h"
#include "memory/layout.h"
#include "guard_slots.h"
#include "recent.h"
#include "platform/lock.h"
#include "checks/misuse.h"

/* Whether `p` lies in the reserved part of the region. */
static inline bool guard_owns(const void *p) {
  const size_t size = __atomic_load_n(&guard_region.size, __ATOMIC_ACQUIRE);
  return (uintptr_t)p - guard_region.base < size && guard_holds(p);
}

/*
 * A zeroed block of `size` bytes at a multiple of `align`. `cls` is its class row, `stack` the id of the stack that allocates it. NULL if it cannot be
 * guarded. No lock may be held.
 */
void *guard_alloc(size_t size, size_t align, uint32_t cls, uint32_t stack);

/* What lies at `p`, which the region owns. */
struct pointer guard_at(const void *p);

/* Frees a live block at stack `stack`. False, after a report, if another thread freed it first. */
bool guard_free(const struct pointer *at, uint32_t stack);

/* Reports writes into the slack of a live block. */
void guard_check(const struct pointer *at);

/*
 * Reports an access by the program, in the state `context` (a ucontext_t), to the closed address `address` of the region. An address with
 * no block near it is not reported. With HAKMEM_ON_ERROR=abort, a report does not return. For a signal handler.
 */
void guard_fault(const void *address, enum access_way way, void *context);

/* Sets the family of the live block at `p`, which the region owns. */
void guard_set_family(const void *p, enum block_family family);

/* The guarded block that `p` lies in or next to; false if there is none. Signal safe. */
bool guard_find(const void *p, struct record *out);

/* Calls `visit` with a copy of the record of each live block, in order of address. Other threads may allocate and free meanwhile. */
void guard_each(void (*visit)(const struct record *record, void *context), void *context);

/* Checks the slack of every live block, the newest slots first. Stops at the time `until_ms` (os_now_ms). */
void guard_audit(uint64_t until_ms);

/* Reports writes into the slack around the block at `p`, which the region owns, if it is live. Looks at most at 64 bytes on each side first. */
void guard_look(const void *p);

/* What recent.h needs of the live block at `p`, which the region owns. False if there is none. */
bool guard_rows_of(const void *p, struct recent_block *out);

/* The slack of the block at `p`, which the region owns, was intact when record_allocations was `when`. */
void guard_keep_checked(const void *p, uint32_t when);

/*
 * Checks the slack of the live blocks in `count` slots, from number *from on; 0 is the first. Sets *from to the next one, and adds the blocks to *blocks.
 * True if these were the last slots.
 */
bool guard_look_from(uint32_t *from, uint32_t count, uint64_t *blocks);

/* Bytes of open pages. */
size_t guard_bytes(void);
extern const struct layout_number guard_layout;

extern const struct lock_row guard_locks;

#endif
