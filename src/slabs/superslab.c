#include "superslab.h"

#include <string.h>

#include "memory/os.h"
#include "platform/config.h"
#include "platform/random.h"

#if HAKMEM_EVENTS
struct block_end block_end; /* the end of every list: its header is 0, not HEADER_FREE */
#endif

/* `units` bits from bit `first` on. */
static uint64_t mask_of(uint32_t first, uint32_t units) {
  const uint64_t run = units >= 64 ? UINT64_MAX : ((uint64_t)1 << units) - 1;
  return run << first;
}

void superslab_init(struct superslab *ss, void *base, size_t size) {
  memset(ss->slabs, 0, size / UNIT_SIZE * sizeof(struct slab));
  *ss = (struct superslab){.base = base, .size = size, .units = (uint32_t)(size / UNIT_SIZE)};
  ss->free_mask = mask_of(0, ss->units);
}

/* Bit u of the result: the units u to u + units - 1 are all in `mask`. */
static uint64_t runs_in(uint64_t mask, uint32_t units) {
  uint32_t have = 1;
  while (have < units && mask != 0) {
    const uint32_t step = have < units - have ? have : units - have;
    mask &= mask >> step;
    have += step;
  }
  return mask;
}

static uint32_t bits_of(uint64_t mask) { return (uint32_t)__builtin_popcountll(mask); }

/* Takes units out of the free ones. Mostly all of them are dirty, or none, which saves counting bits: on old processors, a call of 60 instructions. */
static void unfree(struct superslab *ss, uint64_t mask, uint32_t units) {
  const uint64_t dirty = ss->dirty_mask & mask;
  ss->free_mask &= ~mask;
  ss->dirty_mask &= ~mask;
  ss->aged_mask &= ~mask;
  ss->dirty_units -= dirty == mask ? units : dirty == 0 ? 0 : bits_of(dirty);
}

/* Makes a slab of the units from `unit` on. */
static struct slab *take_at(struct superslab *ss, uint32_t unit, uint32_t units) {
  unfree(ss, mask_of(unit, units), units);
  ss->used_units += units;
  struct slab *slab = &ss->slabs[unit];
  *slab = (struct slab){.home = ss, .base = ss->base + unit * UNIT_SIZE, .units = units, .size = units * UNIT_SIZE};
  return slab;
}

uint64_t superslab_mask(const struct slab *slab, uint32_t units) { return mask_of((uint32_t)(slab - slab->home->slabs), units); }

bool superslab_has(const struct superslab *ss, uint32_t units) { return runs_in(ss->free_mask, units) != 0; }

/* Units from `first` on that are in `mask`. */
static uint32_t length_in(uint64_t mask, uint32_t first) {
  const uint64_t others = ~(mask >> first);
  return others != 0 ? (uint32_t)__builtin_ctzll(others) : 64;
}

struct superslab_place superslab_find(const struct superslab *ss, uint32_t units, uint32_t room) {
  struct superslab_place best = {0, UINT32_MAX};
  const uint64_t rested = ss->free_mask & ~ss->resting_mask, usable = runs_in(rested, units) != 0 ? rested : ss->free_mask;
  const bool dirty = runs_in(ss->dirty_mask & usable, units) != 0; /* prefer these: untouched units may never be needed */
  const uint64_t mask = dirty ? ss->dirty_mask & usable : usable;
  for (uint32_t first = 0, length; first < ss->units && mask >> first != 0; first += length) {
    first += (uint32_t)__builtin_ctzll(mask >> first);
    length = length_in(mask, first);
    if (length < units) continue;
    const uint32_t waste = (dirty ? 0 : WASTE_UNTOUCHED) + (length >= room ? length - room : WASTE_NO_ROOM - length);
    if (waste < best.waste) best = (struct superslab_place){first, waste};
  }
  return best;
}

struct slab *superslab_take(struct superslab *ss, uint32_t units, uint32_t room, bool *zeroed) {
  const struct superslab_place place = superslab_find(ss, units, room);
  return place.waste != UINT32_MAX ? superslab_take_at(ss, place.unit, units, zeroed) : NULL;
}

struct slab *superslab_take_at(struct superslab *ss, uint32_t unit, uint32_t units, bool *zeroed) {
  *zeroed = (ss->dirty_mask & mask_of(unit, units)) == 0;
  return take_at(ss, unit, units);
}

bool superslab_resize(struct superslab *ss, struct slab *slab, uint32_t units) {
  const uint32_t first = (uint32_t)(slab - ss->slabs);
  if (first + units > ss->units || slab_is_cut(slab)) return false;
  const uint64_t before = mask_of(first, slab->units), after = mask_of(first, units);
  if ((after & ~before & ~ss->free_mask) != 0) return false;
  if (units > slab->units) unfree(ss, after & ~before, units - slab->units);
  ss->free_mask |= before & ~after;
  ss->dirty_mask |= before & ~after;
  if (units < slab->units) ss->dirty_units += slab->units - units;
  ss->used_units += units - slab->units;
  slab->units = units;
  slab->size = units * UNIT_SIZE;
  return true;
}

void superslab_age(struct superslab *ss) { ss->aged_mask = ss->dirty_mask; }

struct slab *superslab_take_aged(struct superslab *ss) {
  if (ss->aged_mask == 0) return NULL;
  const uint32_t first = (uint32_t)__builtin_ctzll(ss->aged_mask);
  uint32_t end = first;
  while (end < ss->units && (ss->aged_mask >> end & 1) != 0) end++;
  struct slab *slab = take_at(ss, first, end - first);
  slab->cls = CLASS_LARGE;
  return slab;
}

void superslab_give(struct superslab *ss, struct slab *slab, bool dirty) {
  const uint64_t mask = mask_of((uint32_t)(slab - ss->slabs), slab->units);
  assert((ss->free_mask & mask) == 0);
  const uint64_t whole = mask_of((uint32_t)(slab - ss->slabs), slab_whole_units(slab));
  ss->gone_mask |= mask & ~whole;
  ss->gone_units += slab->units - slab_whole_units(slab);
  ss->free_mask |= whole;
  if (dirty) ss->dirty_mask |= whole;
  if (dirty) ss->dirty_units += slab_whole_units(slab);
  ss->used_units -= slab->units;
  slab->home = NULL;
}

uint32_t superslab_lose(struct superslab *ss, uint32_t *at) {
  const uint64_t left = *at < ss->units ? ss->free_mask >> *at : 0;
  if (left == 0) return 0;
  *at += (uint32_t)__builtin_ctzll(left);
  uint32_t units = 0;
  while (*at + units < ss->units && (ss->free_mask >> (*at + units) & 1) != 0) units++;
  const uint64_t mask = mask_of(*at, units);
  unfree(ss, mask, units);
  ss->gone_mask |= mask;
  ss->gone_units += units;
  *at += units;
  return units;
}

size_t superslab_resident(struct superslab *ss) {
  if (!__atomic_load_n(&ss->torn, __ATOMIC_RELAXED)) return os_resident(ss->base, ss->size);
  size_t resident = 0;
  for (uint32_t u = 0, units; u < ss->units; u += units) {
    const struct slab *slab = superslab_slab_at(ss, u);
    units = slab != NULL ? slab->units : 1;
    if ((ss->gone_mask >> u & 1) == 0) resident += os_resident(ss->base + u * UNIT_SIZE, slab != NULL ? slab->size : UNIT_SIZE);
  }
  return resident;
}

bool superslab_is_valid(const struct superslab *ss) {
  return ss->units <= SUPERSLAB_UNITS_MAX && ss->size == ss->units * UNIT_SIZE && ((uintptr_t)ss->base & (ss->size - 1)) == 0 &&
         (ss->dirty_mask & ~ss->free_mask) == 0 && (ss->aged_mask & ~ss->dirty_mask) == 0 && (ss->gone_mask & ss->free_mask) == 0 &&
         superslab_free_units(ss) == bits_of(ss->free_mask) && ss->gone_units == bits_of(ss->gone_mask) && ss->dirty_units == bits_of(ss->dirty_mask);
}

static uint32_t capacity_of(const struct slab *slab) { return (uint32_t)((slab->size - slab->first) / slab->stride); }

void slab_init(struct slab *slab, uint32_t cls) {
  slab->cls = cls;
  slab->stride = class_stride(cls);
  slab->first = class_first(cls);
  slab->capacity = capacity_of(slab);
  assert(slab->capacity <= SLAB_BLOCKS_MAX);
  slab->free = BLOCK_END;
  slab->taker = NULL;
  slab->free_count = slab->carved = slab->reached = slab->given = slab->seen_live = slab->trimmed = 0;
  slab->purging = false;
}

static char *block_at(const struct slab *slab, uint32_t index) { return slab->base + slab->first + (size_t)index * slab->stride; }

/* Atomic, because slab_block_of reads it without the lock, for blocks that were carved long before. */
static void set_carved(struct slab *slab, uint32_t carved) {
  __atomic_store_n(&slab->carved, carved, __ATOMIC_RELAXED);
  if (carved > slab->reached) slab->reached = carved;
}

#define SHUFFLED 128u /* blocks that are shuffled together: a larger order would need more stack than a thread may have */

/*
 * In a random order: at its turn, each block is drawn from those of its group that are left. The first state is a secret, and each call derives its own
 * from it, so that no thread waits for another one.
 */
static void carve_shuffled(struct slab *slab, uint32_t count, struct chain *chain) {
  static uint64_t states; /* atomic */
  if (__atomic_load_n(&states, __ATOMIC_RELAXED) == 0) __atomic_store_n(&states, random_secret(), __ATOMIC_RELAXED);
  uint64_t number = __atomic_fetch_add(&states, UINT64_C(0x9e3779b97f4a7c15), __ATOMIC_RELAXED);
  uint64_t state = random_next(&number);
  uint8_t order[SHUFFLED];
  for (uint32_t first = slab->carved, end = first + count; first < end; first += SHUFFLED) {
    const uint32_t group = end - first < SHUFFLED ? end - first : SHUFFLED;
    for (uint32_t i = 0; i < group; i++) order[i] = (uint8_t)i;
    for (uint32_t left = group; left > 0; left--) {
      const uint32_t drawn = (uint32_t)((random_next(&state) >> 32) * left >> 32);
      struct block *block = (struct block *)block_at(slab, first + order[drawn]);
      order[drawn] = order[left - 1];
      header_set(block, HEADER_FREE);
      chain_push(chain, block);
    }
  }
}

static void carve_in_order(struct slab *slab, uint32_t count, struct chain *chain) {
  for (uint32_t i = slab->carved + count; i > slab->carved; i--) {
    struct block *block = (struct block *)block_at(slab, i - 1);
    header_set(block, HEADER_FREE);
    chain_push(chain, block);
  }
}

/* Carves `count` blocks, and puts them in order of address in front of *chain; with HAKMEM_RANDOMIZE, in a random order. */
static void carve(struct slab *slab, uint32_t count, struct chain *chain) {
  if (count == 0) return;
  if (UNLIKELY((config.randomize | config.secure) != 0)) carve_shuffled(slab, count, chain);
  else carve_in_order(slab, count, chain);
  set_carved(slab, slab->carved + count);
  slab->trimmed = 0;
}

/* ---- A slab's free blocks in order of address. ---- */

struct block_set {
  uint64_t bits[SLAB_BLOCKS_MAX / 64];
}; /* bit i: block i */

static bool is_in(const struct block_set *set, uint32_t index) { return set->bits[index / 64] >> index % 64 & 1; }

/* Puts the first `count` free blocks into *set; *rest is the one behind them. False if one has a broken link, or, with `whole`, a broken header. */
static bool first_free(const struct slab *slab, uint32_t count, bool whole, struct block_set *set, struct block **rest) {
  *set = (struct block_set){{0}};
  *rest = slab->free;
  for (uint32_t n = 0; n < count; n++) {
    const size_t offset = (size_t)((const char *)*rest - slab->base) - slab->first;
    const uint32_t index = (uint32_t)(offset / slab->stride);
    if (offset >= (size_t)slab->carved * slab->stride || offset % slab->stride != 0) return false;
    if ((whole && !block_can_pop(*rest)) || is_in(set, index)) return false;
    set->bits[index / 64] |= UINT64_C(1) << index % 64;
    *rest = block_next(*rest);
  }
  return *rest != LINK_BROKEN;
}

/* Makes a new free list: the blocks of the set among the first `blocks`, in order of address, then `rest`. Touches each block once. */
static void link_in_order(struct slab *slab, const struct block_set *set, uint32_t blocks, struct block *rest) {
  for (uint32_t word = (blocks + 63) / 64; word-- > 0;) {
    for (uint64_t bits = set->bits[word]; bits != 0;) {
      const uint32_t bit = 63 - (uint32_t)__builtin_clzll(bits);
      bits ^= UINT64_C(1) << bit;
      if (word * 64 + bit >= blocks) continue;
      struct block *block = (struct block *)block_at(slab, word * 64 + bit);
      block_link(block, rest);
      rest = block;
    }
  }
  slab->free = rest;
  slab->given = 0;
}

/* Sorts the blocks returned since the last call by address, and puts them in front of those sorted before. */
static void sort_given(struct slab *slab) {
  struct block_set given;
  struct block *rest;
  if (slab->given < 2 || !first_free(slab, slab->given, false, &given, &rest)) return;
  link_in_order(slab, &given, slab->carved, rest);
}

/* ---- Taking and returning blocks. ---- */

/* Whether `block` lies among the slab's carved blocks. */
static bool holds(const struct slab *slab, const struct block *block) {
  return (uintptr_t)block - (uintptr_t)slab->base - slab->first < (size_t)slab->carved * slab->stride;
}

/* Whether the free block `block` leads to another one of the slab; or if it is the `last`, to the list's end. */
static bool goes_on(const struct slab *slab, const struct block *block, bool last) {
  const struct block *next = block_next(block);
  return last ? next == BLOCK_END : holds(slab, next);
}

void slab_take(struct slab *slab, uint32_t most, struct chain *chain, struct broken_link *broken) {
  sort_given(slab);
  slab->taken_ms = (uint32_t)os_now_ms();
  const uint32_t fresh = slab_room(slab), old = most < slab->free_count ? most : slab->free_count;
  carve(slab, most - old < fresh ? most - old : fresh, chain);
  struct block *const first = slab->free, *last = NULL, *next = first;
  uint32_t taken = 0;
  for (; taken < old && goes_on(slab, next, taken + 1 == slab->free_count); taken++) {
    last = next;
    next = block_next(last);
  }
  slab->free_count -= taken;
  slab->given = slab->given > taken ? slab->given - taken : 0;
  slab->free = next;
  if (taken < old) {
    *broken = broken_link_of(next, slab->free_count - 1);
    slab->free = BLOCK_END;
    slab->free_count = slab->given = 0;
  }
  if (taken == 0) return;
  block_link(last, chain->head);
  chain->head = first;
  chain->count += taken;
}

bool slab_trim_begin(struct slab *slab, uint32_t least, struct slab_tail *tail) {
  struct block_set free;
  struct block *end;
  if (slab->purging || (slab->trimmed != 0 && slab->trimmed <= least)) return false;
  slab->trimmed = least;
  if (!first_free(slab, slab->free_count, true, &free, &end)) return false;
  uint32_t kept = slab->carved, count = slab->free_count;
  while (kept > 0 && is_in(&free, kept - 1)) kept--;
  count -= slab->carved - kept;
  if (kept < slab->carved) kept++, count++;
  char *const base = (char *)align_up((uintptr_t)block_at(slab, kept), os_page_size()), *const behind = slab->base + slab->size;
  if (kept == slab->capacity || base >= behind || (size_t)(behind - base) < least) return false;
  *tail = (struct slab_tail){slab, base, (size_t)(behind - base)};
  link_in_order(slab, &free, kept, BLOCK_END);
  slab->free_count = count;
  slab->trimmed = 1;
  slab->purging = true;
  __atomic_store_n(&slab->carved, kept, __ATOMIC_RELEASE); /* before the headers are purged: slab_lost_block */
  return true;
}

void slab_trim_end(struct slab *slab) { slab->purging = false; }

bool slab_was_block(const struct slab *slab, const void *p) {
  const size_t offset = (size_t)((const char *)p - slab->base) - slab->first;
  return slab->stride != 0 && offset / slab->stride < slab->reached && offset % slab->stride == 0 && slab_block_of(slab, p) == NULL;
}

bool slab_lost_block(const struct slab *slab, const void *p) {
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
  return slab_block_of(slab, p) != p;
}

void *slab_block_of(const struct slab *slab, const void *p) {
  if ((const char *)p < slab->base + slab->first) return NULL;
  const size_t offset = (size_t)((const char *)p - slab->base) - slab->first, stride = slab->stride;
  if (stride == 0) return NULL; /* the SuperSlab was unmapped meanwhile: the block was freed long before */
  const uint32_t index = (uint32_t)(offset / stride);
  return index < __atomic_load_n(&slab->carved, __ATOMIC_RELAXED) ? block_at(slab, index) : NULL;
}

size_t large_needs(size_t requested) { return align_up(max_size(requested, 1), os_page_size()); }

size_t slab_usable(const struct slab *slab, const void *p) {
  if (slab->cls == CLASS_HUGE) return slab->size - slab->sealed * os_page_size() - (size_t)((const char *)p - slab->base);
  if (slab->cls == CLASS_LARGE) return large_needs(slab->requested) - (size_t)((const char *)p - slab->base);
  const size_t offset = (size_t)((const char *)p - slab->base) - slab->first;
  return slab->stride - offset % slab->stride - 1;
}

/* A snapshot counts while threads allocate and free: its figure is of about that moment. */
READS_RACILY uint32_t slab_count_live(const struct slab *slab) {
  if (!HAKMEM_EVENTS) return slab_used(slab);
  uint32_t live = 0;
  for (uint32_t i = 0; i < slab->carved; i++) live += header_says_live_at(block_at(slab, i), slab->cls);
  return live;
}

bool slab_is_valid(const struct slab *slab) {
  if (slab->cls >= CLASS_COUNT) return slab->requested <= slab->size;
  uint32_t free_blocks = 0;
  for (const struct block *b = slab->free; b != BLOCK_END && free_blocks <= slab->free_count; b = block_next(b)) {
    if (slab_block_of(slab, b) != b) return false;
    free_blocks++;
  }
  return free_blocks == slab->free_count && slab->free_count <= slab->carved && slab->carved <= slab->capacity && slab->given <= slab->free_count &&
         slab->first + (size_t)slab->capacity * slab->stride <= slab->size;
}

/* ---- Huge pages. ---- */

#define FULL_ASK 4u /* SuperSlabs in use; with fewer, the system calls are not worth it */

static void set_pages(struct superslab *ss, enum superslab_pages pages) {
  if (__atomic_load_n(&ss->torn, __ATOMIC_RELAXED) || __atomic_exchange_n(&ss->pages, pages, __ATOMIC_RELAXED) == pages) return;
  if (pages == PAGES_HUGE) os_prefer_huge_pages(ss->base, ss->size);
  else os_avoid_huge_pages(ss->base, ss->size);
}

READS_RACILY static bool has_many_large(const struct superslab *ss) { return __atomic_load_n(&ss->large_units, __ATOMIC_RELAXED) * 8 > (int)ss->used_units; }

static void ask(struct superslab *ss, uint32_t active, size_t least) {
  if (config.huge_pages != 0 && active >= least && !has_many_large(ss)) set_pages(ss, PAGES_HUGE);
}

void superslab_add_large(struct superslab *ss, int32_t units) {
  __atomic_add_fetch(&ss->large_units, (int16_t)units, __ATOMIC_RELAXED);
  if (units > 0 && __atomic_load_n(&ss->pages, __ATOMIC_RELAXED) == PAGES_HUGE && has_many_large(ss)) set_pages(ss, PAGES_SMALL);
}

void superslab_huge_when_new(struct superslab *ss, uint32_t active) { ask(ss, active, config.huge_pages); }
void superslab_huge_when_full(struct superslab *ss, uint32_t active) { ask(ss, active, min_size(FULL_ASK, config.huge_pages)); }
void superslab_avoid_huge_pages(struct superslab *ss) { set_pages(ss, PAGES_SMALL); }
