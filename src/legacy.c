#include "legacy.h"

#include <pthread.h>

#include "config.h"
#include "directory.h"
#include "os.h"

#define KEPT_MAX 8              /* freed huge blocks kept for reuse, */
#define KEPT_BYTES_MAX (64 * MIB) /* and how much altogether */

/* A descriptor of this file's. */
struct mapping {
  struct slab slab;
  bool refused; /* a huge block that would be a large one, had the shared pool served it */
};

static struct {
  pthread_mutex_t lock;
  struct slab_list slabs[CLASS_COUNT];
  struct slab *spare_descriptors;
  struct slab *kept[KEPT_MAX]; /* NULL where none */
  uint64_t kept_ms[KEPT_MAX];  /* since when */
  size_t kept_bytes;
  uint64_t huge_blocks, huge_requested, huge_bytes;
  uint64_t refused_bytes; /* small blocks' slabs and refused huge blocks: what more SuperSlabs would hold */
} legacy = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- Mappings and their descriptors. ---- */

static void drop_descriptor(struct slab *slab) {
  pthread_mutex_lock(&legacy.lock);
  slab->next = legacy.spare_descriptors;
  legacy.spare_descriptors = slab;
  pthread_mutex_unlock(&legacy.lock);
}

static struct slab *map_slab(size_t size, size_t align) {
  pthread_mutex_lock(&legacy.lock);
  struct slab *slab = legacy.spare_descriptors;
  if (slab != NULL) legacy.spare_descriptors = slab->next;
  pthread_mutex_unlock(&legacy.lock);
  if (slab == NULL) slab = os_metadata(sizeof(struct mapping));
  if (slab == NULL) return NULL;
  int error;
  void *base = os_map(size, align, &error);
  if (base != NULL && directory_prepare(base, size)) {
    *slab = (struct slab){.base = base, .size = size, .units = (uint32_t)(size / UNIT_SIZE), .align = align};
    return slab;
  }
  if (base != NULL) os_unmap(base, size);
  drop_descriptor(slab);
  return NULL;
}

static void unmap_slab(struct slab *slab) {
  os_unmap(slab->base, slab->size);
  drop_descriptor(slab);
}

/* ---- Small blocks. ---- */

struct chain legacy_refill(uint32_t cls, uint32_t most, enum legacy_reason reason, uint32_t stack) {
  const uint64_t start = hub_ticks();
  struct slab_list *list = &legacy.slabs[cls];
  struct chain chain = CHAIN_EMPTY;
  pthread_mutex_lock(&legacy.lock);
  const bool had = slab_list_take(list, most, &chain);
  uint64_t refused = legacy.refused_bytes;
  pthread_mutex_unlock(&legacy.lock);
  if (!had) {
    struct slab *slab = map_slab(class_slab_units(cls) * UNIT_SIZE, UNIT_SIZE);
    if (slab == NULL) return chain;
    slab_init(slab, cls);
    directory_enter(slab, (int8_t)(cls + 1));
    const void *base = slab->base;
    const uint32_t capacity = slab->capacity;
    pthread_mutex_lock(&legacy.lock);
    slab_list_add(list, slab);
    slab_list_take(list, most, &chain);
    refused = legacy.refused_bytes += slab->size;
    pthread_mutex_unlock(&legacy.lock);
    EVENT(slab_acquire, .base = base, .cls = cls, .live = 0, .capacity = capacity);
  }
  EVENT(legacy_fallback, .cls = cls, .size = (uint64_t)chain.count * class_stride(cls), .base = chain.head,
        .reason = reason, .ticks = hub_ticks() - start, .stack = stack, .refused = refused);
  return chain;
}

/* Takes an empty slab out of its list, in front of *empties. One is kept, so that a class at its edge does not come and go. */
static void take_if_surplus(struct slab_list *list, struct slab *slab, bool all, struct slab **empties) {
  if (!all && list->head == slab && slab->next == NULL) return;
  slab_list_remove(list, slab);
  legacy.refused_bytes -= slab->size;
  slab->next = *empties;
  *empties = slab;
}

static size_t release_slabs(struct slab *slab) {
  size_t released = 0;
  while (slab != NULL) {
    struct slab *next = slab->next;
    EVENT(slab_release, .base = slab->base, .cls = slab->cls, .live = 0, .capacity = slab->capacity);
    released += slab->size;
    directory_leave(slab);
    unmap_slab(slab);
    slab = next;
  }
  return released;
}

void legacy_return_blocks(uint32_t cls, struct chain chain) {
  struct slab_list *list = &legacy.slabs[cls];
  struct slab *empties = NULL;
  pthread_mutex_lock(&legacy.lock);
  while (chain.count > 0) {
    struct block *block = chain.head;
    struct slab *slab = directory_slab(block);
    if (slab == NULL || slab->cls != cls) break; /* a link overwritten after its free: the rest is lost, not followed */
    chain.head = block->next;
    chain.count--;
    if (!slab_list_give(list, slab, block)) continue;
    list->emptied_ms = os_now_ms();
    take_if_surplus(list, slab, false, &empties);
  }
  pthread_mutex_unlock(&legacy.lock);
  release_slabs(empties);
}

/* The slab that each class kept, where it was not used for a while. */
static size_t scavenge_slabs(bool trim, uint64_t now) {
  size_t released = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    struct slab_list *list = &legacy.slabs[cls];
    struct slab *empties = NULL;
    pthread_mutex_lock(&legacy.lock);
    struct slab *kept = list->head;
    const bool due = trim || now >= list->emptied_ms + config.release_delay;
    if (kept != NULL && due && slab_used(kept) == 0) take_if_surplus(list, kept, true, &empties);
    pthread_mutex_unlock(&legacy.lock);
    released += release_slabs(empties);
  }
  return released;
}

/* ---- Huge blocks. ---- */

/* Takes a kept mapping that fits without wasting more than an eighth. */
static struct slab *take_kept(size_t size, size_t align) {
  for (unsigned i = 0; i < KEPT_MAX; i++) {
    struct slab *slab = legacy.kept[i];
    if (slab == NULL || slab->size < size || slab->size - size > size / 8) continue;
    if (((uintptr_t)slab->base & (align - 1)) != 0) continue;
    legacy.kept[i] = NULL;
    legacy.kept_bytes -= slab->size;
    return slab;
  }
  return NULL;
}

/* Books a huge block in (sign 1) or out (-1). Returns the bytes that the shared pool refused. */
static uint64_t book_huge(const struct slab *slab, int sign) {
  pthread_mutex_lock(&legacy.lock);
  legacy.huge_blocks += (uint64_t)(int64_t)sign;
  legacy.huge_requested += (uint64_t)sign * slab->requested;
  legacy.huge_bytes += (uint64_t)sign * slab->size;
  if (((const struct mapping *)slab)->refused) legacy.refused_bytes += (uint64_t)sign * slab->size;
  const uint64_t refused = legacy.refused_bytes;
  pthread_mutex_unlock(&legacy.lock);
  return refused;
}

struct slab *legacy_huge_alloc(size_t size, size_t align, enum legacy_reason reason, bool *zeroed) {
  const uint64_t start = hub_ticks();
  const size_t rounded = align_up(max_size(size, 1), UNIT_SIZE);
  align = max_size(align, UNIT_SIZE);
  if (rounded < size || rounded > PTRDIFF_MAX) return NULL;
  pthread_mutex_lock(&legacy.lock);
  struct slab *slab = take_kept(rounded, align);
  pthread_mutex_unlock(&legacy.lock);
  *zeroed = slab == NULL;
  if (slab == NULL) slab = map_slab(rounded, align);
  if (slab == NULL) return NULL;
  slab->cls = CLASS_HUGE;
  slab->requested = size;
  slab->align = align;
  ((struct mapping *)slab)->refused = reason != LEGACY_HUGE;
  directory_enter(slab, CODE_HUGE);
  const uint64_t refused = book_huge(slab, 1);
  EVENT(legacy_fallback, .cls = CLASS_HUGE, .size = slab->size, .base = slab->base, .reason = reason,
        .ticks = hub_ticks() - start, .stack = 0, .refused = refused);
  return slab;
}

void legacy_huge_free(struct slab *slab) {
  directory_leave(slab);
  book_huge(slab, -1);
  const uint64_t now = os_now_ms();
  bool kept = false;
  pthread_mutex_lock(&legacy.lock);
  for (unsigned i = 0; i < KEPT_MAX && !kept && legacy.kept_bytes + slab->size <= KEPT_BYTES_MAX; i++) {
    if (legacy.kept[i] != NULL) continue;
    legacy.kept[i] = slab;
    legacy.kept_ms[i] = now;
    legacy.kept_bytes += slab->size;
    kept = true;
  }
  pthread_mutex_unlock(&legacy.lock);
  if (!kept) unmap_slab(slab);
}

/* Where the mapping cannot grow in its place, its pages are moved, not copied, into a new one. */
struct slab *legacy_huge_resize(struct slab *slab, size_t size) {
  const size_t rounded = align_up(size, UNIT_SIZE);
  if (rounded < size || rounded > PTRDIFF_MAX) return NULL;
  if (rounded == slab->size || os_resize(slab->base, slab->size, rounded)) {
    book_huge(slab, -1);
    slab->requested = size;
    slab->size = rounded;
    slab->units = (uint32_t)(rounded / UNIT_SIZE);
    book_huge(slab, 1);
    return slab;
  }
  bool zeroed;
  struct slab *moved = legacy_huge_alloc(size, slab->align, LEGACY_HUGE, &zeroed);
  if (moved == NULL) return NULL;
  directory_leave(slab); /* first: once the pages have moved, their old place may be another thread's */
  if (moved->size < slab->size || !os_move(slab->base, slab->size, moved->base)) {
    directory_enter(slab, CODE_HUGE);
    legacy_huge_free(moved);
    return NULL;
  }
  book_huge(slab, -1);
  drop_descriptor(slab);
  return moved;
}

size_t legacy_scavenge(bool trim) {
  const uint64_t now = os_now_ms();
  size_t released = scavenge_slabs(trim, now);
  for (unsigned i = 0; i < KEPT_MAX; i++) {
    pthread_mutex_lock(&legacy.lock);
    struct slab *slab = legacy.kept[i];
    if (slab != NULL && !trim && now < legacy.kept_ms[i] + config.release_delay) slab = NULL;
    if (slab != NULL) {
      legacy.kept[i] = NULL;
      legacy.kept_bytes -= slab->size;
    }
    pthread_mutex_unlock(&legacy.lock);
    if (slab == NULL) continue;
    released += slab->size;
    unmap_slab(slab);
  }
  return released;
}

READS_RACILY void legacy_usage(uint32_t cls, struct legacy_usage *out) {
  *out = (struct legacy_usage){.kept_bytes = legacy.kept_bytes};
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

void legacy_fork_prepare(void) { pthread_mutex_lock(&legacy.lock); }
void legacy_fork_release(void) { pthread_mutex_unlock(&legacy.lock); }
void legacy_fork_child(void) { pthread_mutex_init(&legacy.lock, NULL); }
