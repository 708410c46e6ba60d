#include "checker_hooks.h"
#include "probe.h"
#include "shared_pool.h"

#include <errno.h>
#include <string.h>

#include "directory.h"
#include "memory/os.h"
#include "memory/soft_limit.h"
#include "platform/config.h"
#include "slab_list.h"

/*
 * Own batches of a class. More would save more walks over blocks. But blocks that are returned to their slabs are handed out in order of address again. A
 * program that visits its objects in that order gains far more than such a walk costs. With more threads than this, each thread may have one batch there:
 * otherwise few of them would find a place, and each of the others would do its walk while the next ones wait for the lock.
 */
#define BATCHES 4u
#define BATCHES_MOST 64u
/*
 * A class keeps its own batches while it is likely to use them again. Their age is how many bytes of own batches were given to all classes since this
 * one last gave or took a batch. If it is more than this many times what all own batches hold, one of them is returned. Otherwise a program that turns from
 * one size to another would leave batches of each behind, whose blocks keep whole slabs.
 */
#define AGE_TIMES 4u
#define OWN_LEAST (1 * MIB)  /* less need not be returned */
#define OWN_LOOK (128 * KIB) /* so much is given between two searches for an old batch */
/*
 * Foreign batches of a class, beyond these. Their blocks were freed by a thread that allocates none, so it would do each walk for another thread, while
 * that one waits for the lock. They may be three quarters of the blocks that the class's slabs have handed out.
 */
#define FOREIGN 512
#define UNNEEDED_BLOCKS 1024u /* a scavenge of a class stops to return unneeded batches after this many blocks, */
#define IDLE_BLOCKS 16384u    /* and those of an idle class after this many: more would take too long for one call */
/*
 * Threads that take small blocks from the same slab share its cache lines, for as long as they use the blocks. So if the stride is at most this, a thread
 * takes its own batches, and then blocks of the slab that it took from last.
 */
#define APART_STRIDE 512u
#define SLABS_ASKED 256 /* slabs whose age is read */
#define USED_MS 8u      /* between two looks of pool_used_bytes */

struct own_batch {
  struct chain chain;
  const void *giver; /* whose it is: a pool_taker; NULL: anyone's */
  bool rested;       /* it was here when the class was last scavenged */
};

/*
 * One class. Own batches and foreign ones are two stacks; refills take from the foreign ones first. A batch for which there is no place is returned to its
 * slabs at once, not the oldest one of the class in its place: the walk over its blocks reads each header, and these are nearer in the caches.
 */
static struct pool_class {
  struct lock lock;
  struct slab_list slabs;
  uint32_t batches;
  uint32_t foreign;  /* batches */
  uint32_t unneeded; /* the oldest foreign batches, which no refill needed since the last scavenge: their least number in that time */
  uint64_t batched;  /* blocks */
  uint64_t taken_ms; /* when a batch was last taken or given */
  size_t given;      /* own_given then */
} classes[CLASS_COUNT];
static struct own_batch own_batch[BATCHES_MOST][CLASS_COUNT] BULK; /* by place and class, so that a process of few threads touches few pages of it */
static struct chain *foreign_batch[CLASS_COUNT];                   /* atomic; FOREIGN places each. NULL until the class needs them: most programs never do */

/* Atomic. Bytes of all own batches now; of all chains of a thread's own that were ever given; and own_given at the last search for an old batch. */
static size_t own_bytes, own_given, own_looked;

static void add_batch(struct pool_class *c, struct chain *place, struct chain chain) {
  *place = chain;
  c->batched += chain.count;
}

static struct chain remove_batch(struct pool_class *c, const struct chain *place) {
  c->batched -= place->count;
  return *place;
}

__thread const void *pool_taker __attribute__((tls_model("initial-exec")));

static struct own_batch *own_of(const struct pool_class *c, uint32_t at) { return &own_batch[at][c - classes]; }

/* Whether the class may keep one more batch of the calling thread's own. A soft limit is kept rather with few. */
static bool has_place(const struct pool_class *c, enum pool_from from) {
  if (c->batches < BATCHES) return true;
  if (c->batches == BATCHES_MOST || from != POOL_OWN || pool_taker == NULL || soft_limit_bytes() != 0) return false;
  for (uint32_t i = c->batches; i-- > 0;) {
    if (own_of(c, i)->giver == pool_taker) return false;
  }
  return true;
}

static struct chain *foreign_of(const struct pool_class *c) { return __atomic_load_n(&foreign_batch[c - classes], __ATOMIC_ACQUIRE); }

/* If memory runs out, there are none, and batches are returned to their slabs. */
static void make_foreign(const struct pool_class *c) {
  struct chain *none = NULL, *const fresh = os_metadata(FOREIGN * sizeof(*fresh));
  if (fresh != NULL) __atomic_compare_exchange_n(&foreign_batch[c - classes], &none, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* Which batches and slabs a thread may take from. */
enum whose {
  WHOSE_OWN, /* its own, and what is anyone's */
  WHOSE_ANY, /* those of other threads, too */
};

/* The place of the newest own batch that the thread may take; `batches` if there is none. If there are BATCHES, it may take any: some threads may rest. */
static uint32_t find_batch(const struct pool_class *c, enum whose whose) {
  const bool any = whose == WHOSE_ANY || c->batches >= BATCHES;
  for (uint32_t i = whose == WHOSE_OWN ? c->batches : 0; i-- > 0;) {
    const void *const giver = own_of(c, i)->giver;
    if (giver == NULL || giver == pool_taker) return i;
  }
  return any && c->batches > 0 ? c->batches - 1 : c->batches;
}

static void count_own(const struct pool_class *c, int64_t blocks) {
  __atomic_fetch_add(&own_bytes, (size_t)(blocks * class_stride((uint32_t)(c - classes))), __ATOMIC_RELAXED);
}

static struct chain take_batch(struct pool_class *c, uint32_t at) {
  const struct chain chain = remove_batch(c, &own_of(c, at)->chain);
  count_own(c, -(int64_t)chain.count);
  c->batches--;
  for (; at < c->batches; at++) *own_of(c, at) = *own_of(c, at + 1);
  return chain;
}

/* The newest batch that the thread may take, foreign ones first. Empty if there is none. */
static struct chain take_newest(struct pool_class *c, enum whose whose) {
  if (c->foreign > 0) {
    c->foreign--;
    if (c->unneeded > c->foreign) c->unneeded = c->foreign;
    return remove_batch(c, &foreign_of(c)[c->foreign]);
  }
  const uint32_t at = find_batch(c, whose);
  return at < c->batches ? take_batch(c, at) : CHAIN_EMPTY;
}

/* ---- Refill. ---- */

/* Refills from batches and partial slabs of the class. */
static bool refill_from_class(struct pool_class *c, enum whose whose, uint32_t most, bool timed, struct pool_answer *answer) {
  lock_take(&c->lock);
  answer->chain = take_newest(c, whose);
  if (answer->chain.count != 0) {
    answer->source = REFILL_BATCH;
    c->taken_ms = os_now_ms();
    c->given = __atomic_load_n(&own_given, __ATOMIC_RELAXED);
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

static READS_RACILY size_t age(const struct pool_class *c) { return __atomic_load_n(&own_given, __ATOMIC_RELAXED) - c->given; }

/* The class whose batches are the oldest. A class that another thread uses meanwhile may seem old: take_oldest looks again, under the lock. */
static READS_RACILY struct pool_class *oldest(void) {
  struct pool_class *found = NULL;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    struct pool_class *const c = &classes[cls];
    if (c->batches != 0 && (found == NULL || age(c) > age(found))) found = c;
  }
  return found;
}

/* A batch of that class, if it is too old. */
static struct pool_overflow take_oldest(void) {
  struct pool_overflow overflow = {.chain = CHAIN_EMPTY};
  const size_t own = __atomic_load_n(&own_bytes, __ATOMIC_RELAXED), given = __atomic_load_n(&own_given, __ATOMIC_RELAXED);
  if (own <= OWN_LEAST || given - __atomic_load_n(&own_looked, __ATOMIC_RELAXED) < OWN_LOOK) return overflow;
  __atomic_store_n(&own_looked, given, __ATOMIC_RELAXED);
  struct pool_class *const c = oldest();
  if (c == NULL || age(c) <= AGE_TIMES * own) return overflow;
  lock_take(&c->lock);
  if (c->batches != 0 && age(c) > AGE_TIMES * own) overflow = (struct pool_overflow){(uint32_t)(c - classes), take_batch(c, 0)};
  lock_release(&c->lock);
  return overflow;
}

struct pool_overflow pool_give_batch(uint32_t cls, struct chain chain, enum pool_from from) {
  struct pool_class *c = &classes[cls];
  struct pool_overflow overflow = {cls, CHAIN_EMPTY};
  if (chain.count == 0) return overflow;
  lock_take(&c->lock);
  if (c->batches >= BATCHES && from == POOL_FOREIGN && foreign_of(c) == NULL) {
    lock_release(&c->lock);
    make_foreign(c);
    lock_take(&c->lock);
  }
  const bool has_room = foreign_of(c) != NULL && c->foreign < FOREIGN && (c->batched + chain.count) * 4 <= c->slabs.used * 3;
  if (has_place(c, from)) {
    struct own_batch *const batch = own_of(c, c->batches++);
    batch->giver = from == POOL_OWN ? pool_taker : NULL;
    batch->rested = false;
    add_batch(c, &batch->chain, chain);
    count_own(c, chain.count);
  } else if (from == POOL_FOREIGN && has_room) add_batch(c, &foreign_of(c)[c->foreign++], chain);
  else overflow.chain = chain;
  c->taken_ms = os_now_ms();
  if (from == POOL_OWN) __atomic_fetch_add(&own_given, (size_t)chain.count * class_stride(cls), __ATOMIC_RELAXED);
  c->given = __atomic_load_n(&own_given, __ATOMIC_RELAXED);
  lock_release(&c->lock);
  return overflow.chain.count == 0 && from == POOL_OWN ? take_oldest() : overflow;
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

/* taken_ms may be later than `now`: hence no subtraction. */
static READS_RACILY bool is_idle(const struct pool_class *c, uint64_t now) { return now >= c->taken_ms + units_idle_ms(); }

/* The oldest foreign batch. */
static struct chain take_unneeded(struct pool_class *c) {
  struct chain *const batches = foreign_of(c);
  const struct chain chain = remove_batch(c, batches);
  c->unneeded--;
  memmove(batches, batches + 1, --c->foreign * sizeof(*batches));
  return chain;
}

/* The place of a batch that no refill took since the last scavenge; `batches` if there is none. */
static uint32_t find_rested(const struct pool_class *c) {
  uint32_t at = 0;
  while (at < c->batches && !own_of(c, at)->rested) at++;
  return at;
}

/* The end of a scavenge: what no refill takes until the next one is not needed. */
static void note_rest(struct pool_class *c) {
  c->unneeded = c->foreign;
  for (uint32_t i = 0; i < c->batches; i++) own_of(c, i)->rested = true;
}

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
    if (due && c->foreign + c->batches > 0) {
      if (trim || returned < IDLE_BLOCKS) chain = take_newest(c, WHOSE_ANY);
      returned += chain.count;
    } else if (due) {
      slab_list_shed_empty(&c->slabs, &empties);
    } else if (returned < UNNEEDED_BLOCKS && (c->unneeded > 0 || find_rested(c) < c->batches)) {
      chain = c->unneeded > 0 ? take_unneeded(c) : take_batch(c, find_rested(c));
      returned += chain.count;
    }
    if (chain.count == 0) note_rest(c);
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

/* Threads that want longer lists ask for it, perhaps all the time, and it is a sum over all classes. */
READS_RACILY size_t pool_used_bytes(void) {
  static size_t bytes; /* atomic, as is looked_ms */
  static uint64_t looked_ms;
  const uint64_t now = os_now_ms();
  if (now < __atomic_load_n(&looked_ms, __ATOMIC_RELAXED) + USED_MS) return __atomic_load_n(&bytes, __ATOMIC_RELAXED);
  __atomic_store_n(&looked_ms, now, __ATOMIC_RELAXED);
  size_t sum = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const uint64_t used = classes[cls].slabs.used, batched = classes[cls].batched; /* read at two moments */
    if (used > batched) sum += (used - batched) * class_stride(cls);
  }
  __atomic_store_n(&bytes, sum, __ATOMIC_RELAXED);
  return sum;
}

READS_RACILY void pool_usage(uint32_t cls, struct pool_usage *out) {
  const struct pool_class *c = &classes[cls];
  *out = (struct pool_usage){.slabs = c->slabs.slabs, .capacity = c->slabs.capacity, .used = c->slabs.used, .bytes = c->slabs.bytes, .batched = c->batched};
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

/* Whether the chain has exactly `count` blocks, all of them free blocks of the class. */
static bool chain_is_valid(uint32_t cls, struct chain chain) {
  for (; chain.count > 0; chain.count--, chain.head = block_next(chain.head)) {
    if (!directory_begins(cls, chain.head) || !block_can_pop(chain.head)) return false;
  }
  return chain.head == BLOCK_END;
}

/* Adds the blocks of a batch to *batched. */
static bool batch_is_valid(uint32_t cls, const struct chain *batch, uint64_t *batched) {
  *batched += batch->count;
  return batch->count != 0 && chain_is_valid(cls, *batch);
}

bool pool_is_valid(void) {
  size_t own = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const struct pool_class *c = &classes[cls];
    uint64_t batched = 0;
    if (!slab_list_is_valid(&c->slabs) || c->batches > BATCHES_MOST || c->foreign > FOREIGN || c->unneeded > c->foreign) return false;
    for (uint32_t i = 0; i < c->batches; i++) {
      if (!batch_is_valid(cls, &own_of(c, i)->chain, &batched)) return false;
    }
    own += batched * class_stride(cls);
    for (uint32_t i = 0; i < c->foreign; i++) {
      if (!batch_is_valid(cls, &foreign_of(c)[i], &batched)) return false;
    }
    if (batched != c->batched) return false;
  }
  return own == own_bytes;
}

const struct lock_row pool_locks = {&classes[0].lock, sizeof(classes[0]), CLASS_COUNT};

static struct slab_list *list_of(const struct slab *slab) { return &classes[slab->cls].slabs; }

void pool_fork_child(void) {
  bool changing = tails_in_hand(); /* a signal handler forked in the middle of this thread's change, which will go on */
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) changing = changing || lock_is_held(&classes[cls].lock);
  if (changing || lock_is_held(units_locks.first)) return;
  tails_fork_child(list_of);
}

const struct layout_pool pool_layout = {
  .classes = classes, .step = sizeof(classes[0]), .list = offsetof(struct pool_class, slabs), .batched = LAYOUT_MEMBER(struct pool_class, batched)};
