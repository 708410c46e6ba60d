#include "checker_hooks.h"
#include "probe.h"
#include "shared_pool.h"

#include <string.h>

#include "memory/os.h"
#include "memory/soft_limit.h"
#include "platform/config.h"
#include "slabs/directory.h"
#include "slabs/slab_list.h"
#include "slabs/superslabs.h"

#define UNNEEDED_BLOCKS 1024u /* a scavenge of a class stops to return unneeded batches after this many blocks, */
#define IDLE_BLOCKS 16384u    /* and those of an idle class after this many: more would take too long for one call */
/*
 * Threads that take small blocks from the same slab share its cache lines, for as long as they use the blocks. So if the stride is at most this, a thread
 * takes its own batches, and then blocks of the slab that it took from last.
 */
#define APART_STRIDE 512u
#define SLABS_ASKED 256 /* slabs whose age is read */

/* One class. A batch for which there is no place is returned to its slabs at once: its blocks are nearer in the caches than those of an older one. */
static struct pool_class {
  struct lock lock;
  struct slab_list slabs;
  struct batches batches;
} classes[CLASS_COUNT];

static uint32_t class_of(const struct pool_class *c) { return (uint32_t)(c - classes); }

/* ---- Refill. ---- */

/* Refills from batches and partial slabs of the class. */
static bool refill_from_class(struct pool_class *c, enum whose whose, uint32_t most, bool timed, struct pool_answer *answer) {
  lock_take(&c->lock);
  answer->chain = batches_take(&c->batches, class_of(c), whose);
  if (answer->chain.count != 0) {
    answer->source = REFILL_BATCH;
    batches_note_use(&c->batches);
  } else {
    if (timed) answer->over[STAGE_batch] = hub_ticks();
    answer->source = REFILL_PARTIAL;
    if (whose == WHOSE_ANY || slab_list_prefer(&c->slabs, pool_taker)) slab_list_take(&c->slabs, most, pool_taker, &answer->chain);
    if (answer->broken.block == NULL) { /* otherwise the next refill reports it */
      answer->broken = c->slabs.broken;
      c->slabs.broken = (struct broken_link){0};
    }
  }
  lock_release(&c->lock);
  return answer->chain.count != 0;
}

struct pool_answer pool_refill(uint32_t cls, uint32_t most, bool timed) {
  struct pool_class *c = &classes[cls];
  struct pool_answer answer = {.chain = CHAIN_EMPTY};
  const enum whose whose = class_stride(cls) > APART_STRIDE || soft_limit_is_above() ? WHOSE_ANY : WHOSE_OWN;
  if (refill_from_class(c, whose, most, timed, &answer)) return answer;

  if (timed) answer.over[STAGE_partial] = hub_ticks();
  const struct units_answer units = units_acquire(class_slab_units(cls));
  struct slab *slab = units.slab;
  if (slab == NULL && whose == WHOSE_OWN && refill_from_class(c, WHOSE_ANY, most, false, &answer)) return answer;
  answer.over[STAGE_fresh_slab] = units.over;
  answer.refusal = units.refusal;
  if (slab == NULL) {
    answer.over[STAGE_superslab] = answer.refusal.reason == FAIL_LIMIT ? answer.over[STAGE_fresh_slab] : hub_ticks();
    return answer;
  }
  slab_init(slab, cls);
  if (config.secure != 0 && !hub_checked && !units.zeroed) memset(slab->base, 0, slab->size); /* the secure mode expects that free blocks are zero */
  units_enter(slab);
  const void *base = slab->base;
  const uint32_t capacity = slab->capacity;
  answer.source = units.fresh_superslab ? REFILL_FRESH_SUPERSLAB : REFILL_FRESH_SLAB;
  lock_take(&c->lock);
  slab_list_add(&c->slabs, slab);
  slab_list_take(&c->slabs, most, pool_taker, &answer.chain);
  lock_release(&c->lock);
  EVENT(slab_acquire, .base = base, .cls = cls, .live = 0, .capacity = capacity);
  return answer;
}

/* The class whose own batches are the oldest; NULL if no class has any. */
static READS_RACILY struct pool_class *oldest(void) {
  struct pool_class *found = NULL;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    struct pool_class *const c = &classes[cls];
    if (c->batches.own != 0 && (found == NULL || batches_age(&c->batches) > batches_age(&found->batches))) found = c;
  }
  return found;
}

/* A batch of that class, if it is too old. */
static struct pool_overflow take_oldest(void) {
  struct pool_overflow overflow = {.chain = CHAIN_EMPTY};
  struct pool_class *const c = batches_search_due() ? oldest() : NULL;
  if (c == NULL || !batches_are_old(&c->batches)) return overflow;
  lock_take(&c->lock);
  if (batches_are_old(&c->batches)) overflow = (struct pool_overflow){class_of(c), batches_take_oldest(&c->batches, class_of(c))};
  lock_release(&c->lock);
  return overflow;
}

struct pool_overflow pool_give_batch(uint32_t cls, struct chain chain, enum pool_from from) {
  struct pool_class *c = &classes[cls];
  if (chain.count == 0) return (struct pool_overflow){cls, CHAIN_EMPTY};
  lock_take(&c->lock);
  if (from == POOL_FOREIGN && batches_lack_table(&c->batches, cls)) {
    lock_release(&c->lock);
    batches_make_table(cls);
    lock_take(&c->lock);
  }
  const bool kept = batches_give(&c->batches, cls, chain, from, c->slabs.used);
  lock_release(&c->lock);
  if (!kept) return (struct pool_overflow){cls, chain};
  return from == POOL_OWN ? take_oldest() : (struct pool_overflow){cls, CHAIN_EMPTY};
}

/* ---- Return. ---- */

/* The units of an empty slab may now serve any class. */
static size_t release(struct slab *slab) {
  units_give(slab);
  return 0;
}

/*
 * The slabs that a walk over returned blocks met last, by their first units. Blocks that are freed in turn often alternate between a few slabs.
 *
 * None of these slabs can be released during the walk. A slab of a SuperSlab is released after the last of its blocks was returned, for which another thread
 * would need the lock of the class. A legacy slab still has a block out, in this walk.
 */
#define MET 8u
struct met {
  uintptr_t unit;
  struct slab *slab;
};

static NOINLINE struct slab *meet(struct met *met, uint32_t cls, const struct block *block) {
  if (!directory_begins(cls, block)) return NULL;
  struct slab *const slab = directory_slab(block);
  const uintptr_t unit = (uintptr_t)block >> UNIT_SHIFT;
  if ((uintptr_t)slab->base == unit << UNIT_SHIFT) met[unit % MET] = (struct met){unit, slab}; /* class_starts_at knows first units only */
  return slab;
}

/* The slab of a block of the class that begins at `block`; NULL if none begins there. `start` is the class's. */
ALWAYS_INLINE struct slab *slab_of(struct met *met, uint32_t cls, const struct class_start *start, const struct block *block) {
  const uintptr_t unit = (uintptr_t)block >> UNIT_SHIFT;
  const struct met *const place = &met[unit % MET];
  return LIKELY(place->unit == unit && class_starts_at(start, block)) ? place->slab : meet(met, cls, block);
}

uint32_t pool_return_blocks(uint32_t cls, struct chain *chain, struct chain *legacy, bool trim) {
  struct pool_class *c = &classes[cls];
  const struct class_start start = class_start[cls];
  const struct link_key key = link_key;
  struct met met[MET] = {{0}};
  struct slab *empties = NULL, *last = NULL;
  struct block *block = chain->head, *next;
  uint32_t touched = 0, left = chain->count;
  lock_take(&c->lock);
  for (; left > 0; block = next, left--) {
    struct slab *const slab = slab_of(met, cls, &start, block);
    if (slab == NULL || !block_can_pop(block)) break;
    next = link_read(block, &key);
    if (next == LINK_BROKEN) break;
    if (slab->home == NULL) {
      chain_push(legacy, block);
      continue;
    }
    touched += slab != last;
    last = slab;
    if (slab_list_give(&c->slabs, slab, block)) slab_list_shed(&c->slabs, slab, trim, &empties);
  }
  lock_release(&c->lock);
  *chain = (struct chain){block, left};
  slabs_release(empties, release);
  return touched;
}

/* ---- Scavenge. ---- */

/* used_ms may be later than `now`: hence no subtraction. */
static READS_RACILY bool is_idle(const struct pool_class *c, uint64_t now) { return now >= c->batches.used_ms + units_idle_ms(); }

/*
 * Returns the batches of a class that has not used any for a while, and its kept empty slab. If it uses some, returns those that no refill needed. After a
 * burst, foreign ones would keep their blocks' slabs for as long as the class is in use; and those of a thread that ended or rests, a place.
 */
static void scavenge_class(uint32_t cls, bool trim, uint64_t now, uint32_t (*give_back)(uint32_t, struct chain, bool)) {
  struct pool_class *c = &classes[cls];
  struct slab *empties = NULL;
  struct chain chain;
  uint32_t returned = 0; /* blocks */
  do {
    chain = CHAIN_EMPTY;
    lock_take(&c->lock);
    const bool due = trim || is_idle(c, now);
    if (due && c->batches.foreign + c->batches.own > 0) {
      if (trim || returned < IDLE_BLOCKS) chain = batches_take(&c->batches, cls, WHOSE_ANY);
    } else if (due) {
      slab_list_shed_empty(&c->slabs, &empties);
    } else if (returned < UNNEEDED_BLOCKS) {
      chain = batches_take_unneeded(&c->batches, cls);
    }
    returned += chain.count;
    if (chain.count == 0) batches_note_rest(&c->batches, cls);
    lock_release(&c->lock);
    if (chain.count != 0) give_back(cls, chain, trim);
  } while (chain.count != 0);
  slabs_release(empties, release);
}

static size_t trim_class(uint32_t cls, bool trim, uint64_t now) {
  struct pool_class *c = &classes[cls];
  struct slab *empties = NULL;
  const enum tails_of which = trim ? TAILS_OF_ALL : is_idle(c, now) ? TAILS_OF_IDLE : TAILS_OF_FIRST;
  const size_t purged = slab_list_purge_tails(&c->slabs, &c->lock, which, now, &empties);
  slabs_release(empties, release);
  return purged;
}

size_t pool_scavenge_class(uint32_t cls, bool trim, uint64_t now, uint32_t (*give_back)(uint32_t cls, struct chain chain, bool trim)) {
  if (slab_list_is_unused(&classes[cls].slabs)) return 0;
  scavenge_class(cls, trim, now, give_back);
  return hub_checked ? 0 : trim_class(cls, trim, now);
}

size_t pool_trim(size_t keep, uint32_t (*give_back)(uint32_t cls, struct chain chain, bool trim)) {
  const uint64_t now = os_now_ms();
  size_t purged = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) purged += pool_scavenge_class(cls, true, now, give_back);
  return purged + units_scavenge(true, keep, now);
}

void pool_reclaim(uint32_t (*give_back)(uint32_t cls, struct chain chain, bool trim)) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    if (!slab_list_is_unused(&classes[cls].slabs)) scavenge_class(cls, true, 0, give_back);
  }
  units_release();
}

/* ---- Totals. ---- */

READS_RACILY uint64_t pool_used(uint32_t cls) { return classes[cls].slabs.used; }

READS_RACILY void pool_usage(uint32_t cls, struct pool_usage *out) {
  const struct pool_class *c = &classes[cls];
  *out = (struct pool_usage){
    .slabs = c->slabs.slabs, .capacity = c->slabs.capacity, .used = c->slabs.used, .bytes = c->slabs.bytes, .batched = c->batches.blocks};
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

bool pool_is_valid(void) {
  size_t own = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const struct pool_class *c = &classes[cls];
    if (!slab_list_is_valid(&c->slabs) || !batches_are_valid(&c->batches, cls, &own)) return false;
  }
  return own == batches_own_bytes();
}

const struct lock_row pool_locks = {&classes[0].lock, sizeof(classes[0]), CLASS_COUNT};

static struct slab_list *list_of(const struct slab *slab) { return &classes[slab->cls].slabs; }

void pool_fork_child(void) {
  bool changing = tails_in_hand(); /* a signal handler forked in the middle of this thread's change, which will go on */
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) changing = changing || lock_is_held(&classes[cls].lock);
  if (changing || lock_is_held(superslabs_locks.first)) return;
  tails_fork_child(list_of);
}

const struct layout_pool pool_layout = {
  .classes = classes, .step = sizeof(classes[0]), .list = offsetof(struct pool_class, slabs), .batched = LAYOUT_MEMBER(struct pool_class, batches.blocks)};
