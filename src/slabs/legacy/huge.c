#include "legacy.h"

#include <string.h>

#include "checker_hooks.h"
#include "mappings.h"
#include "memory/os.h"
#include "probe.h"
#include "seals.h"
#include "slabs/directory.h"
#include "slabs/spans.h"
#include "slabs/superslabs.h"
#include "slabs/units.h"

#define SURPLUS (64 * MIB)       /* free memory that a new huge block leaves alone */
#define COPY_BYTES_MAX (2 * MIB) /* a block up to this size is resized by a copy into kept memory; of a larger one, the pages are moved to new memory */

/*
 * While fewer huge blocks than this exist, a large block that has grown becomes one, too. So there is room for all pieces of kept memory, and
 * mappings stay few: a process may have 65,530.
 */
#define GROWN_MOST (KEPT_RANGES / 2)

/* On kernels that cannot mark pages (seals.h), further huge blocks may lie side by side, because mappings become too many. */
#define SEALED_MOST 4096u

/* Adds a huge block to the totals (sign 1), or subtracts it (-1). Returns the bytes that the shared pool refused. */
static uint64_t book_huge(const struct slab *slab, int sign) {
  lock_take(&legacy.lock);
  legacy.huge_blocks += (uint64_t)(int64_t)sign;
  legacy.huge_requested += (uint64_t)sign * slab->requested;
  legacy.huge_bytes += (uint64_t)sign * slab->size;
  if (((const struct mapping *)slab)->refused) legacy.refused_bytes += (uint64_t)sign * slab->size;
  const uint64_t refused = legacy.refused_bytes;
  lock_release(&legacy.lock);
  return refused;
}

/* A block that was refused as a large one still counts as refused after it moves. */
static void refuse(struct slab *slab) {
  lock_take(&legacy.lock);
  ((struct mapping *)slab)->refused = true;
  legacy.refused_bytes += slab->size;
  lock_release(&legacy.lock);
}

/* Where the memory of a huge block comes from. KEPT_WITH_ROOM: only if there is room behind it, too. FRESH: it is not sealed. */
enum origin { KEPT_WITH_ROOM, KEPT, KEPT_OR_FRESH, FRESH };

/*
 * Bytes of the mapping of a huge block: whole units, with a page that can be sealed. A block that has `grown` is not sealed, unless an error ends the process.
 * A checker closes what lies behind a block itself. 0: too many.
 */
static size_t whole_size(size_t size, bool grown) {
  const bool sealed = !hub_checked && (!grown || span_has_fences());
  const size_t whole = align_up(max_size(size, 1) + (sealed ? os_page_size() : 0), UNIT_SIZE);
  return size <= PTRDIFF_MAX && whole <= PTRDIFF_MAX ? whole : 0;
}

READS_RACILY static bool may_split(void) { return legacy.huge_blocks < SEALED_MOST; }

/* Where a huge block ends that has a sealed page at `at`, NULL: none. */
static void note_seal(struct slab *slab, const char *at) {
  slab->sealed = at != NULL ? (uint32_t)((size_t)(slab->base + slab->size - at) / os_page_size()) : 0;
}

/*
 * Seals the page behind the block's last one, in new memory, and everywhere if an error ends the process. Otherwise that would take two system calls for each
 * block, so it opens only what the block needs, and a page that is sealed behind it stays so. False: one that it needs is still sealed.
 */
static bool seal_end(struct slab *slab, bool fresh) {
  if (hub_checked) return true;
  const size_t needed = align_up(max_size(slab->requested, 1), os_page_size());
  char *const at = slab->base + needed;
  const bool wanted = (fresh || span_has_fences()) && needed < slab->size;
  bool sealed;
  if (!seal_only(slab->base, wanted ? slab->size : needed, wanted ? at : NULL, may_split(), &sealed)) return false;
  note_seal(slab, !wanted ? seal_find(at, slab->size - needed) : sealed ? at : NULL);
  return true;
}

/* A huge block over kept memory; NULL if there is none. */
static struct slab *huge_of_kept(size_t whole, size_t room, size_t size, enum origin origin, size_t align) {
  struct slab *slab = mapping_take_kept(whole, room, origin == KEPT_WITH_ROOM, align);
  if (slab == NULL) return NULL;
  slab->cls = CLASS_HUGE;
  slab->requested = size;
  if (seal_end(slab, false)) return slab;
  seal_forget(slab->base, slab->size);
  mapping_unmap(slab);
  return NULL;
}

/*
 * Called before new memory is mapped. Free memory in SuperSlabs cannot serve a huge block. If there is more of it than SURPLUS, and more than all live
 * blocks take, it is returned to the kernel. Otherwise a program that goes on to huge blocks would hold its former blocks' memory beside them for a while.
 */
READS_RACILY static void return_surplus(void) {
  const uint64_t now = os_now_ms();
  struct superslabs_totals units;
  mapping_evict(mapping_idle_since(now));
  superslabs_totals(&units);
  const uint64_t live = units.mapped - units.free_units * UNIT_SIZE + legacy.huge_bytes;
  if (units.dirty_bytes > max_size(SURPLUS, live)) units_scavenge(true, 0, now);
}

/* The same over new memory. A block that has grown, so that it is written to, gets its first pages from a kept range that is too short for it. */
static struct slab *huge_of_kernel(size_t whole, size_t room, size_t size, enum origin origin, size_t align, bool *zeroed) {
  const size_t lead = hub_checked ? align : 0; /* a checker needs closed memory in front */
  const bool fills = origin == KEPT_OR_FRESH && room != whole && whole <= COPY_BYTES_MAX && !hub_checked;
  bool lost = false;
  return_surplus();
  struct slab *slab = mapping_new(whole + lead, origin == FRESH ? room - whole : 0, align);
  if (slab == NULL) return NULL;
  if (fills) *zeroed = !mapping_fill(slab, &lost);
  if (lost) {
    mapping_drop(slab);
    return huge_of_kernel(whole, room, size, origin, align, zeroed); /* which will not try to fill it */
  }
  slab->base += lead;
  slab->size -= lead;
  slab->units = (uint32_t)(slab->size / UNIT_SIZE);
  slab->cls = CLASS_HUGE;
  slab->requested = size;
  ((struct mapping *)slab)->lead = lead;
  if (origin != FRESH && (room == whole || span_has_fences())) seal_end(slab, true);
  return slab;
}

static struct slab *huge_alloc(size_t size, size_t align, enum legacy_reason reason, enum origin origin, bool *zeroed) {
  const uint64_t start = hub_ticks();
  const size_t whole = whole_size(size, reason == LEGACY_GROWN);
  align = max_size(align, UNIT_SIZE);
  if (whole == 0) return NULL;
  const size_t room = whole + (reason == LEGACY_GROWN ? align_up(whole / 2, UNIT_SIZE) : 0);
  /* Freed memory must not be reused as long as a checker keeps it. */
  struct slab *slab = origin != FRESH && !hub_checked ? huge_of_kept(whole, room, size, origin, align) : NULL;
  *zeroed = slab == NULL;
  if (slab == NULL && origin >= KEPT_OR_FRESH) slab = huge_of_kernel(whole, room, size, origin, align, zeroed);
  if (slab == NULL) return NULL;
  slab->align = (uint8_t)__builtin_ctzll(align);
  ((struct mapping *)slab)->refused = reason < LEGACY_HUGE;
  directory_enter(slab);
  const uint64_t refused = book_huge(slab, 1);
  EVENT(legacy_fallback, .cls = CLASS_HUGE, .size = slab->size, .base = slab->base, .reason = reason, .ticks = hub_ticks() - start, .stack = 0,
        .refused = refused);
  return slab;
}

struct slab *legacy_huge_alloc(size_t size, size_t align, enum legacy_reason reason, bool *zeroed) {
  return huge_alloc(size, align, reason, KEPT_OR_FRESH, zeroed);
}

struct slab *legacy_kept_alloc(size_t size, bool with_room, bool *zeroed) {
  return huge_alloc(size, UNIT_SIZE, LEGACY_GROWN, with_room ? KEPT_WITH_ROOM : KEPT, zeroed);
}

void legacy_huge_free(struct slab *slab) {
  directory_leave(slab);
  book_huge(slab, -1);
  const size_t lead = ((const struct mapping *)slab)->lead, size = slab->size + lead;
  char *base = slab->base - lead;
  mapping_drop(slab);
  mapping_keep(base, size);
}

/* Opens the sealed page. False: nothing is changed. */
static bool open_end(struct slab *slab) {
  bool sealed;
  if (slab->sealed != 0 && !seal_only(slab->base, slab->size, NULL, false, &sealed)) return false;
  slab->sealed = 0;
  return true;
}

/* Makes `slab` longer or shorter in place: into kept memory behind it, or by mremap. */
static bool resize_in_place(struct slab *slab, size_t whole) {
  char *const end = slab->base + slab->size;
  if (whole <= slab->size) {
    if (whole < slab->size) mapping_keep(slab->base + whole, slab->size - whole);
    return true;
  }
  lock_take(&legacy.lock);
  const bool taken = kept_take_at(&legacy.kept, end, whole - slab->size);
  lock_release(&legacy.lock);
  if (taken) ((struct mapping *)slab)->whole = false;
  if (taken) return true;
  if (slab->size <= COPY_BYTES_MAX || !open_end(slab)) return false; /* the address space behind it is seldom free, and would need new memory */
  if (!os_resize(slab->base, slab->size, whole)) return false;
  if (directory_prepare(end, whole - slab->size)) return true;
  os_unmap(end, whole - slab->size);
  return false;
}

/* The new place of `slab`; NULL if there is no memory. */
static struct slab *new_place(const struct slab *slab, size_t size, enum origin origin, bool *fresh) {
  struct slab *place = huge_alloc(size, (size_t)1 << slab->align, whole_size(size, true) > slab->size ? LEGACY_GROWN : LEGACY_HUGE, origin, fresh);
  if (place != NULL && ((const struct mapping *)slab)->refused && size <= units_large_max()) refuse(place);
  return place;
}

/*
 * Where the block goes that cannot stay. If its pages can be moved, new memory for it is not sealed: they replace those of the target, the sealed one, too.
 */
static struct slab *other_place(const struct slab *slab, size_t size, bool movable, bool *fresh) {
  if (!movable) return new_place(slab, size, KEPT_OR_FRESH, fresh);
  struct slab *place = slab->size <= COPY_BYTES_MAX ? new_place(slab, size, KEPT, fresh) : NULL;
  return place != NULL ? place : new_place(slab, size, FRESH, fresh);
}

/* Drops the descriptor of a block whose memory is no longer ours. */
static void forget(struct slab *slab) {
  book_huge(slab, -1);
  mapping_drop(slab);
}

/* Resizes in place. False: the block is unchanged, but its end may be open, or its mapping longer. */
static bool stay(struct slab *slab, size_t size, size_t whole) {
  const size_t before = slab->requested, old = slab->size;
  if (!resize_in_place(slab, whole)) return false;
  book_huge(slab, -1);
  slab->requested = size;
  slab->size = whole;
  slab->units = (uint32_t)(whole / UNIT_SIZE);
  /* `sealed` counts pages back from the end. A block that shrank has lost the sealed page; in one that grew, the page stayed where it was. */
  if (whole < old) slab->sealed = 0;
  else if (slab->sealed != 0) slab->sealed += (uint32_t)((whole - old) / os_page_size());
  const bool open = seal_end(slab, false);
  if (open) {
    ((struct mapping *)slab)->refused &= size <= units_large_max();
  } else {
    slab->requested = before;
    note_seal(slab, seal_find(slab->base, slab->size)); /* memory that was taken may have one where the block had none */
  }
  book_huge(slab, 1);
  if (whole < old) mapping_evict(mapping_idle_since(os_now_ms())); /* what may be kept follows what is live */
  return open;
}

static char *sealed_page(const struct slab *slab) { return slab->base + slab->size - slab->sealed * os_page_size(); }

/* After a resize that failed: seals the page `at` if it was opened for that, so that the block ends where it did. NULL: none was sealed. */
static void seal_again(struct slab *slab, char *at) {
  bool sealed;
  if (at == NULL || slab->sealed != 0) return;
  seal_only(slab->base, slab->size, at, may_split(), &sealed);
  note_seal(slab, sealed ? at : NULL);
}

struct slab *legacy_huge_resize(struct slab *slab, size_t size) {
  const size_t whole = whole_size(size, true);
  if (whole == 0) return NULL;
  char *const end = slab->sealed != 0 ? sealed_page(slab) : NULL;
  if (stay(slab, size, whole_size(size, false) == slab->size ? slab->size : whole)) return slab;
  const bool movable = ((const struct mapping *)slab)->whole && open_end(slab);
  bool fresh;
  struct slab *moved = other_place(slab, size, movable, &fresh);
  if (moved == NULL) {
    seal_again(slab, end);
    return NULL;
  }
  directory_leave(slab); /* first: once the pages have moved, another thread may map something in the old place */
  const enum os_moved how = movable && fresh ? os_move(slab->base, slab->size, moved->base, moved->size) : OS_STAYED;
  if (how == OS_MOVED) {
    seal_end(moved, false);
    forget(slab);
    return moved;
  }
  if (how == OS_TARGET_LOST) {
    directory_leave(moved);
    forget(moved);
    moved = new_place(slab, size, KEPT_OR_FRESH, &fresh);
    if (moved == NULL) {
      directory_enter(slab);
      seal_again(slab, end);
      return NULL;
    }
  } else if (fresh) {
    seal_end(moved, false);
  }
  memcpy(moved->base, slab->base, min_size(slab_usable(slab, slab->base), slab_usable(moved, moved->base)));
  legacy_huge_free(slab);
  return moved;
}

READS_RACILY bool legacy_has_place(void) { return mapping_keeps() && legacy.huge_blocks < GROWN_MOST; }
