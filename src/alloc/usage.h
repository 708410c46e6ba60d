/*
 * usage.h: how many blocks and bytes there are, and which part holds them. Read without locks while other threads run; signal safe.
 *
 *   capacity = live + listed + batched + partial          of each class, in the shared pool and in legacy slabs together
 */
#ifndef HAKMEM_USAGE_H
#define HAKMEM_USAGE_H

#include "platform/base.h"
#include "memory/layout.h"
#include "checks/view.h"

/* Blocks of one class. No figure is below 0, although slabs may be taken or released between two readings. */
struct class_usage {
  uint64_t slabs, capacity, bytes; /* slabs in use, their blocks, their bytes */
  uint64_t live;                   /* in use by the program */
  uint64_t listed, batched;        /* free, in threads' lists; in batches */
  uint64_t partial;                /* free, in slabs */
};
struct class_usage usage_of_class(uint32_t cls);

/* The memory that belongs to no class. In bytes, unless said otherwise. */
struct heap_usage {
  uint64_t superslabs;                              /* how many */
  uint64_t superslab_bytes;                         /* mapped for them */
  uint64_t free_bytes, dirty_bytes;                 /* of units in no slab; of these, the resident ones */
  uint64_t legacy_bytes;                            /* of legacy slabs of small blocks */
  uint64_t huge_blocks, huge_requested, huge_bytes; /* live huge blocks; bytes asked for; bytes of their mappings */
  uint64_t huge_kept;                               /* of freed huge blocks, kept for reuse */
  uint64_t guarded;                                 /* open pages of guarded blocks */
  uint64_t metadata;                                /* descriptors, the directory, records */
  uint64_t mapped;                                  /* all mapped address space */
};
struct heap_usage usage_of_heap(void);

/* The free blocks in the lists of each thread: those of the threads that keep most, the largest first. */
struct thread_usage {
  uint32_t tid; /* 0: the thread has ended, and the next one takes its lists over */
  uint64_t bytes, seen_ms;
};
/* Fills in up to `most`, and returns how many threads have lists. */
uint32_t usage_of_threads(struct thread_usage *out, uint32_t most);

/* Asks the kernel for the resident bytes of SuperSlabs and the untouched bytes of the metadata. False if VIEW_TRY finds a lock taken. */
bool usage_ask_kernel(enum view_lock lock, uint64_t *in_superslabs, uint64_t *metadata_untouched);

/*
 * Operations on a class that threads have counted in their lists and not published yet. usage_unpublished: of all threads, exact for those at rest.
 * usage_own_unpublished: of the calling thread, which a signal handler may have interrupted.
 */
struct operations {
  uint64_t allocs, frees;
};
struct operations usage_unpublished(uint32_t cls);
struct operations usage_own_unpublished(uint32_t cls);
/* Those of all threads, of all classes. */
struct unpublished {
  uint64_t allocs[CLASS_COUNT], frees[CLASS_COUNT];
};
void usage_all_unpublished(struct unpublished *out);

/* The weight of a sampled call of the calling thread: samples of a thread that runs long are rarer, and each stands for more calls. */
uint32_t usage_sample_weight(void);

/* Where all of this lies, for a reader in another process. */
void usage_layout(struct layout *out);

/* Publishes the counts of all threads. For the end of the process. */
void usage_publish(void);

/* Returns free memory to the kernel, as malloc_trim(0) does. For a signal handler: false if it interrupted the allocator, and nothing is done. */
bool usage_trim_in_signal(void);

/* Whether every operation raises its events: for full tracing, or for a mode or a checker that must see all. */
bool usage_all_events(void);

#endif
