#include "checker_hooks.h"
#include "probe.h"
#include "legacy.h"

#include <string.h>

#include "platform/config.h"
#include "slabs/directory.h"
#include "memory/kept.h"
#include "memory/os.h"
#include "memory/soft_limit.h"
#include "seals.h"
#include "slabs/slab_list.h"
#include "slabs/spans.h"
#include "slabs/units.h"

#define KEPT_DELAY_PART 4        /* kept memory is returned to the kernel after this part of HAKMEM_RELEASE_DELAY */
#define KEPT_BYTES (192 * MIB)   /* of freed huge blocks, kept for reuse; or as much as is live, if that is more */
#define COPY_BYTES_MAX (2 * MIB) /* a block up to this size is resized by a copy into kept memory; of a larger one, the pages are moved to new memory */

/*
 * While fewer huge blocks than this exist, a large block that has grown becomes one, too. So there is room for all pieces of kept memory, and
 * mappings stay few: a process may have 65,530.
 */
#define GROWN_MOST (KEPT_RANGES / 2)

/* On kernels that cannot mark pages (seals.h), further huge blocks may lie side by side, because mappings become too many. */
#define SEALED_MOST 4096u

/* The descriptors of this file. */
struct mapping {
  struct slab slab;
  bool refused; /* a huge block that would be a large one if the shared pool had served it */
  size_t lead;  /* bytes of the mapping before slab.base */
  bool whole;   /* the kernel has it as one mapping, too, so its pages can be moved */
};

static struct {
  struct lock lock;
  struct slab_list slabs[CLASS_COUNT];
  struct slab *unused;
  struct kept kept;
  uint64_t huge_blocks, huge_requested, huge_bytes;
  uint64_t refused_bytes; /* of slabs of small blocks and refused huge blocks: SuperSlabs would hold these if the pool had served them */
} legacy;

/* ---- Kept memory. ---- */

/* A kept range is idle if it was freed before this time. Only a part of the delay, because it is much memory at once. */
static uint64_t idle_since(uint64_t now) {
  const uint64_t delay = soft_limit_delay_ms() / KEPT_DELAY_PART;
  return now > delay ? now - delay : 0;
}

static size_t kept_most(void) { return max_size(KEPT_BYTES, legacy.huge_bytes); }

/* Unmaps memory that may have sealed pages. */
static size_t unmap(char *base, size_t size) {
  seal_forget(base, size);
  return os_unmap(base, size);
}

/* Unmaps the ranges kept since `before_ms` or longer, and the oldest beyond kept_most(). Returns the bytes. */
static size_t evict(uint64_t before_ms) {
  size_t released = 0;
  for (;;) {
    struct kept_range range;
    lock_take(&legacy.lock);
    const size_t most = kept_most(), beyond = legacy.kept.bytes > most ? legacy.kept.bytes - most : 0;
    const bool found = kept_evict(&legacy.kept, beyond > 0 ? UINT64_MAX : before_ms, beyond > 0 ? beyond : SIZE_MAX, &range);
    lock_release(&legacy.lock);
    if (!found) return released;
    released += unmap(range.base, range.size);
  }
}

/* ---- Mappings and their descriptors. ---- */

static void drop_descriptor(struct slab *slab) {
  lock_take(&legacy.lock);
  slab->next = legacy.unused;
  legacy.unused = slab;
  lock_release(&legacy.lock);
}

/* A descriptor for [base, base + size); NULL if memory runs out. */
static struct slab *new_descriptor(char *base, size_t size, size_t align) {
  lock_take(&legacy.lock);
  struct slab *slab = legacy.unused;
  if (slab != NULL) legacy.unused = slab->next;
  lock_release(&legacy.lock);
  if (slab == NULL) slab = os_metadata(sizeof(struct mapping));
  if (slab == NULL) return NULL;
  *(struct mapping *)slab = (struct mapping){.slab = {.base = base, .size = size, .units = (uint32_t)(size / UNIT_SIZE), .align = align}};
  return slab;
}

/* A slab over new memory; `room`: see os_map_before. NULL if memory runs out. */
static struct slab *map_slab(size_t size, size_t room, size_t align) {
  int error;
  void *base = os_map_before(size, room, align, &error);
  if (base == NULL) return NULL;
  struct slab *slab = directory_prepare(base, size) ? new_descriptor(base, size, align) : NULL;
  if (slab == NULL) {
    os_unmap(base, size);
    return NULL;
  }
  ((struct mapping *)slab)->whole = true;
  hub_close_memory(base, size);
  return slab;
}

static size_t unmap_slab(struct slab *slab) {
  const size_t released = os_unmap(slab->base, slab->size);
  drop_descriptor(slab);
  return released;
}

/* ---- Small blocks. ---- */

struct chain legacy_refill(uint32_t cls, uint32_t most, enum legacy_reason reason, uint32_t stack, struct broken_link *broken) {
  const uint64_t start = hub_ticks();
  struct slab_list *list = &legacy.slabs[cls];
  struct chain chain = CHAIN_EMPTY;
  lock_take(&legacy.lock);
  const bool had = slab_list_take(list, most, &chain) && chain.count != 0;
  *broken = list->broken;
  list->broken = (struct broken_link){0};
  uint64_t refused = legacy.refused_bytes;
  lock_release(&legacy.lock);
  if (!had) {
    struct slab *slab = map_slab(class_slab_units(cls) * UNIT_SIZE, 0, UNIT_SIZE);
    if (slab == NULL) return chain;
    slab_init(slab, cls);
    if (config.secure != 0 && !hub_checked) memset(slab->base, 0, slab->size); /* as in pool_refill */
    directory_enter(slab);
    const void *base = slab->base;
    const uint32_t capacity = slab->capacity;
    lock_take(&legacy.lock);
    slab_list_add(list, slab);
    slab_list_take(list, most, &chain);
    refused = legacy.refused_bytes += slab->size;
    lock_release(&legacy.lock);
    EVENT(slab_acquire, .base = base, .cls = cls, .live = 0, .capacity = capacity);
  }
  EVENT(legacy_fallback, .cls = cls, .size = (uint64_t)chain.count * class_stride(cls), .base = chain.head, .reason = reason, .ticks = hub_ticks() - start,
        .stack = stack, .refused = refused);
  return chain;
}

/* Called under the lock: while it is held, every slab in the directory stays mapped. */
static void forget_empties(const struct slab *empties) {
  for (const struct slab *slab = empties; slab != NULL; slab = slab->next) {
    directory_leave(slab);
    legacy.refused_bytes -= slab->size;
  }
}

void legacy_return_blocks(uint32_t cls, struct chain chain) {
  struct slab_list *list = &legacy.slabs[cls];
  struct slab *empties = NULL;
  lock_take(&legacy.lock);
  while (chain.count > 0) {
    struct block *block = chain.head;
    struct slab *slab = directory_slab(block);
    if (!directory_begins(cls, block) || slab == NULL || slab->home != NULL) break; /* the link was overwritten after its free: the rest is lost */
    chain.head = block_next(block);
    chain.count--;
    if (!slab_list_give(list, slab, block)) continue;
    list->emptied_ms = os_now_ms();
    slab_list_shed(list, slab, false, &empties);
  }
  forget_empties(empties);
  lock_release(&legacy.lock);
  slabs_release(empties, unmap_slab);
}

/* Releases the empty slab that each class keeps, if it was not used for a while. */
static size_t scavenge_slabs(bool trim, uint64_t now) {
  size_t released = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    struct slab_list *list = &legacy.slabs[cls];
    struct slab *empties = NULL;
    if (slab_list_is_unused(list)) continue;
    lock_take(&legacy.lock);
    if (trim || now >= list->emptied_ms + soft_limit_delay_ms()) slab_list_shed_empty(list, &empties);
    forget_empties(empties);
    lock_release(&legacy.lock);
    released += slabs_release(empties, unmap_slab);
  }
  return released;
}

/* ---- Huge blocks. ---- */

/* A slab over kept memory; NULL if none fits. `wanted`: only a range that has all of the room. */
static struct slab *take_kept(size_t size, size_t room, bool wanted, size_t align) {
  const uint32_t thread = os_thread();
  lock_take(&legacy.lock);
  char *base = wanted && !kept_has(&legacy.kept, room, align) ? NULL : kept_take(&legacy.kept, size, room, align, thread);
  assert(kept_is_valid(&legacy.kept));
  lock_release(&legacy.lock);
  if (base == NULL) return NULL;
  struct slab *slab = new_descriptor(base, size, align);
  if (slab == NULL) unmap(base, size);
  return slab;
}

/* Keeps [base, base + size) for the next huge block, or unmaps it. */
static void keep(char *base, size_t size) {
  const uint64_t now = os_now_ms();
  const uint32_t thread = os_thread();
  lock_take(&legacy.lock);
  const bool kept = size <= kept_most() && kept_add(&legacy.kept, base, size, now, thread);
  assert(kept_is_valid(&legacy.kept));
  lock_release(&legacy.lock);
  if (kept) evict(idle_since(now));
  else unmap(base, size);
}

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
  struct slab *slab = take_kept(whole, room, origin == KEPT_WITH_ROOM, align);
  if (slab == NULL) return NULL;
  slab->cls = CLASS_HUGE;
  slab->requested = size;
  if (seal_end(slab, false)) return slab;
  seal_forget(slab->base, slab->size);
  unmap_slab(slab);
  return NULL;
}

/* The same over new memory. */
static struct slab *huge_of_kernel(size_t whole, size_t room, size_t size, enum origin origin, size_t align) {
  const size_t lead = hub_checked ? align : 0; /* a checker needs closed memory in front */
  evict(idle_since(os_now_ms()));              /* before more memory becomes resident */
  struct slab *slab = map_slab(whole + lead, origin == FRESH ? room - whole : 0, align);
  if (slab == NULL) return NULL;
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
  if (slab == NULL && origin >= KEPT_OR_FRESH) slab = huge_of_kernel(whole, room, size, origin, align);
  if (slab == NULL) return NULL;
  slab->align = align;
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
  drop_descriptor(slab);
  keep(base, size);
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
    if (whole < slab->size) keep(slab->base + whole, slab->size - whole);
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
  struct slab *place = huge_alloc(size, slab->align, whole_size(size, true) > slab->size ? LEGACY_GROWN : LEGACY_HUGE, origin, fresh);
  if (place != NULL && ((const struct mapping *)slab)->refused && size <= units_large_max()) refuse(place);
  return place;
}

/* Drops the descriptor of a block whose memory is no longer ours. */
static void forget(struct slab *slab) {
  book_huge(slab, -1);
  drop_descriptor(slab);
}

/* Resizes in place. False: the block is unchanged, but its end may be open, or its mapping longer. */
static bool stay(struct slab *slab, size_t size, size_t whole) {
  const size_t before = slab->requested, old = slab->size;
  if (!resize_in_place(slab, whole)) return false;
  book_huge(slab, -1);
  slab->requested = size;
  slab->size = whole;
  slab->units = (uint32_t)(whole / UNIT_SIZE);
  if (slab->sealed != 0)
    slab->sealed = whole >= old ? slab->sealed + (uint32_t)((whole - old) / os_page_size()) : 0; /* the page is where it was, or kept with the rest */
  const bool open = seal_end(slab, false);
  if (open) ((struct mapping *)slab)->refused &= size <= units_large_max();
  else slab->requested = before;
  book_huge(slab, 1);
  return open;
}

struct slab *legacy_huge_resize(struct slab *slab, size_t size) {
  const size_t whole = whole_size(size, true);
  if (whole == 0) return NULL;
  if (stay(slab, size, whole_size(size, false) == slab->size ? slab->size : whole)) return slab;
  const bool movable = ((const struct mapping *)slab)->whole && open_end(slab);
  bool fresh;
  struct slab *moved = new_place(slab, size, !movable || slab->size <= COPY_BYTES_MAX ? KEPT_OR_FRESH : FRESH, &fresh);
  if (moved == NULL) {
    seal_end(slab, false);
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
      return NULL;
    }
  }
  memcpy(moved->base, slab->base, min_size(slab_usable(slab, slab->base), slab_usable(moved, moved->base)));
  legacy_huge_free(slab);
  return moved;
}

size_t legacy_scavenge(bool trim) {
  const uint64_t now = os_now_ms();
  const size_t released = scavenge_slabs(trim, now);
  return released + evict(trim ? UINT64_MAX : idle_since(now));
}

bool legacy_keeps(const void *p) {
  lock_take(&legacy.lock);
  const bool keeps = kept_holds(&legacy.kept, p);
  lock_release(&legacy.lock);
  return keeps;
}

READS_RACILY bool legacy_has_place(void) {
  const bool keeps = soft_limit_delay_ms() / KEPT_DELAY_PART != 0;
  return keeps && legacy.huge_blocks < GROWN_MOST;
}

READS_RACILY uint64_t legacy_held(void) { return legacy.huge_bytes + legacy.kept.bytes + legacy.refused_bytes; }

READS_RACILY uint64_t legacy_used(uint32_t cls) { return legacy.slabs[cls].used; }

READS_RACILY void legacy_usage(uint32_t cls, struct legacy_usage *out) {
  *out = (struct legacy_usage){.kept_bytes = legacy.kept.bytes};
  if (cls < CLASS_COUNT) {
    const struct slab_list *list = &legacy.slabs[cls];
    out->slabs = list->slabs;
    out->capacity = list->capacity;
    out->used = list->used;
    out->bytes = list->bytes;
  } else {
    out->huge_blocks = legacy.huge_blocks;
    out->huge_requested = legacy.huge_requested;
    out->huge_bytes = legacy.huge_bytes;
  }
}

struct small_visit {
  void (*visit)(struct slab *slab, void *context);
  void *context;
};

static void visit_if_small(struct slab *slab, void *context) {
  const struct small_visit *v = context;
  if (slab->home == NULL && slab->cls < CLASS_COUNT) v->visit(slab, v->context);
}

bool legacy_visit(bool try_only, void (*visit)(struct slab *slab, void *context), void *context) {
  uint64_t slabs = 0;
  if (!try_only) lock_take(&legacy.lock);
  else if (!lock_try(&legacy.lock)) return false;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) slabs += legacy.slabs[cls].slabs;
  if (slabs != 0) directory_each(visit_if_small, &(struct small_visit){visit, context}); /* the lists lack full slabs */
  lock_release(&legacy.lock);
  return true;
}

bool legacy_is_valid(void) {
  uint64_t small = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const struct slab_list *list = &legacy.slabs[cls];
    if (!slab_list_is_valid(list)) return false;
    small += list->bytes;
    for (const struct slab *slab = list->head; slab != NULL; slab = slab->next) {
      if (slab->home != NULL || slab->cls != cls || directory_slab(slab->base) != slab) return false;
    }
  }
  return kept_is_valid(&legacy.kept) && legacy.refused_bytes >= small && legacy.refused_bytes - small <= legacy.huge_bytes &&
         legacy.huge_requested <= legacy.huge_bytes && (legacy.huge_blocks == 0) == (legacy.huge_bytes == 0);
}

const struct lock_row legacy_locks = LOCK_ROW(legacy.lock);

const struct layout_legacy legacy_layout = {.lists = legacy.slabs,
                                            .step = sizeof(legacy.slabs[0]),
                                            .kept_bytes = LAYOUT_NUMBER(legacy.kept.bytes),
                                            .huge_blocks = LAYOUT_NUMBER(legacy.huge_blocks),
                                            .huge_requested = LAYOUT_NUMBER(legacy.huge_requested),
                                            .huge_bytes = LAYOUT_NUMBER(legacy.huge_bytes)};
