/*
 * superslab.h: the layout of a SuperSlab and of a slab, carving, and a slab's own free blocks.
 *
 *   SuperSlab, HAKMEM_SS_SIZE bytes, aligned to its size; its descriptor lies elsewhere
 *   | unit | unit | unit      unit | unit | ...            a unit is 64 KiB
 *   | slab | slab | slab (2 units) | free | ...
 *
 *   slab of class c
 *   | pad .. | H | block 0 ........ H | block 1 ........ H | ... | block capacity-1 ........ | tail |
 *   base          base+first            + stride
 *                                          ^ carved: blocks beyond are not there yet, or not any more
 *
 *   given <= free_count <= carved <= capacity;   carved <= reached
 *   free: the blocks given back, those behind the first `given` in order of address
 *   used = carved - free_count        blocks handed out: live, in a TLS SLL, or in a batch; one more while the tail is purged
 *   (slab is in its owner's list of partial slabs) <=> there is a free block, or room for one that is not being purged
 *   aged_mask <= dirty_mask <= free_mask, as sets: free units with memory behind them, and those of them that were so at the last superslab_age
 *   used, free and gone units are all that there are; gone ones were unmapped, because address space was short, and go with their SuperSlab
 *   dirty_units, gone_units: bits of their masks
 *
 * No function here locks: the owner of a slab (shared_pool or legacy) holds its lock.
 */
#ifndef HAKMEM_SUPERSLAB_H
#define HAKMEM_SUPERSLAB_H

#include "platform/base.h"
#include "header.h"
#include "size_class.h"

#define SUPERSLAB_UNITS_MAX 64 /* 4 MiB */
#define SLAB_BLOCKS_MAX (UNIT_SIZE / MIN_ALIGN) /* slabs of several units have large blocks */

struct superslab;

struct slab {
  struct slab *next, *prev;  /* in a list of partial slabs; `next` alone in a list on its way */
  struct superslab *home;    /* NULL: a legacy slab or a huge block, mapped on its own */
  char *base;
  struct block *free;        /* blocks given back */
  uint32_t free_count, carved, capacity, stride, first;
  uint32_t given;            /* blocks given back since they were last sorted */
  uint32_t reached;          /* the most that were ever carved */
  uint32_t seen_live;        /* blocks in use when somebody last counted, 0: not yet */
  uint32_t cls;              /* CLASS_LARGE and CLASS_HUGE: one block, at `base` */
  uint32_t units;
  uint32_t taken_ms;         /* when a block was last taken: os_now_ms, its lower half */
  uint32_t purging;          /* 1 while its tail is on its way back to the system, else 0 */
  uint32_t trimmed;          /* bytes: since nothing came back, its tail was found to be less; 0: not looked at */
  size_t size;               /* bytes from base to the end of the slab, the run or the mapping; of a run that was cut, less than its units */
  size_t requested;          /* large and huge blocks: bytes asked for */
  size_t align;              /* huge blocks: what their base is a multiple of */
  bool redzone;              /* large and huge blocks: a redzone of the debugging mode begins at `base`, the program's block behind it */
};

/* What the system was asked for. */
enum superslab_pages { PAGES_ANY, PAGES_HUGE, PAGES_SMALL };

struct superslab {
  struct superslab *next, *prev; /* in the shared pool's list */
  char *base;
  size_t size;
  uint32_t units, used_units, dirty_units, gone_units;
  uint64_t free_mask, dirty_mask, aged_mask, gone_mask; /* bit u: unit u */
  uint64_t changed_ms;           /* when a slab was last given back */
  uint32_t thread;               /* which last took a slab */
  uint32_t pins;                 /* not 0: stays mapped; see units_pin */
  enum superslab_pages pages;    /* atomic */
  bool torn;                     /* atomic; parts of it were unmapped */
  struct slab slabs[];            /* one a unit; slabs[u] is the slab that begins at unit u */
};

static_assert(SUPERSLAB_UNITS_MAX <= 64, "a SuperSlab's units fit into a mask");

/* Bytes of the descriptor of a SuperSlab of `size` bytes. */
static inline size_t superslab_descriptor_size(size_t size) {
  return sizeof(struct superslab) + size / UNIT_SIZE * sizeof(struct slab);
}

/* Sets up an empty SuperSlab over `size` bytes at `base`. */
void superslab_init(struct superslab *ss, void *base, size_t size);

/* Whether there are `units` neighbouring free units. */
bool superslab_has(const struct superslab *ss, uint32_t units);

/* A place for a run of units. The smaller `waste` is the better: the units that stay free beside it, and one of these. UINT32_MAX: there is none. */
#define WASTE_NO_ROOM (2u * SUPERSLAB_UNITS_MAX)
#define WASTE_UNTOUCHED (2 * WASTE_NO_ROOM)
struct superslab_place { uint32_t unit, waste; };

/*
 * The place for `units` neighbouring units: those with memory behind them first; of these the shortest run that has `room`, not below `units`, or if none
 * has, the longest one.
 */
struct superslab_place superslab_find(const struct superslab *ss, uint32_t units, uint32_t room);

/*
 * Takes `units` neighbouring free units, with `room` behind them if it can be, and returns the slab that begins there, with base, size, units and home set; NULL
 * where there is no such run. *zeroed: none of them has been used since they came from the system.
 */
struct slab *superslab_take(struct superslab *ss, uint32_t units, uint32_t room, bool *zeroed);

/* The same at a unit that superslab_find named. */
struct slab *superslab_take_at(struct superslab *ss, uint32_t unit, uint32_t units, bool *zeroed);

/* Makes a slab that was taken `units` long, in its place. False, and nothing changed, where the units behind it are in use. */
bool superslab_resize(struct superslab *ss, struct slab *slab, uint32_t units);

/* Every unit that is dirty now is aged, until it is taken. */
void superslab_age(struct superslab *ss);

/* Takes the first run of aged units, as superslab_take does, so that it can be purged; NULL where there is none. */
struct slab *superslab_take_aged(struct superslab *ss);

/* Whether a run ends before its last unit does: what is behind was unmapped. Its whole units, and the bytes behind them: its other units are gone with it. */
static inline bool slab_is_cut(const struct slab *slab) { return slab->size != slab->units * UNIT_SIZE; }
static inline uint32_t slab_whole_units(const struct slab *slab) { return (uint32_t)(slab->size / UNIT_SIZE); }
static inline size_t slab_rest(const struct slab *slab) { return slab->size % UNIT_SIZE; }

static inline uint32_t superslab_free_units(const struct superslab *ss) { return ss->units - ss->used_units - ss->gone_units; }

/* Whether it has free units, or none in use. */
static inline bool superslab_is_open(const struct superslab *ss) { return ss->free_mask != 0 || ss->used_units == 0; }

/* The first run of free units from unit *at on, which is moved behind it: makes these units gone ones, and returns how many there are, 0 at the end. */
uint32_t superslab_lose(struct superslab *ss, uint32_t *at);

/* Gives a slab's units back; dirty: with memory behind them. Of a run that was cut, those that are not whole are gone. */
void superslab_give(struct superslab *ss, struct slab *slab, bool dirty);

/* The slab that begins at a unit; NULL if the unit is free or gone, or none begins there. */
static inline struct slab *superslab_slab_at(struct superslab *ss, uint32_t unit) {
  const bool used = ((ss->free_mask | ss->gone_mask) >> unit & 1) == 0;
  return used && ss->slabs[unit].home == ss ? &ss->slabs[unit] : NULL;
}

/* Bytes that have memory behind them, without what was unmapped, where there may be other memory now. Signal safe. */
size_t superslab_resident(struct superslab *ss);

bool superslab_is_valid(const struct superslab *ss);

/* Makes a slab with base, size, units and home set a slab of class `cls`, all blocks uncarved. */
void slab_init(struct slab *slab, uint32_t cls);

/* Blocks that the slab has handed out; while its tail is purged one more, so that it is nobody else's. */
static inline uint32_t slab_used(const struct slab *slab) { return slab->carved - slab->free_count + slab->purging; }
/* Blocks that could be carved. */
static inline uint32_t slab_room(const struct slab *slab) { return slab->purging != 0 ? 0 : slab->capacity - slab->carved; }
static inline bool slab_is_full(const struct slab *slab) { return slab->free_count == 0 && slab_room(slab) == 0; }

/*
 * Moves up to `most` free blocks to the front of `chain`: those given back, in order of address as far as they were sorted together, then
 * newly carved ones. What the program asks for in one go then lies in one row, however it was freed. Returns NULL; or a block whose link leads out of
 * the slab, because it was written to after its free: what stood behind it is never handed out again.
 */
struct block *slab_take(struct slab *slab, uint32_t most, struct chain *chain);

/* Milliseconds since a block was last taken, by the clock of os_now_ms: so long at least something else keeps the slab from being empty. */
static inline uint32_t slab_idle_ms(const struct slab *slab, uint64_t now) {
  const uint32_t idle = (uint32_t)now - slab->taken_ms;
  return idle < INT32_MAX ? idle : 0; /* it was taken from just now */
}

/* Takes one block back. */
void slab_give(struct slab *slab, struct block *block);

/* The memory behind a slab's last block in use, on its way back to the system. */
struct slab_tail {
  struct slab *slab;
  char *base;
  size_t size; /* bytes, whole pages */
};

/*
 * Takes the tail of a partial slab, if it is at least `least` bytes, 1 or more. Its blocks are not there any more; until slab_trim_end nothing is
 * carved and the slab is not empty, so the lock may be let go while the memory is purged. The first block of the tail stays: its
 * header tells when the last one in use is overrun. False where there is nothing to purge, or a free block that was written to: whoever takes
 * that reports it.
 */
bool slab_trim_begin(struct slab *slab, uint32_t least, struct slab_tail *tail);

/* The tail was purged. */
void slab_trim_end(struct slab *slab);

/* Whether a block began at `p` that went with a tail. */
bool slab_was_block(const struct slab *slab, const void *p);

/*
 * Whether the block at `p`, which was there when its header was read, has gone with a tail since: what the header says is of no account
 * then. For who frees a block twice while a tail is purged; needs no lock.
 */
bool slab_lost_block(const struct slab *slab, const void *p);

/* The start of the block that `p` points into; NULL where `p` lies before the first or behind the last carved one. */
void *slab_block_of(const struct slab *slab, const void *p);

/* Bytes of a large block that was asked for with `requested`: what its run has more, in its last unit, may be unmapped. */
size_t large_needs(size_t requested);

/* Bytes from `p`, inside a live block, to the end of what its user may write. */
size_t slab_usable(const struct slab *slab, const void *p);

/* Blocks whose header says live; reads every header, so a page that was purged counts as free. */
uint32_t slab_count_live(const struct slab *slab);

bool slab_is_valid(const struct slab *slab);

#endif
