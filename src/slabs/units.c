#include "checker_hooks.h"
#include "probe.h"
#include "units.h"

#include "platform/config.h"
#include "directory.h"
#include "memory/os.h"
#include "memory/places.h"
#include "memory/soft_limit.h"
#include "spans.h"
#include "superslabs.h"

static_assert(sizeof(struct superslab) <= PLACES_BEHIND && sizeof(struct superslab) + 8 * sizeof(struct slab) >= PLACES_LEAST,
              "the smallest descriptor, of 512 KiB, is a place, and says while it is one that there is no SuperSlab");

#define WASTE_OTHER_THREAD (4 * WASTE_UNTOUCHED)
#define OTHERS_SEEN 32 /* how many SuperSlabs are examined behind the first suitable one, to find one that the thread itself uses */

/* Under the lock of all SuperSlabs. */
static struct places unused; /* descriptors of unmapped SuperSlabs */
static uint32_t mapping;     /* SuperSlabs that are being mapped; they count against the limit */
static uint64_t aged_ms;     /* when dirty units were last aged */

size_t units_large_max(void) { return config_superslab_size() / 2; }
uint32_t units_idle_ms(void) { return soft_limit_delay_ms() / 2; }

/* ---- Units. ---- */

/*
 * Slabs that are in use, but that the directory does not lead to, or not from all their units: a thread sets them up, purges or releases them. A forked child
 * has none of the other threads, and returns their slabs.
 *
 * unlisted: of all threads; atomic. unlisted_here: of this thread. It is not 0 in a child that a signal handler forked in the middle of such a step.
 */
static uint32_t unlisted;
static __thread uint32_t unlisted_here __attribute__((tls_model("initial-exec")));

static void begin_unlisted(void) {
  unlisted_here++;
  __atomic_fetch_add(&unlisted, 1, __ATOMIC_RELAXED);
}

static void end_unlisted(void) {
  __atomic_fetch_sub(&unlisted, 1, __ATOMIC_RELAXED);
  unlisted_here--;
}

void units_enter(struct slab *slab) {
  directory_enter(slab);
  end_unlisted();
}

static void give(struct slab *slab, bool dirty) {
  struct superslab *ss = slab->home;
  const struct superslab_figures before = superslabs_figures(ss);
  superslab_give(ss, slab, dirty);
  superslabs_book(ss, before);
}

/* A run of units that was taken, and the facts for its events. */
struct taken {
  struct slab *slab; /* NULL: no SuperSlab had a run */
  bool zeroed, shut;
  bool was_empty, full; /* its SuperSlab, before and now */
  uint32_t active;      /* SuperSlabs */
};

static struct taken take_at(struct superslab *ss, uint32_t unit, uint32_t units, uint32_t thread) {
  const struct superslab_figures before = superslabs_figures(ss);
  struct taken taken = {.was_empty = ss->used_units == 0, .active = superslabs.active};
  ss->thread = thread;
  taken.slab = superslab_take_at(ss, unit, units, &taken.zeroed);
  begin_unlisted();
  taken.full = ss->free_mask == 0;
  const uint64_t mask = superslab_mask(taken.slab, units);
  taken.shut = (ss->closed_mask & mask) != 0;
  ss->closed_mask &= ~mask;
  superslabs_book(ss, before);
  return taken;
}

/*
 * Takes the place with the least waste in the first few SuperSlabs that have `units`. A SuperSlab that this thread took from last is preferred. If two
 * threads use memory in turn, it travels between their processors' caches. A program that copies much then loses more than half of its speed.
 */
static struct taken take_existing(uint32_t units, uint32_t room, uint32_t thread) {
  struct superslab *best = NULL;
  struct superslab_place place = {0, UINT32_MAX};
  uint32_t seen = 0;
  for (struct superslab *ss = superslabs.list.first; ss != NULL && superslab_is_open(ss) && seen < OTHERS_SEEN; ss = ss->next) {
    if (best != NULL) seen++;
    if (!superslab_has(ss, units)) continue;
    struct superslab_place here = superslab_find(ss, units, room);
    here.waste += ss->thread == thread ? 0 : WASTE_OTHER_THREAD;
    if (here.waste < place.waste) {
      best = ss;
      place = here;
    }
    if (here.waste == 0) break;
  }
  return best != NULL ? take_at(best, place.unit, units, thread) : (struct taken){.active = superslabs.active};
}

static bool open_taken(const struct taken *taken) { return !taken->shut || span_open_new(taken->slab); }

/* Units that were taken, and could not be opened. */
static void give_shut(struct slab *slab) {
  lock_take(&superslabs.lock);
  slab->home->closed_mask |= superslab_mask(slab, slab->units);
  give(slab, true);
  end_unlisted();
  lock_release(&superslabs.lock);
}

void units_give(struct slab *slab) {
  begin_unlisted();
  directory_leave(slab);
  const bool shut = span_shut_freed(slab);
  const uint64_t now = os_now_ms();
  lock_take(&superslabs.lock);
  const size_t rest = slab_rest(slab); /* if the run was cut: the kept part of its last unit, which is unmapped, too */
  char *const last = slab->base + slab->size - rest;
  slab->home->changed_ms = now;
  if (shut) {
    slab->home->resting_mask = superslab_mask(slab, slab_whole_units(slab));
    slab->home->closed_mask |= slab->home->resting_mask;
  }
  give(slab, true);
  end_unlisted();
  lock_release(&superslabs.lock);
  if (rest != 0) os_unmap(last, rest);
}

/* ---- Descriptors. ---- */

static size_t descriptor_size(void) { return superslab_descriptor_size(config_superslab_size()); }

static struct superslab *new_descriptor(void) {
  lock_take(&superslabs.lock);
  struct superslab *ss = places_take(&unused);
  lock_release(&superslabs.lock);
  if (ss == NULL) return os_metadata_pages(descriptor_size());
  os_metadata_wake(descriptor_size());
  return ss;
}

static void drop_descriptor(struct superslab *ss) {
  os_metadata_rest(ss, descriptor_size());
  lock_take(&superslabs.lock);
  places_put(&unused, ss);
  lock_release(&superslabs.lock);
}

/* Maps a SuperSlab beside `active` others. The caller has reserved a place under the limit. */
static struct superslab *map_superslab(uint32_t active, struct units_refusal *refusal) {
  const size_t size = config_superslab_size();
  int error = 0;
  const struct span span = span_map(active, &error);
  struct superslab *ss = span.base != NULL && directory_prepare(span.base, size) ? new_descriptor() : NULL;
  if (ss != NULL) {
    superslab_init(ss, span.base, size);
    span_begin(ss, &span);
    superslab_huge_when_new(ss, active);
    return ss;
  }
  /* mmap returns ENOMEM for both. If a smaller, unaligned piece can be mapped, the address space was too short. */
  *refusal = (struct units_refusal){FAIL_OS_ENOMEM, error};
  if (span.base == NULL) {
    void *probe = os_map(size / 2, os_page_size(), &error);
    if (probe != NULL) {
      os_unmap(probe, size / 2);
      refusal->reason = FAIL_NO_ADDRESS_SPACE;
    }
  } else {
    span_unmap(&span);
  }
  return NULL;
}

/* What units are for. */
enum units_use { USE_SMALL, USE_LARGE };

/* Opens units that were taken. If they cannot be opened, gives them back: false. Large ones count before huge pages are requested: see superslab.h. */
static bool open_for(const struct taken *taken, enum units_use use) {
  const int32_t large = use == USE_LARGE ? (int32_t)taken->slab->units : 0;
  superslab_add_large(taken->slab->home, large);
  if (open_taken(taken)) return true;
  superslab_add_large(taken->slab->home, -large);
  return false;
}

/* Opens units taken from an existing SuperSlab, and raises the events for them. No lock is held. */
static bool use_taken(const struct taken *taken, enum units_use use) {
  struct superslab *ss = taken->slab->home;
  const bool open = open_for(taken, use);
  if (taken->full) superslab_huge_when_full(ss, taken->active);
  if (taken->was_empty) EVENT(superslab_acquire, .base = ss->base, .size = ss->size, .source = ACQUIRE_RESERVE, .active = taken->active);
  if (!open) give_shut(taken->slab);
  return open;
}

static const struct units_refusal CANNOT_OPEN = {FAIL_OS_ENOMEM, ENOMEM};

static struct units_answer acquire(uint32_t units, enum units_use use) {
  const uint32_t thread = os_thread(); /* before the lock: the first time, it is a system call */
  lock_take(&superslabs.lock);
  struct taken taken = take_existing(units, units, thread);
  const bool allowed = config.ss_limit == 0 || superslabs.active + mapping < config.ss_limit;
  if (taken.slab == NULL && allowed) mapping++;
  lock_release(&superslabs.lock);
  if (taken.slab != NULL && use_taken(&taken, use)) return (struct units_answer){.slab = taken.slab, .zeroed = taken.zeroed};

  struct units_answer answer = {.over = hub_ticks(), .refusal = {.reason = FAIL_LIMIT}};
  if (taken.slab != NULL) answer.refusal = CANNOT_OPEN;
  if (taken.slab != NULL || !allowed) return answer;
  struct superslab *ss = map_superslab(taken.active, &answer.refusal);
  lock_take(&superslabs.lock);
  mapping -= mapping > 0; /* 0 in a child that a signal handler forked meanwhile */
  if (ss != NULL) {
    superslabs_add(ss);
    taken = take_at(ss, 0, units, thread); /* of this one, even if others have room now: it must not be unmapped before its events are raised */
  }
  lock_release(&superslabs.lock);
  if (ss == NULL) return answer;
  directory_superslab_came(ss);
  EVENT(superslab_acquire, .base = ss->base, .size = ss->size, .source = ACQUIRE_MAPPED, .active = taken.active);
  if (!open_for(&taken, use)) {
    give_shut(taken.slab);
    answer.refusal = CANNOT_OPEN;
    return answer;
  }
  answer.slab = taken.slab;
  answer.zeroed = answer.fresh_superslab = true;
  return answer;
}

struct units_answer units_acquire(uint32_t units) {
  return acquire(units, USE_SMALL);
}

/* ---- Large blocks. ---- */

/* An aligned block may have size 0. */
static uint32_t units_for(size_t size) { return (uint32_t)((max_size(size, 1) + UNIT_SIZE - 1) / UNIT_SIZE) + span_has_fences(); }

static struct slab *begin_large(struct slab *slab, size_t size) {
  if (slab == NULL) return NULL;
  slab->cls = CLASS_LARGE;
  slab->requested = size;
  span_fence(slab);
  units_enter(slab);
  return slab;
}

struct slab *units_large_take(size_t size, size_t room, bool *zeroed) {
  const uint32_t thread = os_thread();
  lock_take(&superslabs.lock);
  const struct taken taken = take_existing(units_for(size), units_for(room), thread);
  lock_release(&superslabs.lock);
  if (taken.slab == NULL || !use_taken(&taken, USE_LARGE)) return NULL;
  *zeroed = taken.zeroed;
  return begin_large(taken.slab, size);
}

struct slab *units_large_alloc(size_t size, bool *zeroed, struct units_refusal *refusal) {
  const struct units_answer answer = acquire(units_for(size), USE_LARGE);
  *zeroed = answer.zeroed;
  *refusal = answer.refusal;
  return begin_large(answer.slab, size);
}

void units_large_free(struct slab *slab) {
  superslab_add_large(slab->home, -(int32_t)slab->units);
  units_give(slab);
}

bool units_large_resize(struct slab *slab, size_t size) {
  struct superslab *ss = slab->home;
  const uint64_t now = os_now_ms();
  const bool moves = span_has_fences() && !slab_is_cut(slab) && units_for(size) != slab->units;
  const bool fenced = slab->size - max_size(slab->requested, 1) >= UNIT_SIZE; /* not if it was allocated before the options were read */
  if (moves && !os_open(slab->base, slab_whole_units(slab) * UNIT_SIZE)) return false;
  lock_take(&superslabs.lock);
  const struct superslab_figures before = superslabs_figures(ss);
  const uint32_t units = slab->units;
  const size_t requested = slab->requested;
  bool done = superslab_resize(ss, slab, units_for(size));
  if (done) {
    superslabs_book(ss, before);
    if (superslab_free_units(ss) != before.free) ss->changed_ms = now;
    slab->requested = size;
  }
  const uint64_t mask = superslab_mask(slab, slab->units);
  const bool shut = (ss->closed_mask & mask) != 0;
  ss->closed_mask &= ~mask;
  lock_release(&superslabs.lock);
  if (shut && !span_open(slab)) {
    lock_take(&superslabs.lock);
    const struct superslab_figures longer = superslabs_figures(ss);
    superslab_resize(ss, slab, units);
    superslabs_book(ss, longer);
    slab->requested = requested;
    ss->closed_mask |= mask & ~superslab_mask(slab, units);
    lock_release(&superslabs.lock);
    done = false;
  }
  if (slab->units != units) superslab_add_large(ss, (int32_t)(slab->units - units));
  if (moves && (done || fenced)) span_fence(slab);
  return done;
}

/* ---- Scavenge. ---- */

/* Takes one SuperSlab out of the list that may be unmapped: empty for the delay, or empty at all with `trim`. */
static struct superslab *take_empty(bool trim, size_t *keep, uint64_t now) {
  for (struct superslab *ss = superslabs.list.first; ss != NULL && superslab_is_open(ss); ss = ss->next) {
    if (ss->used_units != 0 || ss->pins != 0 || (!trim && now < ss->changed_ms + units_idle_ms())) continue;
    if (*keep >= ss->size) {
      *keep -= ss->size;
      continue;
    }
    superslabs_remove(ss);
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
    EVENT(superslab_release, .base = ss->base, .size = ss->size, .reason = trim ? RELEASE_TRIM : RELEASE_DELAY, .active = active);
    released += span_end(ss);
    drop_descriptor(ss);
  }
}

size_t units_release(void) { return release_empty(true, 0, 0); }

/* Units that are dirty now are purged at the next ageing, unless they are in use by then. */
static void age_all(uint64_t now) {
  lock_take(&superslabs.lock);
  aged_ms = now;
  for (struct superslab *ss = superslabs.list.first; ss != NULL && superslab_is_open(ss); ss = ss->next) superslab_age(ss);
  lock_release(&superslabs.lock);
}

/*
 * Purges the aged units. Each run is taken while the system call runs, so that no other thread gets its units. Meanwhile its SuperSlab stays in the
 * list, though its place may change.
 */
static size_t purge_aged(void) {
  size_t total = 0;
  lock_take(&superslabs.lock);
  for (struct superslab *ss = superslabs.list.first; ss != NULL && superslab_is_open(ss);) {
    const struct superslab_figures before = superslabs_figures(ss);
    struct slab *run = superslab_take_aged(ss);
    if (run == NULL) {
      ss = ss->next;
      continue;
    }
    superslabs_book(ss, before);
    begin_unlisted();
    lock_release(&superslabs.lock);
    superslab_avoid_huge_pages(run->home);
    const size_t purged = os_purge_if_possible(run->base, run->size);
    total += purged;
    lock_take(&superslabs.lock);
    give(run, purged == 0);
    end_unlisted();
  }
  lock_release(&superslabs.lock);
  return total;
}

size_t units_scavenge(bool trim, size_t keep, uint64_t now) {
  const size_t released = release_empty(trim, keep, now);
  lock_take(&superslabs.lock);
  const bool due = trim || now >= aged_ms + units_idle_ms();
  lock_release(&superslabs.lock);
  if (!due) return released;
  if (trim) age_all(now);
  const size_t purged = purge_aged();
  age_all(now);
  return released + purged;
}

/* ---- For tests and forks. ---- */

bool units_are_valid(void) { return superslabs_are_valid() && places_are_valid(&unused); }

/* Returns the slabs of the SuperSlab that are not in the directory. They may be shut. */
static void give_unlisted(struct superslab *ss) {
  for (uint32_t u = 0; u < ss->units; u++) {
    struct slab *const slab = superslab_slab_at(ss, u);
    if (slab == NULL || directory_has(slab)) continue;
    directory_leave(slab);
    if (span_has_fences()) ss->closed_mask |= superslab_mask(slab, slab->units);
    give(slab, true);
    unlisted--;
  }
}

/*
 * Threads that were mapping or had pinned a SuperSlab, or were setting up a slab, do not exist in the child; the forking thread has pinned none. A signal
 * handler may have forked in the middle of what this thread does, which will go on.
 */
void units_fork_child(void) {
  mapping = 0;
  if (lock_is_held(&superslabs.lock)) return;
  for (struct superslab *ss = superslabs.list.first; ss != NULL; ss = ss->next) {
    if (ss->pins != 0) ss->pins = 0; /* the page of a descriptor to which nothing is written stays shared with the parent */
  }
  for (struct superslab *ss = superslabs.list.first; unlisted_here == 0 && unlisted != 0 && ss != NULL; ss = ss->next) give_unlisted(ss);
  unlisted = unlisted_here;
}
