/*
 * superslab.h: the layout of a SuperSlab and of a slab, carving, and the free blocks of a slab.
 *
 *   SuperSlab, HAKMEM_SS_SIZE bytes, aligned to its size; its descriptor lies elsewhere
 *   | unit | unit | unit      unit | unit | ...            a unit is 64 KiB
 *   | slab | slab | slab (2 units) | free | ...
 *
 *   slab of class c
 *   | pad .. | H | block 0 ........ H | block 1 ........ H | ... | block capacity-1 ........ | tail |
 *   base          base+first            + stride
 *                                          ^ carved: blocks beyond have no header, because they were never handed out, or were purged
 *
 *   given <= free_count <= carved <= capacity;   carved <= reached
 *   free: the blocks returned to the slab; behind the first `given`, they are in order of address
 *   used = carved - free_count        blocks handed out: live, in a TLS SLL, or in a batch; one more while the tail is purged
 *   (slab is in its owner's list of partial slabs) <=> there is a free block, or room for one that is not being purged
 *   aged_mask <= dirty_mask <= free_mask, as sets. Dirty: free and resident. Aged: dirty since the last superslab_age
 *   a unit is used, free or gone. Gone units were unmapped for lack of address space, and stay so until their SuperSlab is unmapped
 *   dirty_units, gone_units: bits of their masks
 *
 * No function here locks: the owner of a slab (shared_pool or legacy) holds its lock.
 */
#ifndef HAKMEM_SUPERSLAB_H
#define HAKMEM_SUPERSLAB_H

#include "platform/base.h"
#include "header.h"
#include "size_class.h"

#define SUPERSLAB_UNITS_MAX 64                  /* 4 MiB */
#define SLAB_BLOCKS_MAX (UNIT_SIZE / MIN_ALIGN) /* slabs of several units have large blocks */

struct superslab;

struct slab {
  struct slab *next, *prev; /* in a list of partial slabs; in a list of slabs to release, `next` only */
  struct superslab *home;   /* NULL: a legacy slab or a huge block, mapped on its own */
  char *base;
  struct block *free; /* blocks returned to the slab */
  const void *taker;  /* pool_taker of the thread that last took blocks */
  uint32_t free_count, carved, capacity, stride, first;
  uint32_t given;     /* blocks returned since they were last sorted */
  uint32_t reached;   /* the largest value of `carved` so far */
  uint32_t seen_live; /* blocks in use at the last count, 0: not counted yet */
  uint32_t cls;       /* CLASS_LARGE and CLASS_HUGE: one block, at `base` */
  uint32_t units;
  uint32_t trimmed;  /* bytes: the tail was found to be shorter, and no block was returned since; 0: not examined */
  uint32_t taken_ms; /* when a block was last taken: the lower half of os_now_ms. In the upper half of a word, which then is no address */
  uint32_t sealed;   /* huge blocks: pages from the one that cannot be touched (legacy/seals.h) to the end; 0: there is none */
  bool purging;      /* while its tail is being purged */
  bool redzone;      /* large and huge blocks: a redzone of the debugging mode begins at `base`, the program's block behind it */
  uint8_t align;     /* huge blocks: the alignment of their base is 2 to this power */
  size_t size;       /* bytes from base to the end of the slab, the run or the mapping; if a run was cut, less than its units */
  size_t requested;  /* large and huge blocks: bytes asked for */
};

/* Which pages were requested from the kernel. */
enum superslab_pages { PAGES_ANY, PAGES_HUGE, PAGES_SMALL };

struct superslab {
  struct superslab *next, *prev; /* in the list of all SuperSlabs */
  char *base;
  size_t size;
  uint32_t units, used_units, dirty_units, gone_units;
  uint64_t free_mask, dirty_mask, aged_mask, gone_mask; /* bit u: unit u */
  size_t moat;                                          /* bytes before `base` that were mapped with it, and are shut */
  uint64_t closed_mask;                                 /* units that were shut (os_shut) and must be opened before they are used: spans.h */
  uint64_t resting_mask;                                /* units of the large block that was freed last, while large blocks are fenced: spans.h */
  uint64_t changed_ms;                                  /* when a slab was last released */
  uint32_t thread;                                      /* the thread that last took a slab */
  uint32_t pins;                                        /* not 0: stays mapped; see superslabs_pin */
  enum superslab_pages pages;                           /* atomic */
  bool apart;                                           /* os_map_guarded mapped it: a page on either side cannot be touched */
  bool torn;                                            /* atomic; parts of it were unmapped, and others may have mapped memory there */
  int16_t large_units;                                  /* atomic; of large blocks, for huge pages */
  struct slab slabs[];                                  /* one a unit; slabs[u] is the slab that begins at unit u */
};

static_assert(offsetof(struct slab, taken_ms) % 8 == 4, "a leak checker that reads the word takes no time for an address");
static_assert(SUPERSLAB_UNITS_MAX <= 64, "a SuperSlab's units fit into a mask");
static_assert(sizeof(struct superslab) + 2 * MIB / UNIT_SIZE * sizeof(struct slab) <= 4096, "the descriptor of a SuperSlab of 2 MiB is one page");

/* Bytes of the descriptor of a SuperSlab of `size` bytes. */
static inline size_t superslab_descriptor_size(size_t size) { return sizeof(struct superslab) + size / UNIT_SIZE * sizeof(struct slab); }

/* Sets up an empty SuperSlab over `size` bytes at `base`. */
void superslab_init(struct superslab *ss, void *base, size_t size);

/* The bits of the first `units` units of a slab of a SuperSlab. */
uint64_t superslab_mask(const struct slab *slab, uint32_t units);

/* Whether there are `units` neighbouring free units. */
bool superslab_has(const struct superslab *ss, uint32_t units);

/* A place for a run of units. `waste` is the number of units that stay free beside it, plus one of these. UINT32_MAX: there is no place. */
#define WASTE_NO_ROOM (2u * SUPERSLAB_UNITS_MAX)
#define WASTE_UNTOUCHED (2 * WASTE_NO_ROOM)
struct superslab_place {
  uint32_t unit, waste;
};

/*
 * The place for `units` neighbouring units with the least waste. Dirty units are preferred. Among those, it is the shortest run that has `room` units
 * (`room` >= `units`), or if none has, the longest run. Resting units are taken last.
 */
struct superslab_place superslab_find(const struct superslab *ss, uint32_t units, uint32_t room);

/*
 * Takes `units` neighbouring free units, with `room` if possible. Returns the slab that begins there, with base, size, units and home set; NULL
 * if there is no such run. *zeroed: none of the units was used since the kernel mapped or purged them.
 */
struct slab *superslab_take(struct superslab *ss, uint32_t units, uint32_t room, bool *zeroed);

/* The same at a unit that superslab_find returned. */
struct slab *superslab_take_at(struct superslab *ss, uint32_t unit, uint32_t units, bool *zeroed);

/* Makes a slab `units` long, in place. False, and nothing changed, if the units behind it are in use. */
bool superslab_resize(struct superslab *ss, struct slab *slab, uint32_t units);

/* Marks all dirty units as aged, until they are taken. */
void superslab_age(struct superslab *ss);

/* Takes the first run of aged units, as superslab_take does, so that it can be purged; NULL if there is none. */
struct slab *superslab_take_aged(struct superslab *ss);

/* Whether the end of a run's last units was unmapped; how many whole units remain, and how many bytes behind them. */
static inline bool slab_is_cut(const struct slab *slab) { return slab->size != slab->units * UNIT_SIZE; }
static inline uint32_t slab_whole_units(const struct slab *slab) { return (uint32_t)(slab->size / UNIT_SIZE); }
static inline size_t slab_rest(const struct slab *slab) { return slab->size % UNIT_SIZE; }

static inline uint32_t superslab_free_units(const struct superslab *ss) { return ss->units - ss->used_units - ss->gone_units; }

/* Whether it has free units, or no units in use. */
static inline bool superslab_is_open(const struct superslab *ss) { return ss->free_mask != 0 || ss->used_units == 0; }

/* Makes the first run of free units from *at on gone ones, and sets *at behind it. Returns how many units; 0 if there is none. */
uint32_t superslab_lose(struct superslab *ss, uint32_t *at);

/* Releases a slab's units. `dirty`: they are resident. If the run was cut, the units that are not whole become gone. */
void superslab_give(struct superslab *ss, struct slab *slab, bool dirty);

/* The slab that begins at a unit; NULL if the unit is free or gone, or if no slab begins there. */
static inline struct slab *superslab_slab_at(struct superslab *ss, uint32_t unit) {
  const bool used = ((ss->free_mask | ss->gone_mask) >> unit & 1) == 0;
  return used && ss->slabs[unit].home == ss ? &ss->slabs[unit] : NULL;
}

/* Resident bytes, without unmapped parts, where other memory may lie now. Signal safe. */
size_t superslab_resident(struct superslab *ss);

bool superslab_is_valid(const struct superslab *ss);

/* Makes a slab with base, size, units and home set a slab of class `cls`, all blocks uncarved. */
void slab_init(struct slab *slab, uint32_t cls);

/* Blocks that the slab has handed out. While its tail is purged, one more, so that the slab cannot become empty. */
static inline uint32_t slab_used(const struct slab *slab) { return slab->carved - slab->free_count + slab->purging; }
/* Blocks that could be carved. */
static inline uint32_t slab_room(const struct slab *slab) { return slab->purging ? 0 : slab->capacity - slab->carved; }
static inline bool slab_is_full(const struct slab *slab) { return slab->free_count == 0 && slab_room(slab) == 0; }

/*
 * Moves up to `most` free blocks to the front of `chain`: returned blocks, in order of address as far as they were sorted together, then
 * newly carved ones. So blocks that the program allocates together are neighbours, in whichever order they were freed. If it comes to a block with a
 * broken link, it takes that one out of the slab, with those behind it, and sets *broken.
 */
void slab_take(struct slab *slab, uint32_t most, struct chain *chain, struct broken_link *broken);

/* Milliseconds since a block was last taken, by the clock of os_now_ms. For at least so long, the slab has been kept by a few blocks only. */
static inline uint32_t slab_idle_ms(const struct slab *slab, uint64_t now) {
  const uint32_t idle = (uint32_t)now - slab->taken_ms;
  return idle < INT32_MAX ? idle : 0; /* negative: a block was taken after `now` was read */
}

/* Returns one block to the slab. */
ALWAYS_INLINE void slab_give(struct slab *slab, struct block *block) {
  block_link(block, slab->free);
  slab->free = block;
  slab->free_count++;
  slab->given++;
  slab->trimmed = 0;
  assert(slab->free_count <= slab->carved);
}

/* The memory behind a slab's last block in use, while it is being purged. */
struct slab_tail {
  struct slab *slab;
  char *base;
  size_t size; /* bytes, whole pages */
};

/*
 * Takes the tail of a partial slab, if it has at least `least` bytes, 1 or more. The blocks in it are no longer carved. Until slab_trim_end, no block is
 * carved and the slab is not empty, so the lock may be released while the memory is purged. The first block of the tail stays: its header shows an
 * overrun of the last block in use. False if there is nothing to purge, or if a free block was written to, which is reported when it is taken.
 */
bool slab_trim_begin(struct slab *slab, uint32_t least, struct slab_tail *tail);

/* Called when the tail was purged. */
void slab_trim_end(struct slab *slab);

/* Whether a block began at `p` that was purged with a tail. */
bool slab_was_block(const struct slab *slab, const void *p);

/*
 * Whether the block at `p` was purged with a tail after its header was read; then the header means nothing. It matters if a block is freed twice while a
 * tail is purged. Needs no lock.
 */
bool slab_lost_block(const struct slab *slab, const void *p);

/* The start of the block that `p` points into; NULL if `p` lies before the first or behind the last carved one. */
void *slab_block_of(const struct slab *slab, const void *p);

/* Bytes of a large block for a request of `requested` bytes. The rest of its run's last unit may be unmapped. */
size_t large_needs(size_t requested);

/* Bytes from `p`, inside a live block, to the last one that the program may write. */
size_t slab_usable(const struct slab *slab, const void *p);

/* Counts the blocks whose header says live. It reads every header; a purged page counts as free. */
uint32_t slab_count_live(const struct slab *slab);

bool slab_is_valid(const struct slab *slab);

/* ---- A list of SuperSlabs. ---- */

struct superslab_list {
  struct superslab *first, *last; /* NULL: the list is empty */
};

static inline void superslab_list_remove(struct superslab_list *list, struct superslab *ss) {
  if (ss->prev != NULL) ss->prev->next = ss->next;
  else list->first = ss->next;
  if (ss->next != NULL) ss->next->prev = ss->prev;
  else list->last = ss->prev;
}

static inline void superslab_list_add_first(struct superslab_list *list, struct superslab *ss) {
  ss->prev = NULL;
  ss->next = list->first;
  if (list->first != NULL) list->first->prev = ss;
  else list->last = ss;
  list->first = ss;
}

static inline void superslab_list_add_last(struct superslab_list *list, struct superslab *ss) {
  ss->next = NULL;
  ss->prev = list->last;
  if (list->last != NULL) list->last->next = ss;
  else list->first = ss;
  list->last = ss;
}

/*
 * ---- Huge pages (HAKMEM_HUGE_PAGES). ----
 *
 * A new SuperSlab requests them if the process is so large that it will soon touch all its pages. In a smaller process, the first touch of a huge page may
 * cost more than 512 small ones. Measured on a virtual machine whose host reclaims free memory in pieces of that size: programs that ran for a second
 * or two lost more than a tenth of their time. In a small process, a SuperSlab requests them when it is full. Then khugepaged replaces its small pages
 * in time.
 *
 * A huge page is resident as a whole, also where nothing was written. Small blocks are carved in order of address, so they fill theirs. Large blocks need
 * not: of their last unit a part may be unused, and the program may never write to the rest. So a SuperSlab with more than an eighth of its used units in large
 * blocks has small pages. (40,000 blocks of 70,000 bytes, with one byte written in each, took 5.7 GB.)
 */

/* Counts units of large blocks that came (or, if negative, went). If they are many now, the SuperSlab has small pages from now on. No lock is held. */
void superslab_add_large(struct superslab *ss, int32_t units);

/* Requests huge pages, or not, for a new SuperSlab, or for one that has become full, beside `active` others. No lock is held. */
void superslab_huge_when_new(struct superslab *ss, uint32_t active);
void superslab_huge_when_full(struct superslab *ss, uint32_t active);

/*
 * Before a part of the SuperSlab is purged. From then on it has small pages, until all its units are in use again: otherwise khugepaged would soon make the
 * huge page whole again, with empty memory in that part.
 */
void superslab_avoid_huge_pages(struct superslab *ss);

#endif
