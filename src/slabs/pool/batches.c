#include "batches.h"

#include <string.h>

#include "memory/os.h"
#include "memory/soft_limit.h"
#include "slabs/directory.h"

/*
 * Own batches of a class. More would save more walks over blocks. But blocks that are returned to their slabs are handed out in order of address again. A
 * program that visits its objects in that order gains far more than such a walk costs. With more threads than this, each thread may have one batch there:
 * otherwise few of them would find a place, and each of the others would do its walk while the next ones wait for the lock.
 */
#define OWN_FEW 4u
#define OWN_MOST 64u
/*
 * A class keeps its own batches while it is likely to use them again. Their age is how many bytes of own batches were given to all classes since this
 * one last gave or took a batch. If it is more than this many times what all own batches hold, one of them is returned. Otherwise a program that turns from
 * one size to another would leave batches of each behind, whose blocks keep whole slabs.
 */
#define AGE_TIMES 4u
#define OWN_LEAST (1 * MIB)  /* less need not be returned */
#define OWN_LOOK (128 * KIB) /* so much is given between two searches for an old batch */
/*
 * Foreign batches of a class. Their blocks were freed by a thread that allocates none, so it would do each walk for another thread, while that one waits
 * for the lock. They may be three quarters of the blocks that the class's slabs have handed out.
 */
#define FOREIGN_MOST 512

struct own_batch {
  struct chain chain;
  const void *giver; /* whose it is: a pool_taker; NULL: anyone's */
  bool rested;       /* it was here when the class was last scavenged */
};

static struct own_batch own_batch[OWN_MOST][CLASS_COUNT] BULK; /* by place and class, so that a process of few threads touches few pages of it */
static struct chain *foreign_table[CLASS_COUNT];               /* atomic; FOREIGN_MOST places each. NULL until the class needs them */

/* Atomic. Bytes of all own batches now; of all chains of a thread's own that were ever given; and own_given at the last search for an old batch. */
static size_t own_bytes, own_given, own_searched;

__thread const void *pool_taker __attribute__((tls_model("initial-exec")));

static struct own_batch *own_of(uint32_t cls, uint32_t at) { return &own_batch[at][cls]; }
static struct chain *foreign_of(uint32_t cls) { return __atomic_load_n(&foreign_table[cls], __ATOMIC_ACQUIRE); }

static void count_own(uint32_t cls, int64_t blocks) { __atomic_fetch_add(&own_bytes, (size_t)(blocks * class_stride(cls)), __ATOMIC_RELAXED); }

/* ---- Take. ---- */

/* The place of the newest own batch that the thread may take; `own` if there is none. If there are OWN_FEW, it may take any: some threads may rest. */
static uint32_t find_own(const struct batches *b, uint32_t cls, enum whose whose) {
  const bool any = whose == WHOSE_ANY || b->own >= OWN_FEW;
  for (uint32_t i = whose == WHOSE_OWN ? b->own : 0; i-- > 0;) {
    const void *const giver = own_of(cls, i)->giver;
    if (giver == NULL || giver == pool_taker) return i;
  }
  return any && b->own > 0 ? b->own - 1 : b->own;
}

static struct chain take_own(struct batches *b, uint32_t cls, uint32_t at) {
  const struct chain chain = own_of(cls, at)->chain;
  b->blocks -= chain.count;
  count_own(cls, -(int64_t)chain.count);
  b->own--;
  for (; at < b->own; at++) *own_of(cls, at) = *own_of(cls, at + 1);
  return chain;
}

static struct chain take_foreign(struct batches *b, uint32_t cls) {
  const struct chain chain = foreign_of(cls)[--b->foreign];
  b->blocks -= chain.count;
  if (b->unneeded > b->foreign) b->unneeded = b->foreign;
  return chain;
}

struct chain batches_take(struct batches *b, uint32_t cls, enum whose whose) {
  if (b->foreign > 0) return take_foreign(b, cls);
  const uint32_t at = find_own(b, cls, whose);
  return at < b->own ? take_own(b, cls, at) : CHAIN_EMPTY;
}

/* ---- Give. ---- */

void batches_note_use(struct batches *b) {
  b->used_ms = os_now_ms();
  b->given = __atomic_load_n(&own_given, __ATOMIC_RELAXED);
}

/* Whether the class may keep one more batch of the calling thread's own. A soft limit is kept rather with few. */
static bool has_place(const struct batches *b, uint32_t cls, enum pool_from from) {
  if (b->own < OWN_FEW) return true;
  if (b->own == OWN_MOST || from != POOL_OWN || pool_taker == NULL || soft_limit_bytes() != 0) return false;
  for (uint32_t i = b->own; i-- > 0;) {
    if (own_of(cls, i)->giver == pool_taker) return false;
  }
  return true;
}

bool batches_lack_table(const struct batches *b, uint32_t cls) { return b->own >= OWN_FEW && foreign_of(cls) == NULL; }

void batches_make_table(uint32_t cls) {
  struct chain *none = NULL, *const fresh = os_metadata(FOREIGN_MOST * sizeof(*fresh));
  if (fresh != NULL) __atomic_compare_exchange_n(&foreign_table[cls], &none, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static bool has_foreign_place(const struct batches *b, uint32_t cls, struct chain chain, uint64_t used) {
  return foreign_of(cls) != NULL && b->foreign < FOREIGN_MOST && (b->blocks + chain.count) * 4 <= used * 3;
}

bool batches_give(struct batches *b, uint32_t cls, struct chain chain, enum pool_from from, uint64_t used) {
  bool kept = true;
  if (has_place(b, cls, from)) {
    *own_of(cls, b->own++) = (struct own_batch){.chain = chain, .giver = from == POOL_OWN ? pool_taker : NULL};
    count_own(cls, chain.count);
  } else if (from == POOL_FOREIGN && has_foreign_place(b, cls, chain, used)) {
    foreign_of(cls)[b->foreign++] = chain;
  } else {
    kept = false;
  }
  if (kept) b->blocks += chain.count;
  if (from == POOL_OWN) __atomic_fetch_add(&own_given, (size_t)chain.count * class_stride(cls), __ATOMIC_RELAXED);
  batches_note_use(b);
  return kept;
}

/* ---- Batches that no refill needs. ---- */

/* The oldest foreign batch. */
static struct chain take_first_foreign(struct batches *b, uint32_t cls) {
  struct chain *const table = foreign_of(cls);
  const struct chain chain = table[0];
  b->blocks -= chain.count;
  b->unneeded--;
  memmove(table, table + 1, --b->foreign * sizeof(*table));
  return chain;
}

struct chain batches_take_unneeded(struct batches *b, uint32_t cls) {
  if (b->unneeded > 0) return take_first_foreign(b, cls);
  for (uint32_t at = 0; at < b->own; at++) {
    if (own_of(cls, at)->rested) return take_own(b, cls, at);
  }
  return CHAIN_EMPTY;
}

void batches_note_rest(struct batches *b, uint32_t cls) {
  b->unneeded = b->foreign;
  for (uint32_t i = 0; i < b->own; i++) own_of(cls, i)->rested = true;
}

/* ---- Old batches. ---- */

size_t batches_own_bytes(void) { return __atomic_load_n(&own_bytes, __ATOMIC_RELAXED); }

bool batches_search_due(void) {
  const size_t given = __atomic_load_n(&own_given, __ATOMIC_RELAXED);
  if (batches_own_bytes() <= OWN_LEAST || given - __atomic_load_n(&own_searched, __ATOMIC_RELAXED) < OWN_LOOK) return false;
  __atomic_store_n(&own_searched, given, __ATOMIC_RELAXED);
  return true;
}

READS_RACILY size_t batches_age(const struct batches *b) { return __atomic_load_n(&own_given, __ATOMIC_RELAXED) - b->given; }
READS_RACILY bool batches_are_old(const struct batches *b) { return b->own != 0 && batches_age(b) > AGE_TIMES * batches_own_bytes(); }
struct chain batches_take_oldest(struct batches *b, uint32_t cls) {
  return take_own(b, cls, 0);
}

/* ---- For tests. ---- */

/* Whether the chain has exactly `count` blocks, all of them free blocks of the class. */
static bool chain_is_valid(uint32_t cls, struct chain chain) {
  for (; chain.count > 0; chain.count--, chain.head = block_next(chain.head)) {
    if (!directory_begins(cls, chain.head) || !block_can_pop(chain.head)) return false;
  }
  return chain.head == BLOCK_END;
}

/* Adds the blocks of a batch to *blocks. */
static bool batch_is_valid(uint32_t cls, const struct chain *batch, uint64_t *blocks) {
  *blocks += batch->count;
  return batch->count != 0 && chain_is_valid(cls, *batch);
}

bool batches_are_valid(const struct batches *b, uint32_t cls, size_t *own) {
  uint64_t blocks = 0;
  if (b->own > OWN_MOST || b->foreign > FOREIGN_MOST || b->unneeded > b->foreign) return false;
  for (uint32_t i = 0; i < b->own; i++) {
    if (!batch_is_valid(cls, &own_of(cls, i)->chain, &blocks)) return false;
  }
  *own += blocks * class_stride(cls);
  for (uint32_t i = 0; i < b->foreign; i++) {
    if (!batch_is_valid(cls, &foreign_of(cls)[i], &blocks)) return false;
  }
  return blocks == b->blocks;
}
