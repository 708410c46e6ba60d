/*
 * usage.h: how many blocks and bytes there are, and in whose hands. Read without locks while other threads go on; signal safe.
 *
 *   capacity = live + listed + batched + partial          of each class, in the shared pool and in legacy slabs together
 */
#ifndef HAKMEM_USAGE_H
#define HAKMEM_USAGE_H

#include "platform/base.h"
#include "checks/view.h"

/* Blocks of one class. None of them is below 0, although a slab may have come or gone between two readings. */
struct class_usage {
  uint64_t slabs, capacity, bytes; /* slabs in use, their blocks, their bytes */
  uint64_t live;                   /* in the program's hands */
  uint64_t listed, batched;        /* free, in threads' lists; in batches */
  uint64_t partial;                /* free, in slabs */
};
struct class_usage usage_of_class(uint32_t cls);

/* What belongs to no class. Bytes, unless said otherwise. */
struct heap_usage {
  uint64_t superslabs;             /* how many */
  uint64_t superslab_bytes;        /* mapped for them */
  uint64_t free_bytes, dirty_bytes; /* of their units that no slab has; of these, with memory behind them */
  uint64_t legacy_bytes;           /* of legacy slabs of small blocks */
  uint64_t huge_blocks, huge_requested, huge_bytes; /* live huge blocks; bytes asked for; bytes of their mappings */
  uint64_t huge_kept;              /* of freed huge blocks, kept for reuse */
  uint64_t guarded;                /* open pages of guarded blocks */
  uint64_t metadata;               /* descriptors, the directory, records */
  uint64_t mapped;                 /* address space altogether */
};
struct heap_usage usage_of_heap(void);

/* What the kernel says: bytes of SuperSlabs with memory behind them; of the metadata without. False if a lock is taken and VIEW_TRY was asked for. */
bool usage_ask_kernel(enum view_lock lock, uint64_t *in_superslabs, uint64_t *metadata_untouched);

/*
 * Operations on a class that threads count in their lists and have not published yet: of all threads, exact for those at rest; of the calling one, which a
 * signal handler may have interrupted.
 */
struct operations { uint64_t allocs, frees; };
struct operations usage_unpublished(uint32_t cls);
struct operations usage_own_unpublished(uint32_t cls);

/* Publishes them, of all threads: at the end of the process. */
void usage_publish(void);

/* Whether every operation raises its events: full tracing, or a mode or a checker that has to see all. */
bool usage_all_events(void);

#endif
