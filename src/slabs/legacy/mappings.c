#include "mappings.h"

#include "checker_hooks.h"
#include "memory/os.h"
#include "memory/soft_limit.h"
#include "seals.h"
#include "slabs/directory.h"

#define KEPT_DELAY_PART 4        /* kept memory is returned to the kernel after this part of HAKMEM_RELEASE_DELAY */
#define KEPT_BYTES (192 * MIB)   /* of freed huge blocks, kept for reuse; or as much as is live, if that is more */
#define TOUCHED_WINDOW (1 * MIB) /* what is asked about, in the middle of a freed block */
#define REFUSED_MOST 8u          /* a range that joined may be several mappings to the kernel, which does not move these at once */

struct legacy_state legacy;

/* ---- Mappings and their descriptors. ---- */

void mapping_drop(struct slab *slab) {
  lock_take(&legacy.lock);
  slab->next = legacy.unused;
  legacy.unused = slab;
  lock_release(&legacy.lock);
}

/* A descriptor for [base, base + size); NULL if memory runs out. */
static struct slab *new_descriptor(char *base, size_t size) {
  lock_take(&legacy.lock);
  struct slab *slab = legacy.unused;
  if (slab != NULL) legacy.unused = slab->next;
  lock_release(&legacy.lock);
  if (slab == NULL) slab = os_metadata(sizeof(struct mapping));
  if (slab == NULL) return NULL;
  *(struct mapping *)slab = (struct mapping){.slab = {.base = base, .size = size, .units = (uint32_t)(size / UNIT_SIZE)}};
  return slab;
}

struct slab *mapping_new(size_t size, size_t room, size_t align) {
  int error;
  void *base = os_map_before(size, room, align, &error);
  if (base == NULL) return NULL;
  struct slab *slab = directory_prepare(base, size) ? new_descriptor(base, size) : NULL;
  if (slab == NULL) {
    os_unmap(base, size);
    return NULL;
  }
  ((struct mapping *)slab)->whole = true;
  hub_close_memory(base, size);
  return slab;
}

size_t mapping_unmap(struct slab *slab) {
  const size_t released = os_unmap(slab->base, slab->size);
  mapping_drop(slab);
  return released;
}

/* ---- Kept memory. ---- */

uint64_t mapping_idle_since(uint64_t now) {
  const uint64_t delay = soft_limit_delay_ms() / KEPT_DELAY_PART;
  return now > delay ? now - delay : 0;
}

bool mapping_keeps(void) { return soft_limit_delay_ms() / KEPT_DELAY_PART != 0; }

/* Beyond KEPT_BYTES, at most as much again as is live: when the program has freed all of its huge blocks, nothing more is kept. */
static READS_RACILY size_t kept_most(void) { return max_size(KEPT_BYTES, legacy.huge_bytes) + min_size(legacy.kept_more, legacy.huge_bytes); }

/*
 * Memory of which the program has written most pages is worth more: to return it and to fault it in again costs far more than its mapping. Each block of
 * such memory that is freed beyond the limit raises the limit, up to KEPT_BYTES; and each range that no huge block needed in time lowers it. A soft limit
 * is kept rather with little.
 */
static READS_RACILY bool is_beyond(size_t size) { return legacy.kept.bytes + size > kept_most() && legacy.kept_more < KEPT_BYTES && soft_limit_bytes() == 0; }

static bool is_touched(const char *base, size_t size) {
  const size_t window = min_size(size, TOUCHED_WINDOW), first = (size - window) / 2;
  return os_resident(base + first - first % os_page_size(), window) >= window / 4 * 3;
}

/* Unmaps memory that may have sealed pages. */
static size_t unmap(char *base, size_t size) {
  seal_forget(base, size);
  return os_unmap(base, size);
}

size_t mapping_evict(uint64_t before_ms) {
  size_t released = 0;
  for (;;) {
    struct kept_range range;
    lock_take(&legacy.lock);
    const size_t most = kept_most(), beyond = legacy.kept.bytes > most ? legacy.kept.bytes - most : 0;
    const bool found = kept_evict(&legacy.kept, beyond > 0 ? UINT64_MAX : before_ms, beyond > 0 ? beyond : SIZE_MAX, &range);
    if (found && beyond == 0) legacy.kept_more -= min_size(legacy.kept_more, range.size);
    lock_release(&legacy.lock);
    if (!found) return released;
    released += unmap(range.base, range.size);
  }
}

struct slab *mapping_take_kept(size_t size, size_t room, bool wanted, size_t align) {
  const uint32_t thread = os_thread();
  lock_take(&legacy.lock);
  char *base = wanted && !kept_has(&legacy.kept, room, align) ? NULL : kept_take(&legacy.kept, size, room, align, thread);
  assert(kept_is_valid(&legacy.kept));
  lock_release(&legacy.lock);
  if (base == NULL) return NULL;
  struct slab *slab = new_descriptor(base, size);
  if (slab == NULL) unmap(base, size);
  return slab;
}

bool mapping_fill(const struct slab *slab, bool *lost) {
  static unsigned refused; /* how often in a row; atomic */
  const uint32_t thread = os_thread();
  struct kept_range range;
  bool sealed;
  *lost = false;
  if (__atomic_load_n(&refused, __ATOMIC_RELAXED) >= REFUSED_MOST) return false;
  lock_take(&legacy.lock);
  const bool found = kept_take_shorter(&legacy.kept, slab->size, thread, &range);
  assert(kept_is_valid(&legacy.kept));
  lock_release(&legacy.lock);
  if (!found) return false;
  const bool open = seal_only(range.base, range.size, NULL, false, &sealed); /* a sealed page would stay so in its new place */
  const enum os_moved how = open ? os_move(range.base, range.size, slab->base, slab->size) : OS_STAYED;
  if (how == OS_MOVED) {
    __atomic_store_n(&refused, 0, __ATOMIC_RELAXED);
    return true;
  }
  *lost = how == OS_TARGET_LOST;
  __atomic_fetch_add(&refused, *lost ? REFUSED_MOST : 1, __ATOMIC_RELAXED);
  unmap(range.base, range.size);
  return false;
}

void mapping_keep(char *base, size_t size) {
  const uint64_t now = os_now_ms();
  const uint32_t thread = os_thread();
  const size_t more = is_beyond(size) && is_touched(base, size) ? size : 0;
  lock_take(&legacy.lock);
  legacy.kept_more = min_size(legacy.kept_more + more, KEPT_BYTES);
  const bool kept = size <= kept_most() && kept_add(&legacy.kept, base, size, now, thread);
  assert(kept_is_valid(&legacy.kept));
  lock_release(&legacy.lock);
  if (!kept) unmap(base, size);
  mapping_evict(mapping_idle_since(now)); /* also if this block is not kept: with it went what the limit follows */
}
