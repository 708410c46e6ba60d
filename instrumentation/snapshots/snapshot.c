/*
 * snapshot.c: the gauges of the statistics block: what every class holds, where the memory is, how full the slabs are, and the
 * timeline.
 *
 *   committed = sum of the buckets;   committed - untouched = what is resident of it;   residual = rss - (committed - untouched)
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "src/platform/config.h"
#include "src/platform/file.h"
#include "src/slabs/directory.h"
#include "src/modes/guard.h"
#include "src/slabs/legacy.h"
#include "src/memory/os.h"
#include "src/modes/profile.h"
#include "src/checks/records.h"
#include "src/slabs/shared_pool.h"
#include "src/threads/tls_sll.h"
#include "src/checker_hooks.h"
#include "src/probe.h"
#include "base/clock.h"
#include "base/inside.h"
#include "statistics/stats.h"
#include "statistics/stats_file.h"
#include "sites.h"
#include "snapshot.h"

#define FIRST_PERIOD_NS 10000000u /* of the timeline: 10 ms, doubled as often as needed */

/* What a walk over all slabs adds up. */
struct walk {
  bool thorough;
  uint64_t now_ms;
  uint64_t large_requested, large_bytes, large_blocks;
  uint64_t tails;
  uint64_t resident; /* of the SuperSlabs */
  uint64_t waste, pinned, pinned_slabs; /* see struct stats_profile */
  uint64_t legacy_slabs[CLASS_COUNT];   /* that are not full */
  struct stats_pins pins[CLASS_COUNT];
  uint32_t utilisation[CLASS_COUNT][STATS_UTILISATION_BINS];
};

/* The blocks in use: of a slab that other threads take from and give to meanwhile, so it may be anything. */
READS_RACILY static uint32_t used_of(const struct slab *slab) {
  const uint32_t carved = slab->carved, free_count = slab->free_count;
  return carved > free_count ? carved - free_count : 0;
}

/* A slab of small blocks, and what is free in it. */
READS_RACILY static void count_slab(struct walk *walk, struct slab *slab, uint32_t cls, uint32_t capacity) {
  const uint32_t live = walk->thorough ? slab_count_live(slab) : used_of(slab);
  walk->utilisation[cls][live < capacity ? live * 10 / capacity : 10]++;
  slab->seen_live = live;
  if (live == 0 || live >= capacity) return;
  const uint64_t waste = (uint64_t)(capacity - live) * class_stride(cls), idle_ms = slab_idle_ms(slab, walk->now_ms);
  walk->waste += waste;
  if (live * 100 > capacity * STATS_PINNED) return;
  walk->pinned += waste;
  walk->pinned_slabs++;
  struct stats_pins *pins = &walk->pins[cls];
  pins->slabs++;
  pins->free += waste;
  pins->idle_ms += idle_ms;
  if (idle_ms > pins->longest_ms) pins->longest_ms = idle_ms;
}

static void visit_legacy(struct slab *slab, void *context) {
  struct walk *walk = context;
  walk->legacy_slabs[slab->cls]++;
  count_slab(walk, slab, slab->cls, slab->capacity);
}

/*
 * Runs under the lock over the SuperSlabs, which holds every slab's units in place, but not its class's lock: a fresh slab may be
 * about to get its class, so every word is read once and believed only as far as it cannot do harm.
 */
READS_RACILY static void visit_superslab(struct superslab *ss, void *context) {
  struct walk *walk = context;
  if (walk->thorough) walk->resident += superslab_resident(ss);
  for (uint32_t u = 0; u < ss->units;) {
    struct slab *slab = &ss->slabs[u];
    if ((ss->free_mask >> u & 1) != 0 || slab->home != ss || slab->units == 0) {
      u++;
      continue;
    }
    u += slab->units;
    if (slab->cls == CLASS_LARGE) {
      walk->large_blocks++;
      walk->large_requested += slab->requested;
      walk->large_bytes += slab->size;
      continue;
    }
    const uint32_t cls = slab->cls, capacity = slab->capacity;
    if (cls >= CLASS_COUNT || capacity == 0) continue;
    walk->tails += slab->size - (uint64_t)capacity * class_stride(cls);
    count_slab(walk, slab, cls, capacity);
  }
}

READS_RACILY static void snapshot_class(struct stats_block *b, uint32_t cls) {
  struct stats_class_gauges *g = &b->gauge[cls];
  const struct stats_class_counters *c = &b->cls[cls];
  struct pool_usage pool;
  struct legacy_usage legacy;
  uint64_t allocs, frees;
  const uint64_t stride = class_stride(cls);
  pool_usage(cls, &pool);
  legacy_usage(cls, &legacy);
  g->cached_tls = sll_cached(cls, &allocs, &frees);
  g->cached_pool = pool.batched;
  g->slabs = pool.slabs + legacy.slabs;
  g->capacity = pool.capacity + legacy.capacity;
  g->active = pool.bytes + legacy.bytes;
  const uint64_t used = pool.used + legacy.used, cached = g->cached_tls + g->cached_pool;
  g->live = used > cached ? used - cached : 0;
  g->partial = g->capacity > used ? g->capacity - used : 0; /* a slab may have come between the two readings */
  g->allocated = g->live * stride;
  const double mean = c->request_samples != 0 ? (double)c->request_bytes / (double)c->request_samples : (double)stride;
  g->requested = (uint64_t)((double)g->live * mean);
}

/* ---- The kernel's view. ---- */

/* Resident bytes, and how many of these are files' pages and shared memory. */
struct resident { uint64_t all, files; };

static struct resident resident_set(void) {
  char text[128];
  struct own_file file = file_open_briefly("/proc/self/statm");
  const ssize_t n = file_read_at(&file, text, sizeof(text) - 1, 0);
  file_close(&file);
  text[n > 0 ? n : 0] = '\0';
  uint64_t pages[3] = {0}; /* of address space, resident, of these shared */
  const char *p = text;
  for (unsigned i = 0; i < ARRAY_LENGTH(pages); i++, p += *p == ' ') {
    for (; *p >= '0' && *p <= '9'; p++) pages[i] = pages[i] * 10 + (uint64_t)(*p - '0');
  }
  return (struct resident){pages[1] * os_page_size(), pages[2] * os_page_size()};
}

static uint64_t block_resident(const struct stats_block *b) {
  return os_resident((char *)align_down((uintptr_t)b, os_page_size()), align_up(sizeof(*b), os_page_size()));
}

/* ---- The timeline. ---- */

static void add_moment(struct stats_block *b, const struct stats_moment *moment) {
  if (b->timeline_period_ns == 0) b->timeline_period_ns = FIRST_PERIOD_NS;
  const uint32_t n = b->timeline_length;
  if (n > 0 && moment->time_ns < b->timeline[n - 1].time_ns + b->timeline_period_ns) return;
  if (n < STATS_TIMELINE) {
    b->timeline[n] = *moment;
    b->timeline_length = n + 1;
    return;
  }
  for (uint32_t i = 0; i < STATS_TIMELINE / 2; i++) b->timeline[i] = b->timeline[2 * i];
  b->timeline_length = STATS_TIMELINE / 2;
  b->timeline_period_ns *= 2;
}

static void keep_idlest(struct stats_block *b, const struct stats_moment *moment) {
  const uint64_t held = moment->committed < moment->rss ? moment->committed : moment->rss;
  const uint64_t idle = held > moment->allocated ? held - moment->allocated : 0;
  if (idle <= b->idlest.idle) return;
  b->idlest = (struct stats_idlest){.time_ns = moment->time_ns, .idle = idle, .allocated = moment->allocated,
                                    .committed = moment->committed, .rss = moment->rss, .buckets = b->buckets};
  memcpy(b->idlest.gauge, b->gauge, sizeof(b->gauge));
  memcpy(b->idlest_pins, b->pins, sizeof(b->pins));
}

/* ---- All of it. ---- */

static void fill_buckets(struct stats_block *b, const struct walk *walk) {
  struct units_totals totals;
  struct legacy_usage huge;
  units_totals(&totals);
  legacy_usage(CLASS_HUGE, &huge);
  struct stats_buckets buckets = {
    .live = walk->large_bytes + huge.huge_bytes, .empty = totals.dirty_bytes, .tails = walk->tails, .huge_cache = huge.kept_bytes, .guarded = guard_bytes(),
    .metadata = os_metadata_used() + directory_bytes() + record_bytes() + sites_bytes() + sizeof(struct stats_block)};
  uint64_t in_legacy = 0; /* small blocks' slabs, of which the walk over the SuperSlabs knows nothing */
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const struct stats_class_gauges *g = &b->gauge[cls];
    const uint64_t stride = class_stride(cls);
    struct legacy_usage legacy;
    legacy_usage(cls, &legacy);
    in_legacy += legacy.bytes;
    buckets.tails += legacy.bytes - legacy.capacity * stride;
    buckets.live += g->allocated;
    buckets.cached_tls += g->cached_tls * stride;
    buckets.cached_pool += g->cached_pool * stride;
    buckets.partial += g->partial * stride;
  }
  b->buckets = buckets;
  b->committed = 0;
#define ADD_BUCKET(name, text) b->committed += buckets.name;
  STATS_BUCKETS(ADD_BUCKET)
  b->mapped = os_mapped() + sizeof(struct stats_block); /* the block is among the metadata, too: committed <= mapped */
  __atomic_store_n(&b->superslabs_active, totals.active, __ATOMIC_RELAXED);
  if (!walk->thorough) return;
  /*
   * Huge blocks are taken as touched, because their owner asked for them, and legacy slabs, because they are few or nearly full. Metadata's
   * untouched part lies in the leaves and the block.
   */
  const uint64_t outside = huge.huge_bytes + huge.kept_bytes + in_legacy + buckets.metadata + buckets.guarded;
  const uint64_t in_superslabs = b->committed > outside ? b->committed - outside : 0;
  const uint64_t of_block = block_resident(b);
  const uint64_t untouched_slabs = in_superslabs > walk->resident ? in_superslabs - walk->resident : 0;
  b->untouched = untouched_slabs + (sizeof(*b) > of_block ? sizeof(*b) - of_block : 0) + directory_untouched();
}

static void fill_rows(struct stats_block *b, const struct walk *walk) {
  struct legacy_usage huge;
  legacy_usage(CLASS_HUGE, &huge);
  b->gauge[CLASS_LARGE] = (struct stats_class_gauges){
    .requested = walk->large_requested, .allocated = walk->large_bytes, .active = walk->large_bytes,
    .capacity = walk->large_blocks, .live = walk->large_blocks, .slabs = walk->large_blocks};
  b->gauge[CLASS_HUGE] = (struct stats_class_gauges){
    .requested = huge.huge_requested, .allocated = huge.huge_bytes, .active = huge.huge_bytes,
    .capacity = huge.huge_blocks, .live = huge.huge_blocks, .slabs = huge.huge_blocks};
}

static void fill_slabs(struct stats_block *b, const struct walk *walk) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    struct legacy_usage legacy;
    legacy_usage(cls, &legacy);
    memcpy(b->utilisation[cls], walk->utilisation[cls], sizeof(walk->utilisation[cls]));
    if (legacy.slabs > walk->legacy_slabs[cls]) b->utilisation[cls][STATS_UTILISATION_BINS - 1] += (uint32_t)(legacy.slabs - walk->legacy_slabs[cls]);
    b->pins[cls] = walk->pins[cls];
  }
}

static void take(struct stats_block *b, bool thorough, bool in_signal) {
  static struct walk walk BULK; /* one snapshot at a time; a thread's stack may be too small for it */
  memset(&walk, 0, sizeof(walk));
  walk.thorough = thorough;
  walk.now_ms = os_now_ms();
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) snapshot_class(b, cls);
  if (legacy_visit(in_signal, visit_legacy, &walk) && units_visit(in_signal, visit_superslab, &walk)) {
    fill_slabs(b, &walk);
    fill_rows(b, &walk);
    fill_buckets(b, &walk);
  }
  const struct resident resident = resident_set();
  b->rss = resident.all;
  if (thorough) b->rss_files = resident.files;
  b->ticks_per_second = clock_ticks_per_second();
  b->clock_cost_ns = clock_to_ns(clock_cost_ticks());
  b->elapsed_ns = stats_elapsed_ns();
  struct stats_moment moment = {.time_ns = b->elapsed_ns, .committed = b->committed, .mapped = b->mapped, .rss = b->rss};
  for (uint32_t row = 0; row < CLASS_ROWS; row++) {
    moment.requested += b->gauge[row].requested;
    moment.allocated += b->gauge[row].allocated;
    moment.active += b->gauge[row].active;
  }
  add_moment(b, &moment);
  if (profile_is_on() && !in_signal) sites_take(&moment, walk.waste, walk.pinned, walk.pinned_slabs, thorough);
  if (!thorough) keep_idlest(b, &moment); /* not at the end, when a program has freed what it had */
}

static bool taking; /* atomic: one snapshot at a time */

/* A signal handler may have interrupted the thread that is at it, so it never waits; nobody waits for ever. */
static bool begin(bool in_signal) {
  for (unsigned tries = in_signal ? 1 : 1000; tries > 0; tries--) {
    if (!__atomic_exchange_n(&taking, true, __ATOMIC_ACQUIRE)) return true;
    if (tries > 1) sys_yield();
  }
  return false;
}

void snapshot_take(bool thorough, bool in_signal) {
  const int saved = errno, cancellation = cancellation_hold();
  if (begin(in_signal)) { /* else the gauges are those of just now */
    hub_hold();
    stats_file_changing();
    take(stats_block(), thorough, in_signal);
    stats_file_changing();
    hub_release();
    __atomic_store_n(&taking, false, __ATOMIC_RELEASE);
  }
  cancellation_restore(cancellation);
  errno = saved;
}

void snapshot_fork_child(void) { __atomic_store_n(&taking, false, __ATOMIC_RELAXED); }

void snapshot_raise(void) {
  const struct stats_block *b = stats_block();
  for (uint32_t row = 0; row < CLASS_ROWS; row++) {
    const struct stats_class_gauges *g = &b->gauge[row];
    const uint64_t stride = row < CLASS_COUNT ? class_stride(row) : 0;
    if (g->slabs == 0 && b->cls[row].allocs == 0) continue;
    uint32_t utilisation[STATS_UTILISATION_BINS];
    memcpy(utilisation, b->utilisation[row], sizeof(utilisation));
    EVENT(fragmentation, .cls = row, .requested = g->requested, .allocated = g->allocated, .active = g->active,
          .cached = (g->cached_tls + g->cached_pool) * stride, .partial = g->partial * stride,
          .empty = row == 0 ? b->buckets.empty : 0, .utilisation = utilisation, .utilisation_bins = STATS_UTILISATION_BINS);
  }
}
