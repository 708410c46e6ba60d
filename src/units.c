#include "units.h"

#include "config.h"
#include "directory.h"
#include "os.h"

/*
 * Descriptors of SuperSlabs that went, for those that come. One in a hundred has the list of the others, whose memory goes back; behind its
 * header, which says that there is no SuperSlab.
 */
#define SPARES 100
struct spares {
  char header[sizeof(struct superslab)];
  struct spares *next;
  uint32_t count;
  struct superslab *others[SPARES];
};
static_assert(sizeof(struct spares) <= sizeof(struct superslab) + 8 * sizeof(struct slab), "the list fits into the smallest descriptor, of 512 KiB");

#define OTHERS_SEEN 16 /* SuperSlabs that are looked at behind the first that would do, for one that the thread itself uses */

/* SuperSlabs. `open` ones have a free unit and stand first in the list. */
static struct {
  struct lock lock;
  struct superslab *first, *last;
  struct spares *spares;
  uint32_t active, mapping; /* SuperSlabs; those being mapped count against the limit */
  uint32_t free_units;
  uint64_t dirty_units;
  uint64_t aged_ms; /* when what was dirty was last aged */
} superslabs;

size_t units_large_max(void) { return config_superslab_size() / 2; }
uint32_t units_idle_ms(void) { return config.release_delay / 2; }

/* ---- The list of SuperSlabs; superslabs.lock is held. ---- */

static void list_remove(struct superslab *ss) {
  if (ss->prev != NULL) ss->prev->next = ss->next;
  else superslabs.first = ss->next;
  if (ss->next != NULL) ss->next->prev = ss->prev;
  else superslabs.last = ss->prev;
}

static void list_add_first(struct superslab *ss) {
  ss->prev = NULL;
  ss->next = superslabs.first;
  if (superslabs.first != NULL) superslabs.first->prev = ss;
  else superslabs.last = ss;
  superslabs.first = ss;
}

static void list_add_last(struct superslab *ss) {
  ss->next = NULL;
  ss->prev = superslabs.last;
  if (superslabs.last != NULL) superslabs.last->next = ss;
  else superslabs.first = ss;
  superslabs.last = ss;
}

/* ---- Units. ---- */

/* Books that `slab` was taken out of its SuperSlab; a full one moves to the end. */
static void book_taken(const struct slab *slab, uint64_t dirty_before) {
  struct superslab *ss = slab->home;
  superslabs.free_units -= slab->units;
  superslabs.dirty_units -= (uint64_t)__builtin_popcountll(dirty_before ^ ss->dirty_mask);
  if (ss->free_mask != 0) return;
  list_remove(ss);
  list_add_last(ss);
}

/* Books a slab in again; its SuperSlab is not full any more. */
static void book_given(struct slab *slab, bool dirty) {
  struct superslab *ss = slab->home;
  if (ss->free_mask == 0) {
    list_remove(ss);
    list_add_first(ss);
  }
  superslabs.free_units += slab->units;
  if (dirty) superslabs.dirty_units += slab->units;
  superslab_give(ss, slab, dirty);
  assert(superslab_is_valid(ss));
}

/*
 * The first SuperSlab that has `units`; of the first few one that the thread took from last, if there is one: what two threads use in turn goes from
 * one processor's cache to the other's and back, which costs more than half the speed of a program that copies much.
 */
static struct superslab *find_units(uint32_t units, uint32_t thread) {
  struct superslab *first = NULL;
  uint32_t seen = 0;
  for (struct superslab *ss = superslabs.first; ss != NULL && ss->free_mask != 0 && seen < OTHERS_SEEN; ss = ss->next) {
    if (first != NULL) seen++;
    if (!superslab_has(ss, units)) continue;
    if (ss->thread == thread) return ss;
    if (first == NULL) first = ss;
  }
  return first;
}

/* Takes units of `ss`, which has so many. */
static struct slab *take_units(struct superslab *ss, uint32_t units, uint32_t thread, bool *zeroed) {
  const uint64_t dirty = ss->dirty_mask;
  ss->thread = thread;
  struct slab *slab = superslab_take(ss, units, zeroed);
  book_taken(slab, dirty);
  return slab;
}

void units_give(struct slab *slab) {
  directory_leave(slab);
  const uint64_t now = os_now_ms();
  lock_take(&superslabs.lock);
  slab->home->changed_ms = now;
  book_given(slab, true);
  lock_release(&superslabs.lock);
}

/*
 * ---- Huge pages. ----
 *
 * A SuperSlab that comes asks for them where the process is so large that it touches all its pages soon. Below, the first touch of a huge page may cost more
 * than 512 small ones: on a virtual machine whose host takes back what is free in pieces of that size, programs that live for a second or two lost more than
 * a tenth of their time by it. What is full asks then: the kernel's khugepaged puts a huge page in place of its small ones, in time.
 */
#define FULL_ASK 4u /* SuperSlabs in use; fewer are not worth a system call each */

static void set_pages(struct superslab *ss, enum superslab_pages pages) {
  if (__atomic_exchange_n(&ss->pages, pages, __ATOMIC_RELAXED) == pages) return;
  if (pages == PAGES_HUGE) os_prefer_huge_pages(ss->base, ss->size);
  else os_avoid_huge_pages(ss->base, ss->size);
}

/* A huge page of which a part was purged would be whole again soon, with nothing in that part: khugepaged puts one wherever it finds a few small ones. */
void units_purging(struct superslab *ss) { set_pages(ss, PAGES_SMALL); }

/* Where at least `least` SuperSlabs are in use. */
static void ask_for_huge_pages(struct superslab *ss, uint32_t active, size_t least) {
  if (config.huge_pages != 0 && active >= least) set_pages(ss, PAGES_HUGE);
}

/* ---- Descriptors. ---- */

static size_t descriptor_size(void) { return superslab_descriptor_size(config_superslab_size()); }

static struct superslab *new_descriptor(void) {
  struct superslab *ss = NULL;
  lock_take(&superslabs.lock);
  struct spares *spares = superslabs.spares;
  if (spares != NULL && spares->count > 0) {
    ss = spares->others[--spares->count];
  } else if (spares != NULL) {
    superslabs.spares = spares->next;
    ss = (struct superslab *)spares;
  }
  lock_release(&superslabs.lock);
  if (ss == NULL) return os_metadata_pages(descriptor_size());
  os_metadata_wake(descriptor_size());
  return ss;
}

static void spare_descriptor(struct superslab *ss) {
  os_metadata_rest(ss, descriptor_size());
  lock_take(&superslabs.lock);
  if (superslabs.spares == NULL || superslabs.spares->count == SPARES) {
    struct spares *spares = (struct spares *)ss;
    spares->next = superslabs.spares;
    superslabs.spares = spares;
  } else {
    superslabs.spares->others[superslabs.spares->count++] = ss;
  }
  lock_release(&superslabs.lock);
}

/* Maps a SuperSlab beside `active` others; one place under the limit was reserved by the caller. */
static struct superslab *map_superslab(uint32_t active, struct units_refusal *refusal) {
  const size_t size = config_superslab_size();
  int error = 0;
  void *base = os_map(size, size, &error);
  struct superslab *ss = base != NULL && directory_prepare(base, size) ? new_descriptor() : NULL;
  if (ss != NULL) {
    superslab_init(ss, base, size);
    hub_guard(base, size);
    ask_for_huge_pages(ss, active, config.huge_pages);
    return ss;
  }
  /* mmap says ENOMEM for both; where a smaller, unaligned piece can be had, it was the address space. */
  *refusal = (struct units_refusal){FAIL_OS_ENOMEM, error};
  if (base == NULL) {
    void *probe = os_map(size / 2, os_page_size(), &error);
    if (probe != NULL) {
      os_unmap(probe, size / 2);
      refusal->reason = FAIL_NO_ADDRESS_SPACE;
    }
  } else {
    os_unmap(base, size);
  }
  return NULL;
}

struct slab *units_acquire(uint32_t units, bool *zeroed, bool *fresh_superslab, uint64_t *slab_over, struct units_refusal *refusal) {
  *fresh_superslab = false;
  const uint32_t thread = os_thread(); /* the first time, a system call */
  lock_take(&superslabs.lock);
  struct superslab *ss = find_units(units, thread);
  const bool was_empty = ss != NULL && ss->used_units == 0; /* kept in reserve, and in use again */
  struct slab *slab = ss != NULL ? take_units(ss, units, thread, zeroed) : NULL;
  const bool allowed = config.ss_limit == 0 || superslabs.active + superslabs.mapping < config.ss_limit;
  if (slab == NULL && allowed) superslabs.mapping++;
  const uint32_t active = superslabs.active;
  const bool full = slab != NULL && slab->home->free_mask == 0;
  lock_release(&superslabs.lock);

  if (slab != NULL) {
    if (full) ask_for_huge_pages(slab->home, active, min_size(FULL_ASK, config.huge_pages));
    if (was_empty) EVENT(superslab_acquire, .base = slab->home->base, .size = slab->home->size, .source = ACQUIRE_RESERVE, .active = active);
    return slab;
  }
  *slab_over = hub_ticks();
  *refusal = (struct units_refusal){.reason = FAIL_LIMIT};
  if (!allowed) return NULL;
  ss = map_superslab(active, refusal);

  lock_take(&superslabs.lock);
  superslabs.mapping -= superslabs.mapping > 0; /* a child that a signal handler forked meanwhile begins at 0 */
  uint32_t now_active = superslabs.active;
  if (ss != NULL) {
    list_add_first(ss);
    now_active = ++superslabs.active;
    superslabs.free_units += ss->units;
    slab = take_units(ss, units, thread, zeroed); /* of this one, whatever was freed meanwhile: it is not to go before all know that it came */
  }
  lock_release(&superslabs.lock);
  if (ss == NULL) return NULL;
  *fresh_superslab = true;
  directory_superslab_came(ss);
  EVENT(superslab_acquire, .base = ss->base, .size = ss->size, .source = ACQUIRE_MAPPED, .active = now_active);
  return slab;
}

/* ---- Large blocks. ---- */

struct slab *units_large_alloc(size_t size, size_t room, bool *zeroed, struct units_refusal *refusal) {
  bool fresh;
  uint64_t over;
  const uint32_t units = (uint32_t)((max_size(room, 1) + UNIT_SIZE - 1) / UNIT_SIZE); /* aligned blocks of size 0, too */
  struct slab *slab = units_acquire(units, zeroed, &fresh, &over, refusal);
  if (slab == NULL) return NULL;
  slab->cls = CLASS_LARGE;
  slab->requested = size;
  directory_enter(slab);
  return slab;
}

void units_large_free(struct slab *slab) { units_give(slab); }

bool units_large_resize(struct slab *slab, size_t size) {
  struct superslab *ss = slab->home;
  const uint32_t units = (uint32_t)((max_size(size, 1) + UNIT_SIZE - 1) / UNIT_SIZE);
  const uint64_t now = os_now_ms();
  lock_take(&superslabs.lock);
  const uint64_t free_before = ss->free_mask, dirty_before = ss->dirty_mask;
  const bool done = superslab_resize(ss, slab, units);
  if (done) {
    superslabs.free_units += (uint32_t)__builtin_popcountll(ss->free_mask) - (uint32_t)__builtin_popcountll(free_before);
    superslabs.dirty_units += (uint64_t)__builtin_popcountll(ss->dirty_mask) - (uint64_t)__builtin_popcountll(dirty_before);
    if ((free_before == 0) != (ss->free_mask == 0)) {
      list_remove(ss);
      if (ss->free_mask == 0) list_add_last(ss);
      else list_add_first(ss);
    }
    if (ss->free_mask != free_before) ss->changed_ms = now;
    slab->requested = size;
  }
  assert(superslab_is_valid(ss));
  lock_release(&superslabs.lock);
  return done;
}

/* ---- Scavenge. ---- */

/* Takes one SuperSlab that may go out of the list: empty for the delay, or at once with trim. */
static struct superslab *take_empty(bool trim, size_t *keep, uint64_t now) {
  for (struct superslab *ss = superslabs.first; ss != NULL && ss->free_mask != 0; ss = ss->next) {
    if (ss->used_units != 0 || (!trim && now < ss->changed_ms + units_idle_ms())) continue;
    if (*keep >= ss->size) {
      *keep -= ss->size;
      continue;
    }
    list_remove(ss);
    superslabs.active--;
    superslabs.free_units -= ss->units;
    superslabs.dirty_units -= (uint64_t)__builtin_popcountll(ss->dirty_mask);
    return ss;
  }
  return NULL;
}

static size_t release_empty(bool trim, size_t keep, uint64_t now) {
  size_t released = 0;
  for (;;) {
    size_t left = keep;
    lock_take(&superslabs.lock);
    struct superslab *ss = take_empty(trim, &left, now);
    const uint32_t active = superslabs.active;
    lock_release(&superslabs.lock);
    if (ss == NULL) return released;
    directory_superslab_went(ss);
    const size_t size = ss->size;
    EVENT(superslab_release, .base = ss->base, .size = size, .reason = trim ? RELEASE_TRIM : RELEASE_DELAY, .active = active);
    os_unmap(ss->base, size);
    released += size;
    spare_descriptor(ss);
  }
}

/* What is dirty now is purged when it is aged next, unless it is in use by then. */
static void age_all(uint64_t now) {
  lock_take(&superslabs.lock);
  superslabs.aged_ms = now;
  for (struct superslab *ss = superslabs.first; ss != NULL && ss->free_mask != 0; ss = ss->next) superslab_age(ss);
  lock_release(&superslabs.lock);
}

/*
 * Purges what is aged. A run is taken for as long as the system call runs, so that nobody else gets its units; its SuperSlab stays in the list
 * meanwhile, though perhaps elsewhere in it.
 */
static size_t purge_aged(void) {
  size_t total = 0;
  lock_take(&superslabs.lock);
  for (struct superslab *ss = superslabs.first; ss != NULL && ss->free_mask != 0;) {
    const uint64_t dirty = ss->dirty_mask;
    struct slab *run = superslab_take_aged(ss);
    if (run == NULL) {
      ss = ss->next;
      continue;
    }
    book_taken(run, dirty);
    lock_release(&superslabs.lock);
    const size_t size = run->size;
    units_purging(run->home);
    os_purge(run->base, size);
    total += size;
    lock_take(&superslabs.lock);
    book_given(run, false);
  }
  lock_release(&superslabs.lock);
  return total;
}

size_t units_scavenge(bool trim, size_t keep, uint64_t now) {
  const size_t released = release_empty(trim, keep, now);
  lock_take(&superslabs.lock);
  const bool due = trim || now >= superslabs.aged_ms + units_idle_ms();
  lock_release(&superslabs.lock);
  if (!due) return released;
  if (trim) age_all(now);
  const size_t purged = purge_aged();
  age_all(now);
  return released + purged;
}

/* ---- What there is. ---- */

READS_RACILY void units_totals(struct units_totals *out) {
  *out = (struct units_totals){.active = superslabs.active, .free_units = superslabs.free_units,
                              .dirty_bytes = superslabs.dirty_units * UNIT_SIZE,
                              .mapped = superslabs.active * config_superslab_size()};
}

bool units_visit(bool try_only, void (*visit)(struct superslab *ss, void *context), void *context) {
  if (try_only) {
    if (!lock_try(&superslabs.lock)) return false;
  } else {
    lock_take(&superslabs.lock);
  }
  for (struct superslab *ss = superslabs.first; ss != NULL; ss = ss->next) visit(ss, context);
  lock_release(&superslabs.lock);
  return true;
}

bool units_hold(const void *p) {
  bool holds = false;
  lock_take(&superslabs.lock);
  for (const struct superslab *ss = superslabs.first; ss != NULL && !holds; ss = ss->next) holds = (uintptr_t)p - (uintptr_t)ss->base < ss->size;
  lock_release(&superslabs.lock);
  return holds;
}

const struct lock_row units_locks = LOCK_ROW(superslabs.lock);

void units_fork_child(void) {
  superslabs.mapping = 0; /* the threads that were mapping do not exist here: their places under the limit are free */
}
