/*
 * mappings.h: the mappings of this folder, their descriptors, and the memory of freed huge blocks, which is kept for reuse. Only the files of this folder
 * include it.
 */
#ifndef HAKMEM_MAPPINGS_H
#define HAKMEM_MAPPINGS_H

#include "platform/base.h"
#include "memory/sets/kept.h"
#include "platform/lock.h"
#include "slabs/slab_list.h"
#include "slabs/superslab.h"

/* The descriptors of this folder. */
struct mapping {
  struct slab slab;
  bool refused; /* a huge block that would be a large one if the shared pool had served it */
  size_t lead;  /* bytes of the mapping before slab.base */
  bool whole;   /* the kernel has it as one mapping, too, so its pages can be moved */
};

struct legacy_state {
  struct lock lock;
  struct slab_list slabs[CLASS_COUNT];
  struct slab *unused;
  struct kept kept;
  size_t kept_more; /* bytes that may be kept beyond the usual limit */
  uint64_t huge_blocks, huge_requested, huge_bytes;
  uint64_t refused_bytes; /* of slabs of small blocks and refused huge blocks: SuperSlabs would hold these if the pool had served them */
};
extern struct legacy_state legacy;

/* A slab over new memory, of `size` bytes; `room`: see os_map_before. NULL if memory runs out. */
struct slab *mapping_new(size_t size, size_t room, size_t align);

/* Unmaps the slab's memory, and returns its bytes; drops its descriptor. mapping_drop: the descriptor alone. */
size_t mapping_unmap(struct slab *slab);
void mapping_drop(struct slab *slab);

/* A slab over kept memory; NULL if none fits. `wanted`: only a range that has all of the room. */
struct slab *mapping_take_kept(size_t size, size_t room, bool wanted, size_t align);

/*
 * Moves the pages of the longest kept range that is shorter than the slab to the start of its new memory, so that the process holds them no longer beside it.
 * Returns whether it did; *lost: the slab's memory is no longer ours. It does so no more if the kernel refuses it again and again.
 */
bool mapping_fill(const struct slab *slab, bool *lost);

/* Keeps [base, base + size) for the next huge block, or unmaps it. */
void mapping_keep(char *base, size_t size);

/* A kept range is idle if it was freed before this time, in ms. Only a part of the delay, because it is much memory at once. */
uint64_t mapping_idle_since(uint64_t now);

/* Unmaps the ranges kept since `before_ms` or longer, and the oldest beyond what may be kept. Returns the bytes. */
size_t mapping_evict(uint64_t before_ms);

/* Whether memory is kept at all. */
bool mapping_keeps(void);

#endif
