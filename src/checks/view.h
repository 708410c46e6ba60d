/*
 * view.h: slabs as a reader sees them. A view is a copy of what a slab's descriptor says. It is taken without the lock of the slab's owner, and is
 * passed on only if it makes sense as a whole. So a reader knows neither descriptors nor masks nor locks, and stays safe if the slab goes meanwhile.
 *
 *   a slab of small blocks                                        a large or huge block
 *   | .. | block 0 | block 1 | ... | block count-1 | uncarved |   | block 0          |
 *   base  first     + stride                       base + size    base = first        base + size
 *
 *   count <= capacity
 */
#ifndef HAKMEM_VIEW_H
#define HAKMEM_VIEW_H

#include "platform/base.h"
#include "slabs/size_class.h"

struct slab_view {
  const char *base, *first;
  size_t size, stride;      /* bytes */
  size_t bytes;             /* what a block can hold; of a large or huge block, what was asked for */
  uint32_t cls;             /* class row; CLASS_NONE: units that are being purged, or are about to become a slab */
  uint32_t count, capacity; /* blocks with a header, because they were handed out once; blocks that there can be */
  uint32_t live;            /* blocks in use when view_each_held last counted them, 0: not yet */
  uint32_t taken_ms;        /* when a block was last taken: os_now_ms, its lower half */
};

typedef void view_visit(const struct slab_view *view, void *context);

/* The slab that `p` points into. Of a large or huge block, `p` must lie in the first unit. False if there is none. Wait-free; signal safe. */
bool view_of(const void *p, struct slab_view *out);

/* Visits every slab in order of address. Takes no lock: slabs may come and go meanwhile, so their memory must be read through maps_read. */
void view_each(view_visit *visit, void *context);

/*
 * Visits every slab of small blocks, and every run of units in a SuperSlab. The memory of the visited slab stays mapped during the visit, because locks
 * are held: `visit` must not allocate, raise events or wait. False if VIEW_TRY finds a lock taken: then not all were visited.
 */
enum view_live { VIEW_NOT_COUNTED, VIEW_USED /* with blocks in threads' lists and batches */, VIEW_BY_HEADERS /* reads every header */ };
enum view_lock { VIEW_WAIT, VIEW_TRY /* for signal handlers */ };
bool view_each_held(enum view_live live, enum view_lock lock, view_visit *visit, void *context);

/* The start of the block that `p` points into; NULL if that is before the first block or behind the last one that was handed out. */
const char *view_block(const struct slab_view *view, const void *p);

/* What the header of a small block says. Signal safe, whatever became of the slab. */
enum view_header { VIEW_LIVE, VIEW_FREE, VIEW_BROKEN, VIEW_UNREADABLE };
enum view_header view_header(const struct slab_view *view, const void *block);

/* Milliseconds since a block was last taken; `now` is os_now_ms. */
uint32_t view_idle_ms(const struct slab_view *view, uint64_t now);

/* The class row of a block of `size` bytes that lies in no slab, because it is guarded. */
uint32_t view_row(size_t size);

/* Where the core keeps the address of a large or huge block, for a leak checker that takes each word for a pointer; NULL for small blocks. */
void *const *view_pointer_to(const void *block);

#endif
