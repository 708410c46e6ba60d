#include "records.h"

#include <string.h>

#include "memory/os.h"

#define STRIPES 64
#define CAPACITY_MIN 64
#define SMALL_TABLE (64 * KIB) /* bytes */
#define STEP 256u              /* places that a step of a walk looks at, at most */

static struct stripe {
  struct lock lock;
  struct record *table; /* block NULL: an empty place. A record lies at its block's hash or behind it, with no empty place between */
  size_t capacity, used;
  uint32_t version; /* grows when records move: a walk then begins this stripe again */
} __attribute__((aligned(64))) stripes[STRIPES];

static size_t bytes; /* atomic */
uint32_t record_allocations;
static enum block_family unmarked = FAMILY_UNKNOWN;

static uint64_t hash_of(const void *block) { return (uintptr_t)block / MIN_ALIGN * UINT64_C(0x9e3779b97f4a7c15); /* Knuth's multiplicative hash */ }

static struct stripe *stripe_of(const void *block) { return &stripes[hash_of(block) >> 58]; }
static_assert(STRIPES == 1 << (64 - 58), "a stripe is the hash's upper bits");

static size_t home_of(const void *block, size_t capacity) { return (size_t)(hash_of(block) >> 26) & (capacity - 1); }

/* The place of the block's record, or the empty place for it. The table has an empty place. */
static struct record *find(struct record *table, size_t capacity, const void *block) {
  size_t i = home_of(block, capacity);
  while (table[i].block != NULL && table[i].block != block) i = (i + 1) & (capacity - 1);
  return &table[i];
}

/* The record of the block, NULL if there is none. Called locked. */
static struct record *known(const struct stripe *stripe, const void *block) {
  if (stripe->capacity == 0) return NULL;
  struct record *record = find(stripe->table, stripe->capacity, block);
  return record->block != NULL ? record : NULL;
}

/* Removes the record at `i` and closes the gap, as Knuth's algorithm 6.4 R does. */
static void take(struct stripe *stripe, size_t i) {
  const size_t mask = stripe->capacity - 1;
  struct record *table = stripe->table;
  for (size_t k = (i + 1) & mask; table[k].block != NULL; k = (k + 1) & mask) {
    const size_t home = home_of(table[k].block, stripe->capacity);
    if (((k - home) & mask) < ((k - i) & mask)) continue; /* at `i`, it would lie before its home */
    table[i] = table[k];
    i = k;
  }
  table[i].block = NULL;
  stripe->used--;
  stripe->version++;
}

/* Moves the records to `fresh`, except those of freed blocks. Called locked. */
static void move_to(struct stripe *stripe, struct record *fresh, size_t capacity) {
  size_t used = 0;
  for (size_t i = 0; i < stripe->capacity; i++) {
    const struct record *old = &stripe->table[i];
    if (old->block == NULL || (old->freed && !old->held)) continue;
    *find(fresh, capacity, old->block) = *old;
    used++;
  }
  stripe->table = fresh;
  stripe->capacity = capacity;
  stripe->used = used;
  stripe->version++;
}

static size_t table_bytes(size_t capacity) { return align_up(capacity * sizeof(struct record), os_page_size()); }

/*
 * A small table lies among the metadata: a mapping for each stripe would make forks slower. When it has become too small, its addresses stay unused. The
 * tables that a stripe had before are together shorter than the one that it has.
 */
static bool is_small(size_t capacity) { return table_bytes(capacity) <= SMALL_TABLE; }

static struct record *map_table(size_t capacity) { return is_small(capacity) ? os_metadata_pages(table_bytes(capacity)) : os_map_table(table_bytes(capacity)); }

static void unmap_table(struct record *table, size_t capacity) {
  if (is_small(capacity)) os_metadata_rest(table, table_bytes(capacity));
  else os_unmap_table(table, table_bytes(capacity));
}

/* The bytes that are not counted as metadata. */
static size_t own_bytes(size_t capacity) { return is_small(capacity) ? 0 : table_bytes(capacity); }

static size_t count_live(const struct stripe *stripe) {
  size_t live = 0;
  for (size_t i = 0; i < stripe->capacity; i++) live += stripe->table[i].block != NULL && (!stripe->table[i].freed || stripe->table[i].held);
  return live;
}

static bool is_left(const struct record *record) { return record->freed && !record->held; }

/* Removes the records of freed blocks. A record that moves into a gap is examined, too. Called locked. */
static void sweep(struct stripe *stripe) {
  for (size_t i = 0; i < stripe->capacity; i++) {
    while (stripe->table[i].block != NULL && is_left(&stripe->table[i])) take(stripe, i);
  }
}

/* Makes room for a record, and returns with the lock held. If memory runs out: returns false, without the lock. Called locked. */
static bool make_room(struct stripe *stripe) {
  while (2 * (stripe->used + 1) > stripe->capacity) {
    size_t capacity = CAPACITY_MIN;
    const size_t live = count_live(stripe);
    while (capacity < 4 * (live + 1)) capacity *= 2;
    if (capacity <= stripe->capacity) {
      sweep(stripe);
      continue;
    }
    lock_release(&stripe->lock);
    struct record *old, *fresh = map_table(capacity);
    if (fresh == NULL) return false;
    lock_take(&stripe->lock);
    size_t old_capacity = capacity;
    if (2 * (count_live(stripe) + 1) > capacity) {
      old = fresh; /* other threads filled it meanwhile: try a larger one */
    } else {
      old = stripe->table;
      old_capacity = stripe->capacity;
      move_to(stripe, fresh, capacity);
      __atomic_add_fetch(&bytes, own_bytes(capacity), __ATOMIC_RELAXED);
      __atomic_sub_fetch(&bytes, own_bytes(old_capacity), __ATOMIC_RELAXED);
    }
    if (old == NULL) continue;
    lock_release(&stripe->lock);
    unmap_table(old, old_capacity);
    lock_take(&stripe->lock);
  }
  return true;
}

void record_init(struct record *record, const void *block, size_t requested, uint32_t stack) {
  *record = (struct record){.block = block,
                            .requested = requested,
                            .weight = 1,
                            .alloc_stack = stack,
                            .alloc_thread = os_thread(),
                            .alloc_ms = (uint32_t)os_now_ms(),
                            .family = (uint8_t)unmarked,
                            .checked = __atomic_load_n(&record_allocations, __ATOMIC_RELAXED)};
}

uint32_t record_checked_ago(const struct record *record) {
  const uint32_t now = __atomic_load_n(&record_allocations, __ATOMIC_RELAXED);
  return now == 0 ? 0 : now == record->checked ? 1 : now - record->checked;
}

void record_freed(struct record *record, uint32_t stack) {
  record->freed = true;
  record->free_stack = stack;
  record->free_thread = os_thread();
  record->free_ms = (uint32_t)os_now_ms();
}

bool record_put(const struct record *record) {
  struct stripe *stripe = stripe_of(record->block);
  lock_take(&stripe->lock);
  struct record *place = known(stripe, record->block);
  if (place == NULL) {
    if (!make_room(stripe)) return false;
    place = find(stripe->table, stripe->capacity, record->block);
    stripe->used += place->block == NULL;
  }
  *place = *record;
  lock_release(&stripe->lock);
  return true;
}

void record_know_families(void) { unmarked = FAMILY_MALLOC; }
enum block_family record_family(void) { return unmarked; }

void record_set_family(const void *block, enum block_family family) {
  struct stripe *stripe = stripe_of(block);
  lock_take(&stripe->lock);
  struct record *record = known(stripe, block);
  if (record != NULL) record->family = (uint8_t)family;
  lock_release(&stripe->lock);
}

bool record_get(const void *block, struct record *out) {
  struct stripe *stripe = stripe_of(block);
  lock_take(&stripe->lock);
  const struct record *record = known(stripe, block);
  if (record != NULL) *out = *record;
  lock_release(&stripe->lock);
  return record != NULL;
}

bool record_free(const void *block, uint32_t stack, struct record *out) {
  struct stripe *stripe = stripe_of(block);
  lock_take(&stripe->lock);
  struct record *record = known(stripe, block);
  const bool live = record != NULL && !record->freed;
  if (live) record_freed(record, stack);
  if (record != NULL && out != NULL) *out = *record;
  lock_release(&stripe->lock);
  return live;
}

bool record_take(const void *block) {
  struct stripe *stripe = stripe_of(block);
  lock_take(&stripe->lock);
  const struct record *record = known(stripe, block);
  if (record != NULL) take(stripe, (size_t)(record - stripe->table));
  lock_release(&stripe->lock);
  return record != NULL;
}

void record_each(void (*visit)(struct record *record, void *context), void *context) {
  for (struct stripe *stripe = stripes; stripe < stripes + STRIPES; stripe++) {
    lock_take(&stripe->lock);
    for (size_t i = 0; i < stripe->capacity; i++) {
      if (stripe->table[i].block != NULL) visit(&stripe->table[i], context);
    }
    lock_release(&stripe->lock);
  }
}

bool record_visit(const void *block, void (*visit)(struct record *record, void *context), void *context) {
  struct stripe *stripe = stripe_of(block);
  lock_take(&stripe->lock);
  struct record *record = known(stripe, block);
  if (record != NULL) visit(record, context);
  lock_release(&stripe->lock);
  return record != NULL;
}

bool record_walk(struct record_place *at, bool (*visit)(struct record *record, void *context), void *context) {
  struct stripe *stripe = &stripes[at->stripe];
  lock_take(&stripe->lock);
  if (at->version != stripe->version) *at = (struct record_place){.stripe = at->stripe, .version = stripe->version};
  const size_t end = min_size(at->index + STEP, stripe->capacity);
  while (at->index < end && (stripe->table[at->index].block == NULL || visit(&stripe->table[at->index], context))) at->index++;
  const bool over = at->index >= stripe->capacity;
  lock_release(&stripe->lock);
  if (!over) return false;
  const uint32_t next = (at->stripe + 1) % STRIPES;
  *at = (struct record_place){.stripe = next, .version = UINT32_MAX};
  return next == 0;
}

const struct layout_number record_layout = LAYOUT_NUMBER(bytes);
size_t record_bytes(void) { return __atomic_load_n(&bytes, __ATOMIC_RELAXED); }

bool records_are_valid(void) {
  for (const struct stripe *stripe = stripes; stripe < stripes + STRIPES; stripe++) {
    size_t used = 0;
    for (size_t i = 0; i < stripe->capacity; i++) {
      const void *block = stripe->table[i].block;
      if (block == NULL) continue;
      if (stripe_of(block) != stripe || find(stripe->table, stripe->capacity, block) != &stripe->table[i]) return false;
      used++;
    }
    if (used != stripe->used || 2 * used > stripe->capacity || (stripe->capacity & (stripe->capacity - 1)) != 0) return false;
  }
  return true;
}

const struct lock_row record_locks = {&stripes[0].lock, sizeof(stripes[0]), STRIPES};
