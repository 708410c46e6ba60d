/*
 * view.h: slabs for readers. A view is a copy of a slab's descriptor. It is taken without the lock of the slab's owner, and is
 * passed on only if it is consistent. So a reader knows no descriptors, masks or locks, and is safe if the slab is released meanwhile.
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
  size_t bytes;             /* that fit into a block; for a large or huge block, the bytes asked for */
  uint32_t cls;             /* class row; CLASS_NONE: units that are being purged, or will become a slab */
  uint32_t count, capacity; /* blocks that were handed out once, and so have a header; blocks that fit into the slab */
  uint32_t live;            /* blocks in use at the last count of view_each_held, 0: not counted yet */
  bool legacy;              /* in no SuperSlab */
  uint32_t taken_ms;        /* when a block was last taken: the lower half of os_now_ms */
};

typedef void view_visit(const struct slab_view *view, void *context);

/* The slab that `p` points into; for a large or huge block, only if `p` lies in its first unit. False if there is none. Wait-free; signal safe. */
bool view_of(const void *p, struct slab_view *out);

/* Visits every slab in order of address. Takes no lock: slabs may be released meanwhile, so read their memory through maps_read. */
void view_each(view_visit *visit, void *context);

/*
 * Visits every slab of small blocks, and every run of units in a SuperSlab. The memory of the visited slab stays mapped during the visit, because locks
 * are held: `visit` must not allocate, raise events or wait. False if VIEW_TRY finds a lock taken: then not all were visited.
 */
enum view_live { VIEW_NOT_COUNTED, VIEW_USED /* includes the free blocks in lists and batches */, VIEW_BY_HEADERS /* reads every header */ };
enum view_lock { VIEW_WAIT, VIEW_TRY /* for signal handlers */ };
bool view_each_held(enum view_live live, enum view_lock lock, view_visit *visit, void *context);

/* Whether the slab's memory may be read directly. A forked child may lack pages of it, which the program kept to itself (MADV_DONTFORK). */
bool view_is_whole(const struct slab_view *view);

/* The start of the block that `p` points into; NULL if that is before the first block or behind the last one that was handed out. */
const char *view_block(const struct slab_view *view, const void *p);

/* What the header of a small block says. Signal safe, and safe if the slab was released. */
enum view_header { VIEW_LIVE, VIEW_FREE, VIEW_BROKEN, VIEW_UNREADABLE };
enum view_header view_header(const struct slab_view *view, const void *block);

/* Milliseconds since a block was last taken; `now` is os_now_ms. */
uint32_t view_idle_ms(const struct slab_view *view, uint64_t now);

/* The class row for a block of `size` bytes that lies in no slab because it is guarded. */
uint32_t view_row(size_t size);

/* Where the core keeps its pointer to a large or huge block: a leak checker must not take it for the program's. NULL for small blocks. */
void *const *view_pointer_to(const void *block);

#endif
