/*
 * jemalloc.c: the names that jemalloc adds to the malloc family. Programs that were built for it, such as Redis, call them beside malloc and free.
 * If jemalloc still served these names, free would be given blocks that hakmem did not allocate.
 *
 * These names are served as jemalloc 5.3 describes them:
 *   mallocx, rallocx, xallocx, sallocx, dallocx, sdallocx, nallocx     with alignment and MALLOCX_ZERO
 *   mallctl, mallctlnametomib, mallctlbymib                            the names in the table `controls`; any other is ENOENT
 *   malloc_stats_print                                                 the process's figures in a few lines
 *
 * Arenas and tcaches are accepted and change nothing. There is one heap, which is arena 0 and also all arenas together (4096). arenas.create
 * always returns arena 1, which stays empty; tcache.create always returns tcache 0. There is no background thread, and none can be switched on.
 *
 * Figures are hakmem's own, as of the last write to `epoch`. stats.resident is an upper bound, as in jemalloc: untouched pages count.
 *
 *   allocated <= active = mapped <= resident;   resident + retained = address space that hakmem has mapped
 *
 * Not served: gperftools' names (tc_malloc, MallocExtension) and mimalloc's (mi_malloc). A program that calls those also frees with the same
 * allocator's names, so nothing mixes. And their objects (C++ objects with virtual functions, heaps that are destroyed as a whole) cannot
 * be served from one heap. `hakmem explain` names an allocator that a program keeps beside hakmem.
 */
#include <errno.h>
#include <unistd.h>

#include "alloc/alloc.h"
#include "slabs/directory.h"
#include "checker_hooks.h"
#include "events.h"
#include "modes/guard.h"
#include "hakmem.h"
#include "platform/message.h"
#include "modes/modes.h"
#include "memory/os.h"
#include "slabs/units.h"
#include "alloc/usage.h"

#define FLAG_LG_ALIGN 0x3f /* log2 of the alignment; 0: none requested */
#define FLAG_ZERO 0x40     /* the other bits name an arena and a tcache */

static size_t align_of(int flags) { return (size_t)1 << (flags & FLAG_LG_ALIGN); }

/* ---- Blocks. These functions do not change errno, as jemalloc's do not. ---- */

/* Clears all usable bytes, not only `size`: a growing rallocx clears from the end of the usable bytes on. */
static void *make(size_t size, int flags) {
  const bool zero = (flags & FLAG_ZERO) != 0, aligned = align_of(flags) > MIN_ALIGN;
  char *p = aligned ? alloc_aligned(align_of(flags), size) : zero ? alloc_zeroed(1, size) : alloc_fast(size);
  if (p == NULL || !zero) return p;
  const size_t cleared = aligned ? 0 : size, usable = alloc_usable(p);
  if (usable > cleared) memset(p + cleared, 0, usable - cleared);
  return p;
}

EXPORT void *mallocx(size_t size, int flags);
EXPORT void *mallocx(size_t size, int flags) {
  const int saved = errno;
  void *p = make(size, flags);
  errno = saved;
  return p;
}

/*
 * realloc cannot do this: the new block might be less aligned, and of a block that shrinks it copies no byte beyond `size`. With MALLOCX_ZERO, all
 * usable bytes below those of the old block stay as they are, because the next call that grows the block clears only what lies behind them.
 */
static void *resize_whole(void *p, size_t usable, size_t size, int flags) {
  if (((uintptr_t)p & (align_of(flags) - 1)) == 0 && size <= usable && size >= usable / 2) return p;
  void *moved = make(size, flags & ~FLAG_ZERO);
  if (moved == NULL) return NULL;
  memcpy(moved, p, min_size(usable, (flags & FLAG_ZERO) != 0 ? alloc_usable(moved) : size));
  free_fast(p);
  return moved;
}

EXPORT void *rallocx(void *p, size_t size, int flags);
EXPORT void *rallocx(void *p, size_t size, int flags) {
  const int saved = errno;
  const bool aligned = align_of(flags) > MIN_ALIGN, zero = (flags & FLAG_ZERO) != 0;
  const size_t usable = aligned || zero ? alloc_usable(p) : 0, wanted = max_size(size, 1); /* 0 would free it */
  char *resized = aligned || wanted < usable / 2 ? resize_whole(p, usable, wanted, flags) : alloc_resize(p, wanted);
  errno = saved;
  if (resized == NULL || !zero) return resized;
  const size_t now = alloc_usable(resized);
  if (now > usable) memset(resized + usable, 0, now - usable);
  return resized;
}

/* Resizes in place, or not at all. A block of hakmem never grows beyond its usable bytes, and the caller expects to get that answer. */
EXPORT size_t xallocx(void *p, size_t size, size_t extra, int flags);
EXPORT size_t xallocx(void *p, size_t size, size_t extra, int flags) {
  (void)size, (void)extra, (void)flags;
  return alloc_usable(p);
}

EXPORT size_t sallocx(const void *p, int flags);
EXPORT size_t sallocx(const void *p, int flags) {
  (void)flags;
  return alloc_usable(p);
}

EXPORT void dallocx(void *p, int flags);
EXPORT void dallocx(void *p, int flags) {
  (void)flags;
  free_fast(p);
}

/* The size may be anything from the requested size to the result of sallocx. That is too wide a range to check. */
EXPORT void sdallocx(void *p, size_t size, int flags);
EXPORT void sdallocx(void *p, size_t size, int flags) {
  (void)size, (void)flags;
  free_fast(p);
}

/* The usable bytes of a block of `size` bytes; the block may have more. 0 if no such block is possible. */
EXPORT size_t nallocx(size_t size, int flags);
EXPORT size_t nallocx(size_t size, int flags) {
  const size_t align = align_of(flags);
  if (size > PTRDIFF_MAX - UNIT_SIZE || align > PTRDIFF_MAX) return 0;
  if (MODE(front) || hub_checked) return size;
  if (align <= MIN_ALIGN && size <= SMALL_MAX) return class_stride(class_of_size(size)) - 1;
  if (align > MIN_ALIGN && (size | (align - 1)) < ALIGNED_MAX) return class_stride(class_of_aligned(align, size)) - 1;
  return size <= units_large_max() && align <= UNIT_SIZE ? large_needs(size) : align_up(size, os_page_size()); /* behind these, a page may be sealed */
}

/* ---- Figures. ---- */

struct bin {
  uint64_t live, slabs;
};

static struct {
  uint64_t epoch;                                           /* 0: not taken yet */
  uint64_t small, large, active, dirty, resident, retained; /* bytes; small, large: of live blocks' strides */
  struct bin bin[CLASS_COUNT];
} figures BULK;

static uint32_t blocks_of_slab(uint32_t cls) { return (uint32_t)((class_slab_units(cls) * UNIT_SIZE - class_first(cls)) / class_stride(cls)); }

static void add_class(uint32_t cls) {
  const struct class_usage usage = usage_of_class(cls);
  struct bin *bin = &figures.bin[cls];
  bin->slabs = usage.slabs;
  /* A slab may have been released between the two readings; a program that subtracts one from the other must not get a negative number. */
  bin->live = min_size(usage.live, bin->slabs * blocks_of_slab(cls));
  figures.small += bin->live * class_stride(cls);
  figures.active += usage.bytes;
}

static void refresh(void) {
  static bool taking;
  if (__atomic_exchange_n(&taking, true, __ATOMIC_ACQUIRE)) return; /* another thread is taking figures, which are as good */
  figures.small = figures.active = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) add_class(cls);
  const struct heap_usage heap = usage_of_heap();
  const uint64_t in_use = heap.superslab_bytes - heap.free_bytes + heap.legacy_bytes, slabs = figures.active;
  figures.large = (in_use > slabs ? in_use - slabs : 0) + heap.huge_bytes + heap.guarded;
  figures.active += figures.large;
  figures.dirty = heap.dirty_bytes + heap.huge_kept;
  figures.resident = figures.active + figures.dirty + heap.metadata - directory_untouched();
  figures.retained = heap.mapped > figures.resident ? heap.mapped - figures.resident : 0;
  __atomic_add_fetch(&figures.epoch, 1, __ATOMIC_RELEASE);
  __atomic_store_n(&taking, false, __ATOMIC_RELEASE);
}

/* ---- mallctl. ---- */

/*
 * A name's MIB: its row in `controls`, then for each further part of the name the number in that place, 0 if that part is a word. So a program may
 * change the numbers in a MIB, as jemalloc allows.
 */
#define PARTS_MAX 7
enum { ARENA_OF_ALL = 0, ARENA_EMPTY, ARENA_COUNT, ARENAS_ALL = 4096 };

enum kind { KIND_NOTHING, KIND_BOOL, KIND_U32, KIND_SIZE, KIND_U64, KIND_TEXT };
static const size_t kind_size[] = {
  [KIND_BOOL] = sizeof(bool), [KIND_U32] = sizeof(uint32_t), [KIND_SIZE] = sizeof(size_t), [KIND_U64] = sizeof(uint64_t), [KIND_TEXT] = sizeof(const char *)};

/* Each returns 0 and fills *value, or returns an errno. */
typedef int reader(const size_t *mib, uint64_t *value);

#define READER(name, number) \
  static int name(const size_t *mib, uint64_t *value) { \
    (void)mib; \
    *value = (number); \
    return 0; \
  }
static uint64_t taken(const uint64_t *figure) {
  if (__atomic_load_n(&figures.epoch, __ATOMIC_ACQUIRE) == 0) refresh();
  return *figure;
}
READER(read_epoch, taken(&figures.epoch))
READER(read_allocated, taken(&figures.small) + figures.large)
READER(read_active, taken(&figures.active))
READER(read_resident, taken(&figures.resident))
READER(read_retained, taken(&figures.retained))
READER(read_metadata, usage_of_heap().metadata)
READER(read_nothing, 0)
READER(read_arenas, ARENA_COUNT)
READER(read_new_arena, ARENA_EMPTY)
READER(read_bins, CLASS_COUNT)
READER(read_page, os_page_size())
READER(read_quantum, MIN_ALIGN)
READER(read_version, (uintptr_t) "5.3.0 (hakmem)")

/* arenas.bin.<class>.x */
#define BIN_READER(name, number) \
  static int name(const size_t *mib, uint64_t *value) { \
    const uint32_t cls = (uint32_t)mib[2]; \
    if (mib[2] >= CLASS_COUNT) return ENOENT; \
    *value = (number); \
    return 0; \
  }
BIN_READER(read_bin_size, class_stride(cls))
BIN_READER(read_bin_blocks, blocks_of_slab(cls))
BIN_READER(read_bin_slab, class_slab_units(cls) * UNIT_SIZE)

/* stats.arenas.<arena>.x */
#define ARENA_READER(name, number) \
  static int name(const size_t *mib, uint64_t *value) { \
    if (mib[2] >= ARENA_COUNT && mib[2] != ARENAS_ALL) return ENOENT; \
    if (mib[4] >= CLASS_COUNT) return ENOENT; /* it is 0 if the name has no class */ \
    *value = mib[2] == ARENA_EMPTY ? 0 : (number); \
    return 0; \
  }
ARENA_READER(read_small, taken(&figures.small))
ARENA_READER(read_large, taken(&figures.large))
ARENA_READER(read_arena_resident, taken(&figures.resident))
ARENA_READER(read_pages, taken(&figures.active) / os_page_size())
ARENA_READER(read_dirty_pages, taken(&figures.dirty) / os_page_size())
ARENA_READER(read_live, taken(&figures.bin[mib[4]].live))
ARENA_READER(read_slabs, taken(&figures.bin[mib[4]].slabs))

/* Each returns 0 or an errno. */
typedef int writer(const size_t *mib, uint64_t value);

static int write_epoch(const size_t *mib, uint64_t value) {
  (void)mib, (void)value;
  refresh();
  return 0;
}
static int write_nothing(const size_t *mib, uint64_t value) { return (void)mib, (void)value, 0; }
static int write_off(const size_t *mib, uint64_t value) { return (void)mib, value != 0 ? EPERM : 0; }
static int purge(const size_t *mib, uint64_t value) {
  (void)value;
  if (mib[1] > ARENA_COUNT && mib[1] != ARENAS_ALL) return ENOENT; /* older programs use the number of arenas for all of them */
  if (mib[1] != ARENA_EMPTY) alloc_trim(0);
  return 0;
}
static int flush_lists(const size_t *mib, uint64_t value) {
  (void)mib, (void)value;
  struct sll_cache *cache = sll_enter();
  if (cache == NULL) return 0;
  sll_drain_all(cache, DRAIN_EXIT);
  sll_leave(cache);
  return 0;
}

static const struct control {
  const char *name;
  enum kind kind;
  reader *get;
  writer *set;
} controls[] = {
  {"version", KIND_TEXT, read_version, NULL},
  {"epoch", KIND_U64, read_epoch, write_epoch},
  {"background_thread", KIND_BOOL, read_nothing, write_off},
  {"thread.tcache.flush", KIND_NOTHING, NULL, flush_lists},
  {"tcache.create", KIND_U32, read_nothing, NULL},
  {"tcache.flush", KIND_U32, NULL, write_nothing},
  {"tcache.destroy", KIND_U32, NULL, write_nothing},
  {"arena.*.purge", KIND_NOTHING, NULL, purge},
  {"arena.*.decay", KIND_NOTHING, NULL, purge},
  {"arenas.narenas", KIND_U32, read_arenas, NULL},
  {"arenas.create", KIND_U32, read_new_arena, NULL},
  {"arenas.page", KIND_SIZE, read_page, NULL},
  {"arenas.quantum", KIND_SIZE, read_quantum, NULL},
  {"arenas.nbins", KIND_U32, read_bins, NULL},
  {"arenas.bin.*.size", KIND_SIZE, read_bin_size, NULL},
  {"arenas.bin.*.nregs", KIND_U32, read_bin_blocks, NULL},
  {"arenas.bin.*.slab_size", KIND_SIZE, read_bin_slab, NULL},
  {"stats.allocated", KIND_SIZE, read_allocated, NULL},
  {"stats.active", KIND_SIZE, read_active, NULL},
  {"stats.mapped", KIND_SIZE, read_active, NULL},
  {"stats.resident", KIND_SIZE, read_resident, NULL},
  {"stats.retained", KIND_SIZE, read_retained, NULL},
  {"stats.metadata", KIND_SIZE, read_metadata, NULL},
  {"stats.arenas.*.small.allocated", KIND_SIZE, read_small, NULL},
  {"stats.arenas.*.large.allocated", KIND_SIZE, read_large, NULL},
  {"stats.arenas.*.resident", KIND_SIZE, read_arena_resident, NULL},
  {"stats.arenas.*.pactive", KIND_SIZE, read_pages, NULL},
  {"stats.arenas.*.pdirty", KIND_SIZE, read_dirty_pages, NULL},
  {"stats.arenas.*.pmuzzy", KIND_SIZE, read_nothing, NULL},
  {"stats.arenas.*.bins.*.curregs", KIND_SIZE, read_live, NULL},
  {"stats.arenas.*.bins.*.curslabs", KIND_SIZE, read_slabs, NULL},
};

/* Fills *number and moves *text behind it; false if there is none. */
static bool read_number(const char **text, size_t *number) {
  *number = 0;
  const char *digit = *text;
  for (; *digit >= '0' && *digit <= '9' && *number <= ARENAS_ALL; digit++) *number = *number * 10 + (size_t)(*digit - '0');
  const bool any = digit != *text;
  *text = digit;
  return any;
}

/* Matches `name` with the pattern. Returns the number of parts, 0 if it does not match; and the numbers of the name in `mib`. */
static size_t match(const char *pattern, const char *name, size_t mib[PARTS_MAX]) {
  memset(mib, 0, PARTS_MAX * sizeof(*mib));
  for (size_t part = 0; part < PARTS_MAX; part++) {
    if (*pattern == '*') {
      pattern++;
      if (!read_number(&name, &mib[part])) return 0;
    } else {
      while (*pattern != '\0' && *pattern != '.' && *pattern == *name) pattern++, name++;
    }
    if (*pattern != *name) return 0;
    if (*pattern == '\0') return part + 1;
    pattern++, name++;
  }
  return 0;
}

static size_t find(const char *name, size_t mib[PARTS_MAX]) {
  for (size_t row = 0; row < ARRAY_LENGTH(controls); row++) {
    const size_t parts = match(controls[row].name, name, mib);
    if (parts == 0) continue;
    mib[0] = row;
    return parts;
  }
  return 0;
}

static size_t parts_of(const char *name) {
  size_t parts = 1;
  for (; *name != '\0'; name++) parts += *name == '.';
  return parts;
}

static int put(const struct control *control, const size_t *mib, void *old, size_t *old_size) {
  if (control->get == NULL) return EPERM;
  uint64_t value;
  const size_t size = kind_size[control->kind];
  const int error = control->get(mib, &value);
  if (error != 0) return error;
  if (old_size == NULL) return 0;
  const size_t given = *old_size;
  memcpy(old, &value, min_size(given, size)); /* little endian, as size_t is on every machine that hakmem knows */
  *old_size = min_size(given, size);
  return given == size ? 0 : EINVAL;
}

static int take(const struct control *control, const size_t *mib, const void *new, size_t size) {
  uint64_t value = 0;
  if (control->set == NULL) return EPERM;
  if (size != kind_size[control->kind]) return EINVAL;
  if (size != 0) memcpy(&value, new, size);
  return control->set(mib, value);
}

/* Writes first, then reads: a program that writes the epoch gets back the epoch of the figures that it will read. */
static int serve(const size_t mib[PARTS_MAX], void *old, size_t *old_size, const void *new, size_t new_size) {
  const struct control *control = &controls[mib[0]];
  if (control->kind == KIND_NOTHING) return old != NULL || new != NULL ? EPERM : control->set(mib, 0);
  int error = new != NULL ? take(control, mib, new, new_size) : 0;
  if (error == 0 && (old != NULL || new == NULL)) error = put(control, mib, old, old != NULL ? old_size : NULL);
  return error;
}

EXPORT int mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size);
EXPORT int mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size) {
  size_t mib[PARTS_MAX];
  return find(name, mib) != 0 ? serve(mib, old, old_size, new, new_size) : ENOENT;
}

EXPORT int mallctlnametomib(const char *name, size_t *out, size_t *parts);
EXPORT int mallctlnametomib(const char *name, size_t *out, size_t *parts) {
  size_t mib[PARTS_MAX];
  const size_t found = find(name, mib);
  if (found == 0) return ENOENT;
  *parts = min_size(*parts, found);
  memcpy(out, mib, *parts * sizeof(*out));
  return 0;
}

EXPORT int mallctlbymib(const size_t *mib, size_t parts, void *old, size_t *old_size, void *new, size_t new_size);
EXPORT int mallctlbymib(const size_t *given, size_t parts, void *old, size_t *old_size, void *new, size_t new_size) {
  if (parts == 0 || given[0] >= ARRAY_LENGTH(controls) || parts != parts_of(controls[given[0]].name)) return ENOENT;
  size_t mib[PARTS_MAX] = {0};
  memcpy(mib, given, parts * sizeof(*mib));
  return serve(mib, old, old_size, new, new_size);
}

/* ---- Text. ---- */

static void put_figure(struct message *m, const char *name, uint64_t bytes) {
  message_text(m, name);
  message_number(m, bytes);
}

EXPORT void malloc_stats_print(void (*write_text)(void *, const char *), void *context, const char *options);
EXPORT void malloc_stats_print(void (*write_text)(void *, const char *), void *context, const char *options) {
  (void)options; /* they leave out parts that this text does not have */
  refresh();
  struct message m;
  message_start(&m);
  message_text(&m, "hakmem ");
  message_text(&m, hak_version());
  message_text(&m, ", bytes:");
  put_figure(&m, " allocated ", figures.small + figures.large);
  put_figure(&m, ", active ", figures.active);
  put_figure(&m, ", resident at most ", figures.resident);
  put_figure(&m, ", dirty ", figures.dirty);
  put_figure(&m, ", retained ", figures.retained);
  if (write_text == NULL) {
    message_send(&m, STDERR_FILENO);
    return;
  }
  message_text(&m, "\n");
  m.text[m.length] = '\0';
  write_text(context, m.text);
}
