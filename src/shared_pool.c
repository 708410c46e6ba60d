#include "shared_pool.h"

#include <errno.h>
#include <pthread.h>

#include "config.h"
#include "directory.h"
#include "os.h"

/*
 * Per class. More of them save more walks over blocks, but what goes back to its slab is handed out in order of address again, and a program
 * that meets its objects in that order gains far more than a walk costs.
 */
#define BATCHES 4

/* One class. Batches form a ring: the newest is taken first, the oldest makes place. */
static struct pool_class {
  pthread_mutex_t lock;
  struct slab_list slabs;
  struct chain batch[BATCHES];
  uint32_t batches, oldest;
  uint64_t batched;  /* blocks */
  uint64_t taken_ms; /* when a batch was last taken or given */
} classes[CLASS_COUNT] = {[0 ... CLASS_COUNT - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER}};

/* SuperSlabs. `open` ones have a free unit and stand first in the list. */
static struct {
  pthread_mutex_t lock;
  struct superslab *first, *last;
  struct superslab *spare_descriptors;
  uint32_t active, mapping; /* SuperSlabs; those being mapped count against the limit */
  uint32_t free_units;
  uint64_t dirty_units;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

size_t pool_large_max(void) { return config_superslab_size() / 2; }

/* ---- The list of SuperSlabs; pool.lock is held. ---- */

static void list_remove(struct superslab *ss) {
  if (ss->prev != NULL) ss->prev->next = ss->next;
  else pool.first = ss->next;
  if (ss->next != NULL) ss->next->prev = ss->prev;
  else pool.last = ss->prev;
}

static void list_add_first(struct superslab *ss) {
  ss->prev = NULL;
  ss->next = pool.first;
  if (pool.first != NULL) pool.first->prev = ss;
  else pool.last = ss;
  pool.first = ss;
}

static void list_add_last(struct superslab *ss) {
  ss->next = NULL;
  ss->prev = pool.last;
  if (pool.last != NULL) pool.last->next = ss;
  else pool.first = ss;
  pool.last = ss;
}

/* ---- Units. ---- */

/* Books that `slab` was taken out of its SuperSlab; a full one moves to the end. */
static void book_taken(const struct slab *slab, uint64_t dirty_before) {
  struct superslab *ss = slab->home;
  pool.free_units -= slab->units;
  pool.dirty_units -= (uint64_t)__builtin_popcountll(dirty_before ^ ss->dirty_mask);
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
  pool.free_units += slab->units;
  if (dirty) pool.dirty_units += slab->units;
  superslab_give(ss, slab, dirty);
  assert(superslab_is_valid(ss));
}

/* Takes `units` from the first SuperSlab that has them. *was_empty: it was kept in reserve, and is in use again. */
static struct slab *take_units(uint32_t units, bool *zeroed, bool *was_empty) {
  for (struct superslab *ss = pool.first; ss != NULL && ss->free_mask != 0; ss = ss->next) {
    const uint64_t dirty = ss->dirty_mask;
    *was_empty = ss->used_units == 0;
    struct slab *slab = superslab_take(ss, units, zeroed);
    if (slab == NULL) continue;
    book_taken(slab, dirty);
    return slab;
  }
  return NULL;
}

static void give_units(struct slab *slab) {
  directory_leave(slab);
  const uint64_t now = os_now_ms();
  pthread_mutex_lock(&pool.lock);
  slab->home->changed_ms = now;
  book_given(slab, true);
  pthread_mutex_unlock(&pool.lock);
}

static struct superslab *new_descriptor(void) {
  pthread_mutex_lock(&pool.lock);
  struct superslab *ss = pool.spare_descriptors;
  if (ss != NULL) pool.spare_descriptors = ss->next;
  pthread_mutex_unlock(&pool.lock);
  return ss != NULL ? ss : os_metadata(superslab_descriptor_size(config_superslab_size()));
}

/*
 * Maps a SuperSlab; one place under the limit was reserved by the caller. A process with many of them touches all of
 * this one's pages soon, and would spend more time on TLB misses than on the blocks; `many`: it has.
 */
static struct superslab *map_superslab(bool many, struct pool_refusal *refusal) {
  const size_t size = config_superslab_size();
  int error = 0;
  void *base = os_map(size, size, &error);
  struct superslab *ss = base != NULL && directory_prepare(base, size) ? new_descriptor() : NULL;
  if (ss != NULL) {
    superslab_init(ss, base, size);
    hub_guard(base, size);
    if (many) os_prefer_huge_pages(base, size);
    return ss;
  }
  /* mmap says ENOMEM for both; where a smaller, unaligned piece can be had, it was the address space. */
  *refusal = (struct pool_refusal){FAIL_OS_ENOMEM, error};
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

/*
 * A run of `units` units of some SuperSlab, a new one if need be; NULL and *refusal where it cannot be. *slab_over: when no SuperSlab
 * proved to have one.
 */
static struct slab *acquire_units(uint32_t units, bool *zeroed, bool *fresh_superslab, uint64_t *slab_over, struct pool_refusal *refusal) {
  *fresh_superslab = false;
  pthread_mutex_lock(&pool.lock);
  bool was_empty = false;
  struct slab *slab = take_units(units, zeroed, &was_empty);
  const bool allowed = config.ss_limit == 0 || pool.active + pool.mapping < config.ss_limit;
  if (slab == NULL && allowed) pool.mapping++;
  const uint32_t active = pool.active;
  pthread_mutex_unlock(&pool.lock);

  if (slab != NULL) {
    if (was_empty) EVENT(superslab_acquire, .base = slab->home->base, .size = slab->home->size, .source = ACQUIRE_RESERVE, .active = active);
    return slab;
  }
  *slab_over = hub_ticks();
  *refusal = (struct pool_refusal){.reason = FAIL_LIMIT};
  struct superslab *ss = allowed ? map_superslab(config.huge_pages != 0 && active >= config.huge_pages, refusal) : NULL;
  if (!allowed) return NULL;

  pthread_mutex_lock(&pool.lock);
  pool.mapping--;
  uint32_t now_active = pool.active;
  if (ss != NULL) {
    list_add_first(ss);
    now_active = ++pool.active;
    pool.free_units += ss->units;
    slab = take_units(units, zeroed, &was_empty);
  }
  pthread_mutex_unlock(&pool.lock);
  if (ss == NULL) return NULL;
  *fresh_superslab = true;
  directory_superslab_came(ss);
  EVENT(superslab_acquire, .base = ss->base, .size = ss->size, .source = ACQUIRE_MAPPED, .active = now_active);
  return slab;
}

/* ---- Refill. ---- */

/* From what the class has already. */
static bool refill_from_class(struct pool_class *c, uint32_t most, bool timed, struct pool_answer *answer) {
  pthread_mutex_lock(&c->lock);
  if (c->batches > 0) {
    c->batches--;
    answer->chain = c->batch[(c->oldest + c->batches) % BATCHES];
    answer->source = REFILL_BATCH;
    c->batched -= answer->chain.count;
    c->taken_ms = os_now_ms();
  } else {
    if (timed) answer->over[STAGE_batch] = hub_ticks();
    answer->source = REFILL_PARTIAL;
    slab_list_take(&c->slabs, most, &answer->chain);
  }
  pthread_mutex_unlock(&c->lock);
  return answer->chain.count != 0;
}

struct pool_answer pool_refill(uint32_t cls, uint32_t most, bool timed) {
  struct pool_class *c = &classes[cls];
  struct pool_answer answer = {.chain = CHAIN_EMPTY};
  if (refill_from_class(c, most, timed, &answer)) return answer;

  bool zeroed, fresh_superslab;
  if (timed) answer.over[STAGE_partial] = hub_ticks();
  struct slab *slab = acquire_units(class_slab_units(cls), &zeroed, &fresh_superslab, &answer.over[STAGE_fresh_slab], &answer.refusal);
  if (slab == NULL) {
    answer.over[STAGE_superslab] = answer.refusal.reason == FAIL_LIMIT ? answer.over[STAGE_fresh_slab] : hub_ticks();
    return answer;
  }
  slab_init(slab, cls);
  directory_enter(slab, (int8_t)(cls + 1));
  const void *base = slab->base;
  const uint32_t capacity = slab->capacity;
  answer.source = fresh_superslab ? REFILL_FRESH_SUPERSLAB : REFILL_FRESH_SLAB;
  pthread_mutex_lock(&c->lock);
  slab_list_add(&c->slabs, slab);
  slab_list_take(&c->slabs, most, &answer.chain);
  pthread_mutex_unlock(&c->lock);
  EVENT(slab_acquire, .base = base, .cls = cls, .live = 0, .capacity = capacity);
  return answer;
}

struct chain pool_give_batch(uint32_t cls, struct chain chain) {
  struct pool_class *c = &classes[cls];
  struct chain overflow = CHAIN_EMPTY;
  if (chain.count == 0) return overflow;
  pthread_mutex_lock(&c->lock);
  if (c->batches == BATCHES) {
    overflow = c->batch[c->oldest];
    c->batched -= overflow.count;
    c->oldest = (c->oldest + 1) % BATCHES;
    c->batches--;
  }
  c->batch[(c->oldest + c->batches++) % BATCHES] = chain;
  c->batched += chain.count;
  c->taken_ms = os_now_ms();
  pthread_mutex_unlock(&c->lock);
  return overflow;
}

/* ---- Return. ---- */

/*
 * Gives slabs, linked by `next` and empty, back: their units become anybody's. The event comes first, because afterwards the slab
 * is somebody else's.
 */
static void release_slabs(struct slab *slab) {
  while (slab != NULL) {
    struct slab *next = slab->next;
    EVENT(slab_release, .base = slab->base, .cls = slab->cls, .live = 0, .capacity = slab->capacity);
    give_units(slab);
    slab = next;
  }
}

/* An empty slab is kept as long as it is the only partial one, so that a class at its edge does not come and go. */
static void take_if_surplus(struct pool_class *c, struct slab *slab, bool trim, struct slab **empties) {
  if (!trim && c->slabs.head == slab && slab->next == NULL) return;
  slab_list_remove(&c->slabs, slab);
  slab->next = *empties;
  *empties = slab;
}

uint32_t pool_return_blocks(uint32_t cls, struct chain *chain, struct chain *legacy, bool trim) {
  struct pool_class *c = &classes[cls];
  struct slab *empties = NULL, *last = NULL;
  uint32_t touched = 0;
  pthread_mutex_lock(&c->lock);
  while (chain->count > 0) {
    struct block *block = chain->head;
    struct slab *slab = directory_slab(block);
    if (slab == NULL || slab->cls != cls || !block_can_pop(block)) break;
    chain->head = block_next(block);
    chain->count--;
    if (slab->home == NULL) {
      chain_push(legacy, block);
      continue;
    }
    if (slab != last) touched++;
    last = slab;
    if (slab_list_give(&c->slabs, slab, block)) take_if_surplus(c, slab, trim, &empties);
  }
  pthread_mutex_unlock(&c->lock);
  release_slabs(empties);
  return touched;
}

/* ---- Large blocks. ---- */

struct slab *pool_large_alloc(size_t size, bool *zeroed, struct pool_refusal *refusal) {
  bool fresh;
  uint64_t over;
  const uint32_t units = (uint32_t)((max_size(size, 1) + UNIT_SIZE - 1) / UNIT_SIZE); /* aligned blocks of size 0, too */
  struct slab *slab = acquire_units(units, zeroed, &fresh, &over, refusal);
  if (slab == NULL) return NULL;
  slab->cls = CLASS_LARGE;
  slab->requested = size;
  directory_enter(slab, CODE_LARGE);
  return slab;
}

void pool_large_free(struct slab *slab) { give_units(slab); }

bool pool_large_resize(struct slab *slab, size_t size) {
  struct superslab *ss = slab->home;
  const uint32_t units = (uint32_t)((max_size(size, 1) + UNIT_SIZE - 1) / UNIT_SIZE);
  const uint64_t now = os_now_ms();
  pthread_mutex_lock(&pool.lock);
  const uint64_t free_before = ss->free_mask, dirty_before = ss->dirty_mask;
  const bool done = superslab_resize(ss, slab, units);
  if (done) {
    pool.free_units += (uint32_t)__builtin_popcountll(ss->free_mask) - (uint32_t)__builtin_popcountll(free_before);
    pool.dirty_units += (uint64_t)__builtin_popcountll(ss->dirty_mask) - (uint64_t)__builtin_popcountll(dirty_before);
    if ((free_before == 0) != (ss->free_mask == 0)) {
      list_remove(ss);
      if (ss->free_mask == 0) list_add_last(ss);
      else list_add_first(ss);
    }
    if (ss->free_mask != free_before) ss->changed_ms = now;
    slab->requested = size;
  }
  assert(superslab_is_valid(ss));
  pthread_mutex_unlock(&pool.lock);
  return done;
}

/* ---- Scavenge. ---- */

/* Blocks wait twice before their memory goes back: in a batch, and as an empty slab or SuperSlab. */
static uint32_t idle_ms(void) { return config.release_delay / 2; }

/* Returns the batches of a class that has not used any for a while, and its kept empty slab. */
static void scavenge_class(uint32_t cls, bool trim, uint64_t now, uint32_t (*give_back)(uint32_t, struct chain, bool)) {
  struct pool_class *c = &classes[cls];
  struct slab *empties = NULL;
  for (;;) {
    struct chain chain = CHAIN_EMPTY;
    pthread_mutex_lock(&c->lock);
    const bool due = trim || now >= c->taken_ms + idle_ms(); /* taken_ms may be later than `now` */
    if (due && c->batches > 0) {
      chain = c->batch[c->oldest];
      c->oldest = (c->oldest + 1) % BATCHES;
      c->batches--;
      c->batched -= chain.count;
    } else if (due) {
      for (struct slab *slab = c->slabs.head, *next; slab != NULL; slab = next) {
        next = slab->next;
        if (slab_used(slab) == 0) take_if_surplus(c, slab, true, &empties);
      }
    }
    pthread_mutex_unlock(&c->lock);
    if (chain.count == 0) break;
    give_back(cls, chain, trim);
  }
  release_slabs(empties);
}

/* Takes one SuperSlab that may go out of the list: empty for the delay, or at once with trim. */
static struct superslab *take_empty(bool trim, size_t *keep, uint64_t now) {
  for (struct superslab *ss = pool.first; ss != NULL && ss->free_mask != 0; ss = ss->next) {
    if (ss->used_units != 0 || (!trim && now < ss->changed_ms + idle_ms())) continue;
    if (*keep >= ss->size) {
      *keep -= ss->size;
      continue;
    }
    list_remove(ss);
    pool.active--;
    pool.free_units -= ss->units;
    pool.dirty_units -= (uint64_t)__builtin_popcountll(ss->dirty_mask);
    return ss;
  }
  return NULL;
}

static size_t release_empty(bool trim, size_t keep, uint64_t now) {
  size_t released = 0;
  for (;;) {
    size_t left = keep;
    pthread_mutex_lock(&pool.lock);
    struct superslab *ss = take_empty(trim, &left, now);
    const uint32_t active = pool.active;
    pthread_mutex_unlock(&pool.lock);
    if (ss == NULL) return released;
    directory_superslab_went(ss);
    const size_t size = ss->size;
    EVENT(superslab_release, .base = ss->base, .size = size, .reason = trim ? RELEASE_TRIM : RELEASE_DELAY, .active = active);
    os_unmap(ss->base, size);
    released += size;
    pthread_mutex_lock(&pool.lock);
    ss->next = pool.spare_descriptors;
    pool.spare_descriptors = ss;
    pthread_mutex_unlock(&pool.lock);
  }
}

/* Purges one dirty run. It is taken for as long as the system call runs, so that nobody else gets its units. */
static size_t purge_one(bool trim, uint64_t now) {
  struct slab *run = NULL;
  pthread_mutex_lock(&pool.lock);
  for (struct superslab *ss = pool.first; ss != NULL && ss->free_mask != 0 && run == NULL; ss = ss->next) {
    if (!trim && now < ss->changed_ms + idle_ms()) continue;
    const uint64_t dirty = ss->dirty_mask;
    run = superslab_take_dirty(ss);
    if (run != NULL) {
      book_taken(run, dirty);
      break;
    }
  }
  pthread_mutex_unlock(&pool.lock);
  if (run == NULL) return 0;
  const size_t size = run->size;
  os_purge(run->base, size);
  pthread_mutex_lock(&pool.lock);
  book_given(run, false);
  pthread_mutex_unlock(&pool.lock);
  return size;
}

size_t pool_scavenge(bool trim, size_t keep, uint32_t (*give_back)(uint32_t cls, struct chain chain, bool trim)) {
  const uint64_t now = os_now_ms();
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) scavenge_class(cls, trim, now, give_back);
  size_t total = release_empty(trim, keep, now);
  for (size_t purged; (purged = purge_one(trim, now)) != 0;) total += purged;
  return total;
}

/* ---- What there is. ---- */

READS_RACILY void pool_usage(uint32_t cls, struct pool_usage *out) {
  const struct pool_class *c = &classes[cls];
  *out = (struct pool_usage){.slabs = c->slabs.slabs, .capacity = c->slabs.capacity, .used = c->slabs.used,
                             .bytes = c->slabs.bytes, .batched = c->batched};
}

READS_RACILY void pool_totals(struct pool_totals *out) {
  *out = (struct pool_totals){.active = pool.active, .free_units = pool.free_units,
                              .dirty_bytes = pool.dirty_units * UNIT_SIZE,
                              .mapped = pool.active * config_superslab_size()};
}

bool pool_visit(bool try_only, void (*visit)(struct superslab *ss, void *context), void *context) {
  if (try_only) {
    if (pthread_mutex_trylock(&pool.lock) != 0) return false;
  } else {
    pthread_mutex_lock(&pool.lock);
  }
  for (struct superslab *ss = pool.first; ss != NULL; ss = ss->next) visit(ss, context);
  pthread_mutex_unlock(&pool.lock);
  return true;
}

bool pool_holds(const void *p) {
  bool holds = false;
  pthread_mutex_lock(&pool.lock);
  for (const struct superslab *ss = pool.first; ss != NULL && !holds; ss = ss->next) holds = (uintptr_t)p - (uintptr_t)ss->base < ss->size;
  pthread_mutex_unlock(&pool.lock);
  return holds;
}

void pool_fork_prepare(void) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) pthread_mutex_lock(&classes[cls].lock);
  pthread_mutex_lock(&pool.lock);
}

void pool_fork_release(void) {
  pthread_mutex_unlock(&pool.lock);
  for (uint32_t cls = CLASS_COUNT; cls-- > 0;) pthread_mutex_unlock(&classes[cls].lock);
}

void pool_fork_child(void) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) pthread_mutex_init(&classes[cls].lock, NULL);
  pthread_mutex_init(&pool.lock, NULL);
  pool.mapping = 0; /* the threads that were mapping do not exist here: their places under the limit are free */
}
