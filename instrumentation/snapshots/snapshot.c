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

#include "src/alloc/usage.h"
#include "src/checks/view.h"
#include "src/memory/os.h"
#include "src/modes/modes.h"
#include "src/platform/file.h"
#include "src/checker_hooks.h"
#include "src/probe.h"
#include "base/clock.h"
#include "base/inside.h"
#include "statistics/stats.h"
#include "statistics/stats_file.h"
#include "statistics/stats_pages.h"
#include "sites.h"
#include "slab_map.h"
#include "snapshot.h"

#define THREAD_NAMED 65536u       /* bytes; the name of a thread that keeps less is not read */
#define WALK_LONG_NS 1000000u     /* a longer walk over the slabs, as in heaps of some GiB, delays the next scheduled snapshot: */
#define WALK_PART 100u            /* by the walk's length times this */
#define NAMES_AT_ONCE 4u          /* names that a scheduled snapshot reads at most */
#define NAMES_AGAIN 8u            /* every 8th scheduled snapshot also reads one name that is known: a thread may have changed it */
#define FIRST_PERIOD_NS 10000000u /* of the timeline: 10 ms, doubled as needed */

static uint64_t above(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

/* The sums of a walk over all slabs. */
struct walk {
  uint64_t now_ms;
  struct stats_map *map; /* NULL: none is due */
  uint64_t large_requested, large_bytes, large_blocks;
  uint64_t tails;
  uint64_t between;                     /* bytes of units that are neither free nor in a slab */
  uint64_t waste, pinned, pinned_slabs; /* see struct stats_profile */
  struct stats_pins pins[CLASS_COUNT];
  uint32_t utilisation[CLASS_COUNT][STATS_UTILISATION_BINS];
};

/* Counts a slab of small blocks and its free bytes. */
static void count_slab(struct walk *walk, const struct slab_view *slab) {
  const uint32_t cls = slab->cls, live = slab->live, capacity = slab->capacity;
  walk->tails += slab->size - (uint64_t)capacity * slab->stride;
  walk->utilisation[cls][live < capacity ? live * 10 / capacity : 10]++;
  if (live == 0 || live >= capacity) return;
  const uint64_t waste = (uint64_t)(capacity - live) * slab->stride, idle_ms = view_idle_ms(slab, walk->now_ms);
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

static void visit(const struct slab_view *slab, void *context) {
  struct walk *walk = context;
  if (walk->map != NULL) slab_map_add(walk->map, stats_block(), slab, walk->now_ms);
  if (slab->cls < CLASS_COUNT) {
    count_slab(walk, slab);
  } else if (slab->cls == CLASS_LARGE) {
    walk->large_blocks++;
    walk->large_requested += slab->bytes;
    walk->large_bytes += slab->size;
  } else {
    walk->between += slab->size;
  }
}

/* READS_RACILY: other threads count requests at the same time. */
READS_RACILY static void snapshot_class(struct stats_block *b, uint32_t cls) {
  struct stats_class_gauges *g = &b->gauge[cls];
  const struct stats_class_counters *c = &b->cls[cls];
  const struct class_usage usage = usage_of_class(cls);
  const uint64_t stride = class_stride(cls);
  g->cached_tls = usage.listed;
  g->cached_pool = usage.batched;
  g->slabs = usage.slabs;
  g->capacity = usage.capacity;
  g->active = usage.bytes;
  g->live = usage.live;
  g->partial = usage.partial;
  g->allocated = g->live * stride;
  const double mean = c->request_samples != 0 ? (double)c->request_bytes / (double)c->request_samples : (double)stride;
  g->requested = (uint64_t)((double)g->live * mean);
}

/* ---- The kernel's view. ---- */

/* Resident bytes, and the part of them in pages of files and shared memory. */
struct resident {
  uint64_t all, files;
};

static struct resident resident_set(void) {
  char text[128];
  struct own_file file = file_open_process("statm");
  const ssize_t n = file_read_at(&file, text, sizeof(text) - 1, 0);
  file_close(&file);
  text[n > 0 ? n : 0] = '\0';
  uint64_t pages[3] = {0}; /* address space, resident, shared */
  const char *p = text;
  for (unsigned i = 0; i < ARRAY_LENGTH(pages); i++, p += *p == ' ') {
    for (; *p >= '0' && *p <= '9'; p++) pages[i] = pages[i] * 10 + (uint64_t)(*p - '0');
  }
  return (struct resident){pages[1] * os_page_size(), pages[2] * os_page_size()};
}

uint64_t snapshot_resident(void) { return resident_set().all; }

/*
 * The part of the block that has memory. Most of its tables are never touched in most processes. The file's last writing has asked the kernel already; to ask
 * again takes a quarter of a scheduled snapshot.
 */
static uint64_t block_resident(const struct stats_block *b, bool thorough) {
  const uint64_t known = thorough ? 0 : pages_resident();
  if (known != 0) return known;
  const uint64_t bytes = os_resident((char *)align_down((uintptr_t)b, os_page_size()), align_up(sizeof(*b), os_page_size()));
  return bytes < sizeof(*b) ? bytes : sizeof(*b);
}

/* ---- Threads. ---- */

/* "/proc/self/task/123/comm"; the name stays as it was if the thread has ended meanwhile. */
static void read_thread_name(struct stats_thread *t) {
  char path[48] = "/proc/self/task/", digits[12];
  size_t length = strlen(path), n = 0;
  for (uint32_t left = t->tid; left > 0; left /= 10) digits[n++] = (char)('0' + left % 10);
  while (n > 0) path[length++] = digits[--n];
  strcpy(path + length, "/comm");
  char name[STATS_THREAD_NAME] = "";
  struct own_file file = file_open_briefly(path);
  const ssize_t got = file_read_at(&file, name, sizeof(name) - 1, 0);
  file_close(&file);
  if (got <= 0) return;
  name[name[got - 1] == '\n' ? got - 1 : got] = '\0';
  memcpy(t->name, name, sizeof(name));
}

static void take_known_name(struct stats_thread *t, const struct stats_threads *known) {
  for (uint32_t i = 0; i < STATS_THREADS; i++) {
    if (known->row[i].tid == t->tid) memcpy(t->name, known->row[i].name, sizeof(t->name));
  }
}

/* A name takes six system calls. So a scheduled snapshot reads only a few new ones, and the names of many threads appear one snapshot after the other. */
static void fill_threads(struct stats_block *b, uint64_t now_ms, bool thorough) {
  static struct thread_usage rows[STATS_THREADS] BULK; /* as `walk` */
  static struct stats_threads before BULK;
  static uint32_t snapshots;
  const uint32_t number = snapshots++, again = number % NAMES_AGAIN == 0 ? number / NAMES_AGAIN % STATS_THREADS : STATS_THREADS;
  uint32_t reads = thorough ? STATS_THREADS : NAMES_AT_ONCE;
  memset(rows, 0, sizeof(rows));
  before = b->threads;
  memset(&b->threads, 0, sizeof(b->threads));
  b->threads.count = usage_of_threads(rows, STATS_THREADS);
  for (uint32_t i = 0; i < STATS_THREADS && rows[i].bytes > 0; i++) {
    struct stats_thread *const t = &b->threads.row[i];
    *t = (struct stats_thread){.tid = rows[i].tid, .idle_ms = (uint32_t)above(now_ms, rows[i].seen_ms), .bytes = rows[i].bytes};
    if (t->tid == 0 || t->bytes < THREAD_NAMED) continue;
    take_known_name(t, &before);
    if (reads == 0 || !(thorough || t->name[0] == '\0' || i == again)) continue;
    read_thread_name(t);
    reads--;
  }
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

/* READS_RACILY: other threads count at the same time. */
READS_RACILY static void add_heat(struct stats_heat *heat, uint64_t time_ns) {
  if (heat->period_ns == 0) heat->period_ns = FIRST_PERIOD_NS;
  if (heat->length > 0 && time_ns < heat->column[heat->length - 1].time_ns + heat->period_ns) return;
  if (heat->length == STATS_HEAT) {
    for (uint32_t i = 0; i < STATS_HEAT / 2; i++) heat->column[i] = heat->column[2 * i + 1];
    heat->length = STATS_HEAT / 2;
    heat->period_ns *= 2;
  }
  heat->column[heat->length].time_ns = time_ns;
  heat->column[heat->length++].counts = heat->now;
}

static void keep_idlest(struct stats_block *b, const struct stats_moment *moment) {
  const uint64_t held = moment->committed < moment->rss ? moment->committed : moment->rss;
  const uint64_t idle = held > moment->allocated ? held - moment->allocated : 0;
  if (idle <= b->idlest.idle) return;
  b->idlest = (struct stats_idlest){
    .time_ns = moment->time_ns, .idle = idle, .allocated = moment->allocated, .committed = moment->committed, .rss = moment->rss, .buckets = b->buckets};
  memcpy(b->idlest.gauge, b->gauge, sizeof(b->gauge));
  memcpy(b->idlest_pins, b->pins, sizeof(b->pins));
  b->idlest_threads = b->threads;
}

/* ---- The snapshot. ---- */

/*
 * Huge blocks count as touched, because their owner asked for them. So do legacy slabs, which are few or nearly full. The untouched metadata lies
 * in the leaves.
 */
static void fill_untouched(struct stats_block *b, const struct heap_usage *heap, enum view_lock lock) {
  uint64_t resident, of_directory;
  if (!usage_ask_kernel(lock, &resident, &of_directory)) return;
  const uint64_t outside = heap->huge_bytes + heap->huge_kept + heap->legacy_bytes + b->buckets.metadata + heap->guarded;
  b->untouched = above(above(b->committed, outside), resident) + of_directory;
  b->untouched_ns = b->snapshot_ns;
}

static void fill_buckets(struct stats_block *b, const struct walk *walk, const struct heap_usage *heap, bool thorough) {
  struct stats_buckets buckets = {.live = walk->large_bytes + heap->huge_bytes,
                                  .empty = heap->dirty_bytes + walk->between,
                                  .tails = walk->tails,
                                  .huge_cache = heap->huge_kept,
                                  .guarded = heap->guarded,
                                  .metadata = heap->metadata + (b->sites_bytes = sites_bytes()) + block_resident(b, thorough)};
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const struct stats_class_gauges *g = &b->gauge[cls];
    const uint64_t stride = class_stride(cls);
    buckets.live += g->allocated;
    buckets.cached_tls += g->cached_tls * stride;
    buckets.cached_pool += g->cached_pool * stride;
    buckets.partial += g->partial * stride;
  }
  b->buckets = buckets;
  b->committed = 0;
#define ADD_BUCKET(name, text) b->committed += buckets.name;
  STATS_BUCKETS(ADD_BUCKET)
  b->mapped = heap->mapped + sizeof(struct stats_block); /* metadata includes a part of the block: so committed <= mapped */
  __atomic_store_n(&b->superslabs_active, (uint32_t)heap->superslabs, __ATOMIC_RELAXED);
}

static void fill_rows(struct stats_block *b, const struct walk *walk, const struct heap_usage *heap) {
  b->gauge[CLASS_LARGE] = (struct stats_class_gauges){.requested = walk->large_requested,
                                                      .allocated = walk->large_bytes,
                                                      .active = walk->large_bytes,
                                                      .capacity = walk->large_blocks,
                                                      .live = walk->large_blocks,
                                                      .slabs = walk->large_blocks};
  b->gauge[CLASS_HUGE] = (struct stats_class_gauges){.requested = heap->huge_requested,
                                                     .allocated = heap->huge_bytes,
                                                     .active = heap->huge_bytes,
                                                     .capacity = heap->huge_blocks,
                                                     .live = heap->huge_blocks,
                                                     .slabs = heap->huge_blocks};
}

static void fill_slabs(struct stats_block *b, const struct walk *walk) {
  memcpy(b->utilisation, walk->utilisation, sizeof(walk->utilisation));
  memcpy(b->pins, walk->pins, sizeof(walk->pins));
}

static uint64_t walk_ns; /* atomic; processor time of the last scheduled walk */

uint64_t snapshot_pause_ms(void) {
  const uint64_t ns = __atomic_load_n(&walk_ns, __ATOMIC_RELAXED);
  return ns > WALK_LONG_NS ? ns * WALK_PART / 1000000 : 0;
}

static void take(struct stats_block *b, bool thorough, bool in_signal) {
  static struct walk walk BULK; /* one snapshot at a time; static, because a thread's stack may be too small */
  memset(&walk, 0, sizeof(walk));
  walk.now_ms = os_now_ms();
  const enum view_lock lock = in_signal ? VIEW_TRY : VIEW_WAIT;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) snapshot_class(b, cls);
  const bool sites = MODE(profile) && !in_signal;
  walk.map = slab_map_begin(b, thorough, sites ? sites_wait_ns() : 0);
  const uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  if (view_each_held(thorough ? VIEW_BY_HEADERS : VIEW_USED, lock, visit, &walk)) {
    const struct heap_usage heap = usage_of_heap();
    if (walk.map != NULL) slab_map_end(b, walk.map);
    b->snapshot_ns = stats_elapsed_ns();
    fill_slabs(b, &walk);
    fill_rows(b, &walk, &heap);
    fill_buckets(b, &walk, &heap, thorough);
    if (thorough) fill_untouched(b, &heap, lock);
  } else {
    walk.map = NULL;
  }
  if (!thorough) __atomic_store_n(&walk_ns, clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns, __ATOMIC_RELAXED);
  fill_threads(b, walk.now_ms, thorough);
  const struct resident resident = resident_set();
  b->rss = resident.all;
  if (thorough) b->rss_files = resident.files;
  b->rss_max = stats_rss_max();
  b->ticks_per_second = clock_ticks_per_second();
  b->clock_cost_ns = clock_to_ns(clock_cost_ticks());
  const uint64_t elapsed_ns = stats_elapsed_ns();
  __atomic_store_n(&b->elapsed_ns, elapsed_ns, __ATOMIC_RELAXED); /* so does a thread that writes the file */
  b->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  struct stats_moment moment = {.time_ns = elapsed_ns, .committed = b->committed, .mapped = b->mapped, .rss = b->rss, .buckets = b->buckets};
  for (uint32_t row = 0; row < CLASS_ROWS; row++) {
    moment.requested += b->gauge[row].requested;
    if (row < CLASS_COUNT) moment.requested_variance += stats_requested_variance(&b->cls[row], b->gauge[row].live, class_stride(row));
    moment.allocated += b->gauge[row].allocated;
    moment.active += b->gauge[row].active;
  }
  add_moment(b, &moment);
  add_heat(&b->heat, elapsed_ns);
  if (sites) sites_take(&moment, walk.waste, walk.pinned, walk.pinned_slabs, walk.map, thorough);
  if (!thorough) keep_idlest(b, &moment); /* not at the end, after the program has freed its blocks */
}

static bool taking; /* atomic: one snapshot at a time */

/* A signal handler may interrupt the thread that takes a snapshot, so it never waits. Others wait for a limited time. */
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
    struct stats_block *const b = stats_block();
    hub_hold();
    stats_file_changing(b);
    take(b, thorough, in_signal);
    stats_file_changing(b);
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
          .cached = (g->cached_tls + g->cached_pool) * stride, .partial = g->partial * stride, .empty = row == 0 ? b->buckets.empty : 0,
          .utilisation = utilisation, .utilisation_bins = STATS_UTILISATION_BINS);
  }
}
