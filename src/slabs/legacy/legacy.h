/*
 * legacy.h: the path that serves what SuperSlabs do not.
 *
 *   small blocks after a shared_fail: slabs mapped one by one
 *   huge blocks: a mapping each, its base and size multiples of a unit; a few freed ones are kept for reuse
 *   | block | sealed page | rest of the last unit |       seals.h; a block in the memory of others may have no sealed page
 *
 * One lock guards all of it. It is not held during system calls and events.
 */
#ifndef HAKMEM_LEGACY_H
#define HAKMEM_LEGACY_H

#include "platform/base.h"
#include "events.h"
#include "memory/layout.h"
#include "platform/lock.h"
#include "slabs/superslab.h"

/*
 * Up to `most` blocks of class `cls`, from legacy slabs. Raises legacy_fallback with `reason`, the stack's id and the time it
 * took. Empty if memory runs out. *broken: found by slab_take; the caller reports it.
 */
struct chain legacy_refill(uint32_t cls, uint32_t most, enum legacy_reason reason, uint32_t stack, struct broken_link *broken);

/* Returns the blocks of `chain`, all of class `cls` and of legacy slabs. Slabs that become empty are unmapped, except for one. */
void legacy_return_blocks(uint32_t cls, struct chain chain);

/*
 * A block of `size` bytes at a multiple of `align` (a power of two) in a mapping of its own. *zeroed: its memory is fresh from the kernel. `reason`:
 *   LEGACY_HUGE     the size
 *   LEGACY_GROWN    the block has grown: it prefers kept memory with half as much again behind it; that room is not reserved
 *   any other       the shared pool's reason for its refusal
 * NULL if memory runs out.
 */
struct slab *legacy_huge_alloc(size_t size, size_t align, enum legacy_reason reason, bool *zeroed);
void legacy_huge_free(struct slab *slab);

/* The same for a block that has grown, in kept memory only. `with_room`: only if there is room behind it. NULL if there is none. */
struct slab *legacy_kept_alloc(size_t size, bool with_room, bool *zeroed);

/* Resizes a huge block, and moves it if it must. The old base must not be used afterwards. NULL: the block is unchanged. */
struct slab *legacy_huge_resize(struct slab *slab, size_t size);

/* Unmaps kept mappings and empty slabs that were not used for HAKMEM_RELEASE_DELAY, or all with `trim`. Returns the bytes. */
size_t legacy_scavenge(bool trim);

/* Whether `p` points into the memory of a freed huge block that is kept for reuse. */
bool legacy_keeps(const void *p);

struct legacy_usage {
  uint64_t slabs, capacity, used, bytes;            /* small blocks of one class, as struct pool_usage */
  uint64_t huge_blocks, huge_requested, huge_bytes; /* huge blocks that are live */
  uint64_t kept_bytes;                              /* of freed huge blocks */
};
void legacy_usage(uint32_t cls, struct legacy_usage *out); /* CLASS_HUGE fills the huge members */
uint64_t legacy_used(uint32_t cls);                        /* of a small class, only `used` */
uint64_t legacy_held(void);                                /* bytes of all of it; huge blocks that the shared pool refused count twice */

/* Whether a large block that has grown may become a huge one: memory is kept for reuse, and there are few enough huge blocks. */
bool legacy_has_place(void);

/* Calls `visit` for every slab of small blocks, under the lock, as superslabs_visit does. */
bool legacy_visit(bool try_only, void (*visit)(struct slab *slab, void *context), void *context);

/* For tests: no lock is held, and no other thread changes anything. */
bool legacy_is_valid(void);

extern const struct layout_legacy legacy_layout;
extern const struct lock_row legacy_locks;

#endif
