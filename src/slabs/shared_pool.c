#include "checker_hooks.h"
#include "probe.h"
#include "shared_pool.h"

#include <errno.h>

#include "directory.h"
#include "memory/os.h"

/*
 * Per class. More of them save more walks over blocks, but what goes back to its slab is handed out in order of address again, and a program
 * that meets its objects in that order gains far more than a walk costs.
 */
#define BATCHES 4
#define SLABS_ASKED 256 /* for their age */

#define TAILS 8                 /* slabs whose tails go back in one go */
#define TAILS_WALKED 16         /* slabs that are looked at under one hold of the lock */
#define TAIL_LEAST (16u * 1024) /* where nobody asks for a trim: a page that is wanted again comes back by a fault */

/* One class. Batches form a ring: the newest is taken first, the oldest makes place. */
static struct pool_class {
  struct lock lock;
  struct slab_list slabs;
  struct chain batch[BATCHES];
  uint32_t batches, oldest;
  uint64_t batched;  /* blocks */
  uint64_t taken_ms; /* when a batch was last taken or given */
} classes[CLASS_COUNT];

/* ---- Refill. ---- */

/* From what the class has already. */
static bool refill_from_class(struct pool_class *c, uint32_t most, bool timed, struct pool_answer *answer) {
  lock_take(&c->lock);
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
    answer->broken = c->slabs.broken;
    c->slabs.broken = NULL;
  }
  lock_release(&c->lock);
  return answer->chain.count != 0;
}

struct pool_answer pool_refill(uint32_t cls, uint32_t most, bool timed) {
  struct pool_class *c = &classes[cls];
  struct pool_answer answer = {.chain = CHAIN_EMPTY};
  if (refill_from_class(c, most, timed, &answer)) return answer;

  bool zeroed, fresh_superslab;
  if (timed) answer.over[STAGE_partial] = hub_ticks();
  struct slab *slab = units_acquire(class_slab_units(cls), &zeroed, &fresh_superslab, &answer.over[STAGE_fresh_slab], &answer.refusal);
  if (slab == NULL) {
    answer.over[STAGE_superslab] = answer.refusal.reason == FAIL_LIMIT ? answer.over[STAGE_fresh_slab] : hub_ticks();
    return answer;
  }
  slab_init(slab, cls);
  directory_enter(slab);
  const void *base = slab->base;
  const uint32_t capacity = slab->capacity;
  answer.source = fresh_superslab ? REFILL_FRESH_SUPERSLAB : REFILL_FRESH_SLAB;
  lock_take(&c->lock);
  slab_list_add(&c->slabs, slab);
  slab_list_take(&c->slabs, most, &answer.chain);
  lock_release(&c->lock);
  EVENT(slab_acquire, .base = base, .cls = cls, .live = 0, .capacity = capacity);
  return answer;
}

struct chain pool_give_batch(uint32_t cls, struct chain chain) {
  struct pool_class *c = &classes[cls];
  struct chain overflow = CHAIN_EMPTY;
  if (chain.count == 0) return overflow;
  lock_take(&c->lock);
  if (c->batches == BATCHES) {
    overflow = c->batch[c->oldest];
    c->batched -= overflow.count;
    c->oldest = (c->oldest + 1) % BATCHES;
    c->batches--;
  }
  c->batch[(c->oldest + c->batches++) % BATCHES] = chain;
  c->batched += chain.count;
  c->taken_ms = os_now_ms();
  lock_release(&c->lock);
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
    units_give(slab);
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
  lock_take(&c->lock);
  while (chain->count > 0) {
    struct block *block = chain->head;
    if (!directory_begins(cls, block) || !block_can_pop(block)) break;
    struct slab *slab = directory_slab(block);
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
  lock_release(&c->lock);
  release_slabs(empties);
  return touched;
}

/* ---- Scavenge. ---- */

/* Returns the batches of a class that has not used any for a while, and its kept empty slab. */
static void scavenge_class(uint32_t cls, bool trim, uint64_t now, uint32_t (*give_back)(uint32_t, struct chain, bool)) {
  struct pool_class *c = &classes[cls];
  struct slab *empties = NULL;
  for (;;) {
    struct chain chain = CHAIN_EMPTY;
    lock_take(&c->lock);
    const bool due = trim || now >= c->taken_ms + units_idle_ms(); /* taken_ms may be later than `now` */
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
    lock_release(&c->lock);
    if (chain.count == 0) break;
    give_back(cls, chain, trim);
  }
  release_slabs(empties);
}

static uint32_t tails_away; /* atomic: tails that are being purged; changes under the locks of their classes */
static __thread uint32_t tails_here; /* of these, the calling thread's */

/*
 * Takes tails of slabs that nothing was taken from for a while, and of the first one, which is always in use, but of which its present
 * blocks may be the least part; where the class is in use, of that one alone. *more: the walk is not at its end.
 */
static uint32_t take_tails(struct pool_class *c, bool trim, uint64_t now, struct slab_tail *tails, bool *more) {
  const uint32_t least = trim ? 1 : TAIL_LEAST;
  const bool idle = trim || now >= c->taken_ms + units_idle_ms();
  uint32_t found = 0;
  struct slab_list *list = &c->slabs;
  if (!idle) list->cursor = list->head;
  for (unsigned walked = 0; list->cursor != NULL && found < TAILS && walked < TAILS_WALKED; walked++) {
    struct slab *slab = list->cursor;
    list->cursor = idle ? slab->next : NULL;
    if (!trim && slab->prev != NULL && slab_idle_ms(slab, now) < units_idle_ms()) continue;
    found += slab_list_trim_begin(list, slab, least, &tails[found]);
  }
  __atomic_fetch_add(&tails_away, found, __ATOMIC_RELAXED);
  tails_here += found;
  *more = list->cursor != NULL;
  return found;
}

/*
 * Purges slabs' tails, a few at a time; all of them for a trim, else the next few that there are. What was walked past is not seen again
 * by a trim, whoever comes and goes meanwhile. Returns the bytes.
 */
static size_t trim_class(uint32_t cls, bool trim, uint64_t now) {
  struct pool_class *c = &classes[cls];
  struct slab_tail tails[TAILS];
  struct slab *empties = NULL;
  size_t total = 0;
  bool more;
  uint32_t found;
  lock_take(&c->lock);
  if (trim || c->slabs.cursor == NULL) c->slabs.cursor = c->slabs.head;
  do {
    found = take_tails(c, trim, now, tails, &more);
    lock_release(&c->lock);
    for (uint32_t i = 0; i < found; i++) {
      units_purging(tails[i].slab->home);
      total += os_purge_if_possible(tails[i].base, tails[i].size);
    }
    lock_take(&c->lock);
    __atomic_fetch_sub(&tails_away, found, __ATOMIC_RELAXED);
    tails_here -= found;
    for (uint32_t i = 0; i < found; i++) {
      if (slab_list_trim_end(&c->slabs, tails[i].slab)) take_if_surplus(c, tails[i].slab, trim, &empties);
    }
  } while (more && (trim || found == 0));
  lock_release(&c->lock);
  release_slabs(empties);
  return total;
}

/* What a process has no block of is not locked either: its lines of the table need no memory. */
static READS_RACILY bool has_slabs(uint32_t cls) { return classes[cls].slabs.slabs != 0; }

size_t pool_scavenge(bool trim, size_t keep, uint32_t (*give_back)(uint32_t cls, struct chain chain, bool trim)) {
  const uint64_t now = os_now_ms();
  size_t purged = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    if (!has_slabs(cls)) continue;
    scavenge_class(cls, trim, now, give_back);
    if (!hub_checked) purged += trim_class(cls, trim, now);
  }
  return purged + units_scavenge(trim, keep, now);
}

void pool_reclaim(uint32_t (*give_back)(uint32_t cls, struct chain chain, bool trim)) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    if (has_slabs(cls)) scavenge_class(cls, true, 0, give_back);
  }
  units_release();
}

/* ---- What there is. ---- */

READS_RACILY uint64_t pool_used(uint32_t cls) { return classes[cls].slabs.used; }

READS_RACILY void pool_usage(uint32_t cls, struct pool_usage *out) {
  const struct pool_class *c = &classes[cls];
  *out = (struct pool_usage){.slabs = c->slabs.slabs, .capacity = c->slabs.capacity, .used = c->slabs.used,
                             .bytes = c->slabs.bytes, .batched = c->batched};
}

uint64_t pool_idle_ms(uint32_t cls) {
  struct pool_class *c = &classes[cls];
  const uint64_t now = os_now_ms();
  uint64_t sum = 0, slabs = 0;
  lock_take(&c->lock);
  for (const struct slab *slab = c->slabs.head; slab != NULL && slabs < SLABS_ASKED; slab = slab->next, slabs++) sum += slab_idle_ms(slab, now);
  lock_release(&c->lock);
  return slabs > 0 ? sum / slabs : 0;
}

const struct lock_row pool_locks = {&classes[0].lock, sizeof(classes[0]), CLASS_COUNT};

/* Who purged the tail of one of these slabs does not exist here. */
static void end_tails(struct superslab *ss, void *unused) {
  (void)unused;
  for (uint32_t u = 0; u < ss->units; u++) {
    struct slab *slab = &ss->slabs[u];
    const bool there = (ss->free_mask >> u & 1) == 0 && slab->home == ss && slab->cls < CLASS_COUNT;
    if (there && slab->purging != 0) slab_list_trim_end(&classes[slab->cls].slabs, slab); /* an empty one goes with the next scavenge */
  }
}

void pool_fork_child(void) {
  bool changing = tails_here != 0; /* a signal handler forked that interrupted this thread: it goes on with what it was at */
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) changing = changing || lock_is_held(&classes[cls].lock);
  if (changing || lock_is_held(units_locks.first)) return;
  if (tails_away != 0) units_visit(false, end_tails, NULL);
  tails_away = 0;
}
