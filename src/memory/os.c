#include "os.h"

#include <string.h>

#include "platform/config.h"
#include "checker_hooks.h"
#include "probe.h"
#include "platform/random.h"
#include "sets/ranges.h"
#include "platform/syscall.h"

static size_t mapped_bytes; /* atomic */
static int last_error;      /* atomic */

const struct layout_number os_mapped_layout = LAYOUT_NUMBER(mapped_bytes);
size_t os_mapped(void) { return __atomic_load_n(&mapped_bytes, __ATOMIC_RELAXED); }
int os_last_error(void) { return __atomic_load_n(&last_error, __ATOMIC_RELAXED); }

/* ---- Which memory is ours. ---- */

static struct {
  struct lock lock;
  struct ranges *ranges; /* all mappings; kept for the search for leaks only, and mapped for it */
  bool incomplete;       /* `ranges` could not be mapped once */
  struct ranges guards;  /* the pages beside our mappings that cannot be touched; kept always */
  struct ranges refused; /* that the kernel refused to unmap, and that are no longer used */
  bool has_refused;      /* atomic */
} own BULK;

static void *map_anywhere(size_t size) {
  void *p = sys_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

/* Called locked. The table is in the set, too: the search must not take what stands there for pointers. */
static bool has_ranges(void) {
  if (own.ranges != NULL) return true;
  const int saved = errno;
  own.ranges = map_anywhere(align_up(sizeof(*own.ranges), os_page_size()));
  errno = saved;
  if (own.ranges == NULL) own.incomplete = true;
  else ranges_add(own.ranges, (uintptr_t)own.ranges, (uintptr_t)own.ranges + align_up(sizeof(*own.ranges), os_page_size()));
  return own.ranges != NULL;
}

static void own_change(void (*change)(struct ranges *, uintptr_t, uintptr_t), const void *base, size_t size) {
  if (LIKELY(config.leaks == 0)) return;
  lock_take(&own.lock);
  if (has_ranges()) change(own.ranges, (uintptr_t)base, (uintptr_t)base + size);
  lock_release(&own.lock);
}

bool os_own_next(uintptr_t at, uintptr_t *start, uintptr_t *end) {
  lock_take(&own.lock);
  const bool found = own.ranges != NULL && ranges_next(own.ranges, at, start, end);
  lock_release(&own.lock);
  return found;
}

bool os_own_is_whole(void) { return !own.incomplete && (own.ranges == NULL || !own.ranges->full); }

/* ---- Mappings. ---- */

static bool is_aligned(const void *p, size_t align) { return ((uintptr_t)p & (align - 1)) == 0; }

/*
 * The kernel refused to unmap a range, because the process has too many mappings or a seccomp filter says so. It stays mapped and counted. The list does not
 * lie in the ranges: a program that writes to freed memory would make hakmem unmap what it chooses.
 */
static void keep_refused(const void *base, size_t size) {
  lock_take(&own.lock);
  ranges_add(&own.refused, (uintptr_t)base, (uintptr_t)base + size);
  __atomic_store_n(&own.has_refused, true, __ATOMIC_RELAXED);
  lock_release(&own.lock);
}

/* Takes out the first range behind *at, and sets *at to its end. */
static bool take_refused(uintptr_t *at, uintptr_t *start) {
  lock_take(&own.lock);
  const bool found = ranges_next(&own.refused, *at, start, at);
  if (found) ranges_cut(&own.refused, *start, *at);
  __atomic_store_n(&own.has_refused, own.refused.count != 0, __ATOMIC_RELAXED);
  lock_release(&own.lock);
  return found;
}

/* Unmaps the surplus beside an aligned mapping. If the kernel refuses, the surplus stays mapped, and is counted. */
static void cut_off(void *p, size_t size) {
  if (size == 0 || sys_munmap(p, size) == 0) return;
  __atomic_fetch_add(&mapped_bytes, size, __ATOMIC_RELAXED);
  own_change(ranges_add, p, size);
  keep_refused(p, size);
}

/*
 * The kernel places mappings next to each other. So if one mapping was aligned, the next one of the same size mostly is, too. If not, we map more
 * and cut off the surplus. The room is cut off as well: it only had to be free address space.
 */
static void *map_aligned(size_t size, size_t room, size_t align) {
  size_t whole = size + room;
  char *p = map_anywhere(whole);
  if (p != NULL && !is_aligned(p, align)) {
    cut_off(p, whole);
    whole += align - os_page_size();
    p = whole > size ? map_anywhere(whole) : NULL;
  }
  if (p == NULL) return room != 0 ? map_aligned(size, 0, align) : NULL;
  char *const base = (char *)align_up((uintptr_t)p, align);
  cut_off(p, (size_t)(base - p));
  cut_off(base + size, (size_t)(p + whole - (base + size)));
  return base;
}

/* The end of a mapping of [base, base + size): counts it and raises the event. NULL, and *error is set, if the kernel refused it. */
static void *mapped(void *base, size_t size, uint64_t start, int saved, int *error) {
  *error = base == NULL ? (errno != 0 ? errno : ENOMEM) : 0;
  errno = saved;
  if (base == NULL) {
    __atomic_store_n(&last_error, *error, __ATOMIC_RELAXED);
    return NULL;
  }
  __atomic_fetch_add(&mapped_bytes, size, __ATOMIC_RELAXED);
  own_change(ranges_add, base, size);
  EVENT(os_map, .base = base, .size = size, .ticks = hub_ticks() - start);
  return base;
}

void *os_map_before(size_t size, size_t room, size_t align, int *error) {
  const int saved = errno;
  const uint64_t start = hub_ticks();
  return mapped(map_aligned(size, room, align), size, start, saved, error);
}

/* Maps [base, base + size) within a larger mapping of closed pages. The pages before and behind it stay closed, the others are unmapped. */
static char *map_between(size_t size, size_t align) {
  const size_t page = os_page_size(), whole = size + page + align;
  char *const p = sys_mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return NULL;
  char *const base = (char *)align_up((uintptr_t)p + page, align), *const start = base - page, *const end = base + size + page;
  cut_off(p, (size_t)(start - p));
  cut_off(end, (size_t)(p + whole - end));
  if (sys_mprotect(base, size, PROT_READ | PROT_WRITE) == 0) return start;
  const int error = errno;
  if (os_open_anew(start, (size_t)(end - start))) return start;
  cut_off(start, (size_t)(end - start));
  errno = error;
  return NULL;
}

/* Applies `change` to [base, base + size). */
static void change_guard(void (*change)(struct ranges *, uintptr_t, uintptr_t), const void *base, size_t size) {
  lock_take(&own.lock);
  change(&own.guards, (uintptr_t)base, (uintptr_t)base + size);
  lock_release(&own.lock);
}

static bool guards_inside; /* atomic; some are parts of mappings that os_unmap unmaps */

void os_guards_add(void *base, size_t size) {
  __atomic_store_n(&guards_inside, true, __ATOMIC_RELAXED);
  change_guard(ranges_add, base, size);
}

void os_guards_cut(void *base, size_t size) { change_guard(ranges_cut, base, size); }

/* Applies `change` to the two pages around [base, base + size). */
static void change_guards(void (*change)(struct ranges *, uintptr_t, uintptr_t), const void *base, size_t size) {
  const uintptr_t start = (uintptr_t)base, end = start + size, page = os_page_size();
  lock_take(&own.lock);
  change(&own.guards, start - page, start);
  change(&own.guards, end, end + page);
  lock_release(&own.lock);
}

bool os_is_guard(uintptr_t page) {
  uintptr_t start, end;
  lock_take(&own.lock);
  const bool is = ranges_next(&own.guards, page, &start, &end) && start <= page;
  lock_release(&own.lock);
  return is;
}

void *os_map_guarded(size_t size, size_t align, int *error) {
  const int saved = errno;
  const uint64_t start = hub_ticks();
  char *const base = mapped(map_between(size, align), size + 2 * os_page_size(), start, saved, error);
  if (base == NULL) return NULL;
  change_guards(ranges_add, base + os_page_size(), size);
  return base + os_page_size();
}

void os_unmap_guards(void *base, size_t size) {
  change_guards(ranges_cut, base, size);
  os_unmap((char *)base - os_page_size(), os_page_size());
  os_unmap((char *)base + size, os_page_size());
}

size_t os_unmap_guarded(void *base, size_t size) {
  change_guards(ranges_cut, base, size);
  const size_t guards = 2 * os_page_size(), released = os_unmap((char *)base - os_page_size(), size + guards);
  return released != 0 ? released - guards : 0;
}

void *os_map(size_t size, size_t align, int *error) { return os_map_before(size, 0, align, error); }

static bool unmap(void *base, size_t size) {
  const int saved = errno;
  const uint64_t start = hub_ticks();
  own_change(ranges_cut, base, size); /* first: once unmapped, another thread may map something there */
  const bool gone = sys_munmap(base, size) == 0;
  errno = saved;
  if (!gone) {
    own_change(ranges_add, base, size);
    return false;
  }
  __atomic_fetch_sub(&mapped_bytes, size, __ATOMIC_RELAXED);
  EVENT(os_unmap, .base = base, .size = size, .ticks = hub_ticks() - start);
  return true;
}

void os_unmap_refused(void) {
  if (LIKELY(!__atomic_load_n(&own.has_refused, __ATOMIC_RELAXED))) return;
  for (uintptr_t at = 0, start; take_refused(&at, &start);) {
    if (!unmap((void *)start, at - start)) keep_refused((void *)start, at - start);
  }
}

size_t os_unmap(void *base, size_t size) {
  hub_open_memory(base, size);
  if (UNLIKELY(__atomic_load_n(&guards_inside, __ATOMIC_RELAXED))) os_guards_cut(base, size);
  if (unmap(base, size)) return size;
  const size_t purged = os_purge_if_possible(base, size);
  keep_refused(base, size);
  return purged;
}

size_t os_purge_if_possible(void *base, size_t size) {
  const int saved = errno;
  const uint64_t start = hub_ticks();
  const bool given = sys_madvise(base, size, MADV_DONTNEED) == 0;
  errno = saved;
  if (!given) return 0; /* locked memory cannot be purged */
  EVENT(os_purge, .base = base, .size = size, .ticks = hub_ticks() - start);
  return size;
}

void os_purge(void *base, size_t size) {
  if (os_purge_if_possible(base, size) == 0) memset(base, 0, size); /* calloc relies on purged memory being zero */
}

static void advise(void *base, size_t size, int advice) {
  const int saved = errno;
  sys_madvise(base, size, advice); /* a kernel without huge pages returns EINVAL, and nothing changes */
  errno = saved;
}

void os_prefer_huge_pages(void *base, size_t size) { advise(base, size, MADV_HUGEPAGE); }
void os_avoid_huge_pages(void *base, size_t size) { advise(base, size, MADV_NOHUGEPAGE); }

void os_populate(void *base, size_t size) {
#ifdef MADV_POPULATE_WRITE
  advise(base, align_up(size, os_page_size()), MADV_POPULATE_WRITE); /* since Linux 5.14; before that, each page faults as usual */
#else
  (void)base, (void)size;
#endif
}

bool os_resize(void *base, size_t old_size, size_t new_size) {
  const int saved = errno;
  const uint64_t start = hub_ticks();
  const bool done = sys_mremap(base, old_size, new_size, 0, NULL) != MAP_FAILED;
  errno = saved;
  if (!done) return false;
  __atomic_fetch_add(&mapped_bytes, new_size - old_size, __ATOMIC_RELAXED);
  if (new_size > old_size) {
    own_change(ranges_add, (char *)base + old_size, new_size - old_size);
    EVENT(os_map, .base = (char *)base + old_size, .size = new_size - old_size, .ticks = hub_ticks() - start);
  } else {
    own_change(ranges_cut, (char *)base + new_size, old_size - new_size);
    EVENT(os_unmap, .base = (char *)base + new_size, .size = old_size - new_size, .ticks = hub_ticks() - start);
  }
  return true;
}

#define RESERVED (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

enum os_place os_reserve(void *at, size_t size) {
  const int saved = errno;
  const uint64_t start = hub_ticks();
  void *base = sys_mmap(at, size, PROT_NONE, RESERVED | MAP_FIXED_NOREPLACE, -1, 0);
  const bool taken = base == MAP_FAILED ? errno == EEXIST : base != at; /* before Linux 4.17, the kernel takes the address as a mere hint */
  if (base != MAP_FAILED && base != at) sys_munmap(base, size);
  errno = saved;
  if (base != at) return taken ? OS_PLACE_TAKEN : OS_PLACE_REFUSED;
  __atomic_fetch_add(&mapped_bytes, size, __ATOMIC_RELAXED);
  EVENT(os_map, .base = base, .size = size, .ticks = hub_ticks() - start);
  return OS_PLACE_OURS;
}

bool os_open(void *base, size_t size) {
  const int saved = errno;
  const bool open = size == 0 || sys_mprotect(base, size, PROT_READ | PROT_WRITE) == 0;
  errno = saved;
  return open;
}

bool os_open_anew(void *base, size_t size) {
  const int saved = errno;
  const bool open = sys_mmap(base, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == base;
  errno = saved;
  return open;
}

bool os_shut(void *base, size_t size) {
  const int saved = errno;
  const bool shut = sys_mprotect(base, size, PROT_NONE) == 0;
  errno = saved;
  return shut;
}

bool os_close(void *base, size_t size) {
  const int saved = errno;
  bool closed = size == 0 || (sys_mprotect(base, size, PROT_NONE) == 0 && sys_madvise(base, size, MADV_DONTNEED) == 0);
  /* madvise does not free locked memory, but a new mapping may replace the old one, which is ours. */
  if (!closed) closed = sys_mmap(base, size, PROT_NONE, RESERVED | MAP_FIXED, -1, 0) == base;
  if (!closed) sys_madvise(base, size, MADV_DONTNEED);
  errno = saved;
  return closed;
}

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

int os_mark_pages(void *base, size_t size) {
  const int saved = errno, error = sys_madvise(base, size, MADV_GUARD_INSTALL) == 0 ? 0 : errno;
  if (error != 0) sys_madvise(base, size, MADV_GUARD_REMOVE); /* it may have marked some pages before it refused */
  errno = saved;
  return error;
}

bool os_clear_pages(void *base, size_t size) {
  const int saved = errno;
  const bool cleared = sys_madvise(base, size, MADV_GUARD_REMOVE) == 0;
  errno = saved;
  return cleared;
}

bool os_mark(void *base, size_t size) {
  static bool refused; /* atomic */
  if (__atomic_load_n(&refused, __ATOMIC_RELAXED) || !os_open(base, size)) return false;
  if (os_mark_pages(base, size) == 0) return true;
  __atomic_store_n(&refused, true, __ATOMIC_RELAXED); /* the kernel is too old, or the memory is locked */
  os_close(base, size);
  return false;
}

bool os_open_marked(void *base, size_t size) {
  if (size == 0) return true;
  if (!os_clear_pages(base, size)) return false;
  if (os_open(base, size)) return true;
  os_mark_pages(base, size);
  return false;
}

bool os_close_marked(void *base, size_t size) {
  return size == 0 || os_mark_pages(base, size) == 0 || os_close(base, size); /* else the program has locked the memory since */
}

void os_fence(void *base, size_t size) {
  const int saved = errno;
  sys_madvise(base, size, MADV_DONTDUMP); /* for its side effect: the kernel does not join mappings that differ in this flag */
  errno = saved;
}

/*
 * The kernel may unmap the target of a move before it refuses the move, and another thread may map something there at once. So os_move writes a random
 * mark to the target first. If the mark can be read after a refusal, the target is untouched.
 */
static bool holds_mark(const uint64_t *place, uint64_t mark) {
  uint64_t found = 0;
  const struct iovec here = {&found, sizeof(found)}, there = {(void *)(uintptr_t)place, sizeof(found)};
  return sys_process_vm_readv(sys_gettid(), &here, &there) == (ssize_t)sizeof(found) && found == mark;
}

/* After a refused move: whether `to`, which was marked, is ours again, and zero. */
static bool is_still_there(uint64_t *to, size_t size, uint64_t mark) {
  void *again = sys_mmap(to, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (again == to) return true; /* the kernel had unmapped it; we have mapped it again */
  if (again != MAP_FAILED) sys_munmap(again, size);
  if (!holds_mark(to, mark)) return false;
  *to = 0;
  return true;
}

enum os_moved os_move(void *from, size_t old_size, void *to, size_t new_size) {
  const int saved = errno;
  const uint64_t start = hub_ticks();
  enum os_moved moved = OS_MOVED;
  uint64_t random = start ^ (uintptr_t)to;
  const uint64_t mark = random_next(&random);
  *(uint64_t *)to = mark;
  own_change(ranges_cut, from, old_size); /* first: once its pages have moved, another thread may map something there */
  if (sys_mremap(from, old_size, new_size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED)
    moved = is_still_there(to, new_size, mark) ? OS_STAYED : OS_TARGET_LOST;
  errno = saved;
  if (moved != OS_MOVED) own_change(ranges_add, from, old_size);
  if (moved == OS_STAYED) return moved;
  void *gone = moved == OS_MOVED ? from : to;
  const size_t size = moved == OS_MOVED ? old_size : new_size;
  if (moved == OS_TARGET_LOST) own_change(ranges_cut, to, new_size);
  __atomic_fetch_sub(&mapped_bytes, size, __ATOMIC_RELAXED);
  EVENT(os_unmap, .base = gone, .size = size, .ticks = hub_ticks() - start);
  return moved;
}

const struct lock_row os_own_locks = LOCK_ROW(own.lock);
