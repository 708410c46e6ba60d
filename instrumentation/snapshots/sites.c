/*
 * sites.c: the live heap by allocation site (HAKMEM_PROFILE), from the records of the sampled blocks: a table of stacks and classes in the
 * statistics block. Each snapshot makes a new table.
 *
 *   a record stands for w = 1 / chance blocks (profile.h)
 *   the variance of a sum over such records = sum of w * (w - 1) * figure^2 (D. G. Horvitz, D. J. Thompson, 1952)
 *   its share of its slab's waste = w * free bytes of the slab / blocks in use of the slab
 *   sum of the shares = free bytes of all slabs with blocks in use, on average; exactly, if all blocks are recorded
 *
 * Guarded blocks have records of their own, each standing for itself.
 */
#include <string.h>

#include "src/checks/view.h"
#include "src/modes/guard.h"
#include "src/memory/os.h"
#include "src/checks/records.h"
#include "base/clock.h"
#include "stacks/stacks.h"
#include "statistics/stats.h"
#include "sites.h"
#include "slab_sites.h"

#define SLOTS 8192u     /* 3/4 of it are used; further sites enter the rest */
#define COST_SHARE 100u /* scheduled tables take at most one part in this number of the time */

struct figures {
  STATS_SITE_FIGURES(STATS_ESTIMATE)
};

struct site {
  uint32_t stack, cls; /* CLASS_NONE: an empty slot */
  uint32_t oldest_ms;
  struct figures f;
};

static struct site *table; /* open-addressed; one snapshot at a time uses it */
#define TABLE_BYTES align_up(SLOTS * sizeof(*table), os_page_size())
static uint32_t used;
static struct site rest;
static uint32_t rest_count;
static uint16_t order[SLOTS] BULK; /* used slots of the table */
static uint32_t now_ms;
static uint64_t next_ns;   /* when the schedule may make the next table */
static uint64_t most_idle; /* idle bytes of the snapshot that PROFILE_IDLEST keeps */
static uint64_t is_published[STACK_IDS / 64 + 1] BULK;

/* ---- From records to sites. ---- */

static struct site *site_of(uint32_t stack, uint32_t cls) {
  uint32_t i = (stack * 2654435761u ^ cls * 40503u) % SLOTS;
  for (; table[i].cls != CLASS_NONE; i = (i + 1) % SLOTS) {
    if (table[i].stack == stack && table[i].cls == cls) return &table[i];
  }
  if (used >= SLOTS / 4 * 3) {
    rest_count++; /* counts blocks: the sites among them cannot be told apart */
    return &rest;
  }
  order[used++] = (uint16_t)i;
  table[i] = (struct site){.stack = stack, .cls = cls};
  return &table[i];
}

/* While its stripe's lock is held, a live record keeps its block live, and so its slab in place. Other blocks of the slab come and go meanwhile. */
static void add_record(struct record *record, void *map) {
  if (record->freed) return;
  struct slab_view slab;
  const bool in_slab = view_of(record->block, &slab);
  const uint32_t cls = in_slab ? slab.cls : view_row(record->requested), age = now_ms - record->alloc_ms;
  const bool small = cls < CLASS_COUNT;
  if (map != NULL && in_slab) slab_sites_add(map, &slab, record->alloc_stack);
  const double weight = record->weight, age_ms = (int32_t)age > 0 ? weight * age : 0;
  const double variance = weight * (weight - 1);
  struct site *site = site_of(record->alloc_stack, cls);
  struct figures *f = &site->f;
  f->samples++;
  const double size = small ? class_stride(cls) : in_slab ? (double)slab.size : (double)record->requested;
  f->blocks += weight;
  f->requested += weight * (double)record->requested;
  f->allocated += weight * size;
  f->blocks_variance += variance;
  f->allocated_variance += variance * size * size;
  f->age_ms += age_ms;
  if ((int32_t)age > 0 && age > site->oldest_ms) site->oldest_ms = age;
  if (!small || !in_slab || slab.live == 0 || slab.live >= slab.capacity) return;
  const double of_block = (double)(slab.capacity - slab.live) * class_stride(cls) / slab.live, share = weight * of_block;
  f->waste += share;
  f->waste_variance += variance * of_block * of_block;
  if (slab.live * 100 > slab.capacity * STATS_PINNED) return;
  f->pinned += share;
  f->pinned_variance += variance * of_block * of_block;
  f->pins += weight;
  f->pin_age_ms += age_ms;
}

/* ---- From sites to the statistics block. ---- */

static double rank(const struct site *site) { return site->f.allocated + site->f.waste; }

/* The largest first. Shell's sort, because qsort may allocate. */
static void sort(void) {
  uint32_t gap = 1;
  while (gap < used / 3) gap = 3 * gap + 1;
  for (; gap > 0; gap /= 3) {
    for (uint32_t i = gap; i < used; i++) {
      const uint16_t moved = order[i];
      uint32_t k = i;
      for (; k >= gap && rank(&table[order[k - gap]]) < rank(&table[moved]); k -= gap) order[k] = order[k - gap];
      order[k] = moved;
    }
  }
}

static void add_figures(struct site *to, const struct site *from) {
#define ADD_FIGURE(name, text) to->f.name += from->f.name;
  STATS_SITE_FIGURES(ADD_FIGURE)
  if (to->oldest_ms < from->oldest_ms) to->oldest_ms = from->oldest_ms;
}

static void write_site(struct stats_site *to, const struct site *from) {
  *to = (struct stats_site){.stack = from->stack, .cls = from->cls, .oldest_ms = from->oldest_ms};
#define WRITE_FIGURE(name, text) to->name = from->f.name;
  STATS_SITE_FIGURES(WRITE_FIGURE)
}

static void publish(uint32_t stack) {
  if (stack == 0 || stack > STACK_IDS || (is_published[stack / 64] >> stack % 64 & 1) != 0) return;
  is_published[stack / 64] |= (uint64_t)1 << stack % 64;
  stacks_publish(stack);
}

/* The table of the block that keeps no moment. */
static uint32_t free_place(const struct stats_block *b) {
  for (uint32_t place = 1;; place++) {
    bool taken = false;
    for (unsigned moment = 0; moment < PROFILE_MOMENTS; moment++) taken = taken || b->profile_at[moment] == place;
    if (!taken) return place;
  }
}

static void write_sites(struct stats_profile *to) {
  sort();
  to->site_count = used < STATS_SITES ? used : STATS_SITES;
  for (uint32_t i = 0; i < used; i++) {
    const struct site *site = &table[order[i]];
    if (i < STATS_SITES) {
      write_site(&to->sites[i], site);
      publish(site->stack);
    } else {
      add_figures(&rest, site);
      rest_count++;
    }
  }
  write_site(&to->rest, &rest);
  to->rest_count = rest_count;
}

static void keep(struct stats_block *b, enum stats_profile_moment moment, uint32_t place) { __atomic_store_n(&b->profile_at[moment], place, __ATOMIC_RELEASE); }

/* Empties the table. False if memory runs out. */
static bool begin(void) {
  if (table == NULL) {
    int error;
    table = os_map(TABLE_BYTES, os_page_size(), &error);
    if (table == NULL) return false;
    for (uint32_t i = 0; i < SLOTS; i++) table[i].cls = CLASS_NONE;
  }
  for (uint32_t i = 0; i < used; i++) table[order[i]].cls = CLASS_NONE;
  used = rest_count = 0;
  rest = (struct site){.cls = CLASS_NONE};
  now_ms = (uint32_t)os_now_ms();
  return true;
}

uint64_t sites_wait_ns(void) {
  const uint64_t now = clock_ns(CLOCK_MONOTONIC);
  return now < next_ns ? next_ns - now : 0;
}

static void add_guarded(const struct record *record, void *map) {
  struct record copy = *record;
  add_record(&copy, map);
}

/* The call sites of the map's slabs, and their stacks: after those of the table, because the block has room for STATS_STACKS. */
static void end_map(struct stats_map *map, uint64_t time_ns) {
  slab_sites_end(map);
  for (uint32_t i = 0; i < map->slab_count; i++) publish(map->slab[i].stack);
  map->sampled_ns = time_ns;
}

void sites_take(const struct stats_moment *moment, uint64_t waste, uint64_t pinned, uint64_t pinned_slabs, struct stats_map *map, bool now) {
  const uint64_t start = clock_ns(CLOCK_MONOTONIC);
  if ((!now && start < next_ns) || !begin()) return;
  const uint64_t own_start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  if (map != NULL && !slab_sites_begin(map)) map = NULL;
  record_each(add_record, map);
  guard_each(add_guarded, NULL);
  struct stats_block *b = stats_block();
  const uint32_t place = free_place(b);
  struct stats_profile *to = &b->profiles[place - 1];
  to->time_ns = moment->time_ns;
  to->allocated = moment->allocated;
  to->waste = waste;
  to->pinned = pinned;
  to->pinned_slabs = pinned_slabs;
  write_sites(to);
  if (map != NULL) end_map(map, moment->time_ns);
  const uint32_t peak = b->profile_at[PROFILE_PEAK];
  const uint64_t held = moment->committed < moment->rss ? moment->committed : moment->rss;
  const uint64_t idle = held > moment->allocated ? held - moment->allocated : 0;
  if (peak == 0 || moment->allocated > b->profiles[peak - 1].allocated) keep(b, PROFILE_PEAK, place);
  if (!now && idle > most_idle) {
    most_idle = idle;
    keep(b, PROFILE_IDLEST, place);
  }
  keep(b, PROFILE_LAST, place);
  const uint64_t end = clock_ns(CLOCK_MONOTONIC);
  const uint64_t own = clock_ns(CLOCK_THREAD_CPUTIME_ID) - own_start; /* without what other threads and processes got meanwhile */
  next_ns = end + COST_SHARE * (own < end - start ? own : end - start);
}

size_t sites_bytes(void) { return (table != NULL ? TABLE_BYTES : 0) + slab_sites_bytes(); }

/* The child has a new block. */
void sites_fork_child(void) {
  memset(is_published, 0, sizeof(is_published));
  most_idle = 0;
}
