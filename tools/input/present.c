/*
 * The process goes on meanwhile, or was stopped in the middle of anything. So each address may lead nowhere, each count be any number, and each list be a
 * circle: every loop has a bound, every difference stops at 0, and what cannot be read is an error.
 *
 * The figures are those of instrumentation/snapshots/snapshot.c, and are made in the same way.
 */
#include "present.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/platform/base.h"
#include "common/memory.h"
#include "process.h"

#define READINGS 20      /* of the block of a process that changes it all the time */
#define WAIT_NS 1000000L /* which takes less than that for a change */
#define WALKS 3
#define STEP_MAX 65536u /* bytes of a structure */
#define THREADS_MAX 100000u
#define SUPERSLABS_MAX (1u << 20)
#define UNITS_MAX 64u
#define LEAVES_MAX 65536u

/* What the structures say, added up. */
struct sums {
  uint64_t listed[CLASS_COUNT];
  struct operations {
    uint64_t allocs, frees;
  } unpublished[CLASS_COUNT];
  uint64_t tails, between, legacy_bytes;
  uint64_t large_blocks, large_requested, large_bytes;
  uint64_t in_superslabs, directory_untouched; /* bytes with memory behind them; without */
  struct stats_pins pins[CLASS_COUNT];
  uint32_t utilisation[CLASS_COUNT][STATS_UTILISATION_BINS];
};

struct reader {
  struct process process;
  struct stats_block *block; /* which is being filled */
  const struct layout *layout;
  uint64_t now_ms;
  uint64_t legacy_seen;  /* slabs in lists of legacy, of all classes: lists that are circles must not add up */
  struct stats_map *map; /* of now */
  struct sums sums;
};

static uint64_t above(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }
static uint64_t address_of(const void *at) { return (uint64_t)(uintptr_t)at; }

static uint64_t clock_of(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- Numbers and members. ---- */

static uint64_t number_in(const char *bytes, uint64_t size) {
  uint64_t number = 0;
  if (size <= sizeof(number)) memcpy(&number, bytes, size);
  return number;
}

/* A member of the structure at `bytes`, of which there are `size`; 0 if it is not in there. */
static uint64_t member(const char *bytes, size_t size, struct layout_member m, uint64_t offset) {
  const uint64_t at = offset + m.offset;
  return m.size <= sizeof(uint64_t) && at + m.size <= size ? number_in(bytes + at, m.size) : 0;
}

static int number_at(const struct reader *r, struct layout_number n, uint64_t *number) {
  char bytes[sizeof(*number)] = {0};
  const int error = n.size <= sizeof(bytes) ? process_read(&r->process, address_of(n.at), bytes, n.size) : EINVAL;
  *number = number_in(bytes, sizeof(bytes));
  return error;
}

/* Reads a structure of `size` bytes, or several; the caller frees it. */
static int structure_at(const struct reader *r, uint64_t address, uint64_t size, uint64_t count, char **bytes) {
  *bytes = NULL;
  if (size == 0 || size > STEP_MAX || count == 0 || count > UNITS_MAX + CLASS_COUNT) return EINVAL;
  *bytes = must_allocate(size * count);
  return process_read(&r->process, address, *bytes, size * count);
}

/* ---- Threads' lists. ---- */

/* Steps since a budget was armed; not those of one that is being collected. */
static int64_t steps(const struct layout_lists *l, uint64_t armed, uint64_t budget) {
  const int32_t from = (int32_t)(uint32_t)armed, to = (int32_t)(uint32_t)budget;
  return to > l->claimed || from < 0 ? (int64_t)from - to : 0;
}

/* Puts the lists into their place among the largest; the smallest of these gives way. */
static void add_thread(struct reader *r, const char *cache, uint64_t bytes) {
  const struct layout_lists *const l = &r->layout->lists;
  struct stats_threads *const t = &r->block->threads;
  const uint32_t kept = t->count < STATS_THREADS ? t->count : STATS_THREADS;
  const uint64_t seen_ms = member(cache, l->size, l->seen_ms, 0), idle_ms = r->now_ms > seen_ms ? r->now_ms - seen_ms : 0;
  const bool owned = member(cache, l->size, l->owned, 0) != 0;
  uint32_t at = kept;
  t->count++;
  for (; at > 0 && t->row[at - 1].bytes < bytes; at--) {
    if (at < STATS_THREADS) t->row[at] = t->row[at - 1];
  }
  if (at == STATS_THREADS || bytes == 0) return;
  t->row[at] = (struct stats_thread){
    .tid = owned ? (uint32_t)member(cache, l->size, l->tid, 0) : 0, .idle_ms = (uint32_t)(idle_ms < UINT32_MAX ? idle_ms : UINT32_MAX), .bytes = bytes};
}

static void add_lists(struct reader *r, const char *cache) {
  const struct layout_lists *const l = &r->layout->lists;
  uint64_t bytes = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const uint64_t budget = (uint64_t)cls * l->budget_step, state = (uint64_t)cls * l->state_step;
    const int64_t pops = steps(l, member(cache, l->size, l->alloc_armed, state), member(cache, l->size, l->alloc, budget));
    const int64_t pushes = steps(l, member(cache, l->size, l->free_armed, state), member(cache, l->size, l->free, budget));
    const int64_t length = (int64_t)(uint32_t)member(cache, l->size, l->length, state) + pushes - pops;
    if (pops > 0) r->sums.unpublished[cls].allocs += (uint64_t)pops;
    if (pushes > 0) r->sums.unpublished[cls].frees += (uint64_t)pushes;
    const uint64_t listed = (length > 0 ? (uint64_t)length : 0) + (uint32_t)member(cache, l->size, l->spare_count, state);
    r->sums.listed[cls] += listed;
    bytes += listed * class_stride(cls);
  }
  add_thread(r, cache, bytes);
}

static int take_lists(struct reader *r) {
  const struct layout_lists *const l = &r->layout->lists;
  char *retired;
  uint64_t at;
  int error = structure_at(r, address_of(r->layout->retired.at), sizeof(uint32_t), CLASS_COUNT, &retired);
  for (uint32_t cls = 0; cls < CLASS_COUNT && error == 0; cls++) r->sums.listed[cls] = number_in(retired + cls * sizeof(uint32_t), sizeof(uint32_t));
  free(retired);
  if (error == 0) error = number_at(r, l->first, &at);
  memset(&r->block->threads, 0, sizeof(r->block->threads));
  for (uint32_t i = 0; error == 0 && at != 0 && i < THREADS_MAX; i++) {
    char *cache;
    error = structure_at(r, at, l->size, 1, &cache);
    if (error == 0) {
      add_lists(r, cache);
      at = member(cache, l->size, l->next, 0);
    }
    free(cache);
  }
  for (uint32_t i = 0; error == 0 && i < STATS_THREADS && r->block->threads.row[i].bytes > 0; i++) {
    process_thread_name(&r->process, r->block->threads.row[i].tid, r->block->threads.row[i].name);
  }
  return error;
}

/* ---- Slabs. ---- */

/* A slab of small blocks: how full it is. */
static void add_small(struct reader *r, const char *slab) {
  const struct layout_slabs *const l = &r->layout->slabs;
#define SLAB(name) ((uint32_t)member(slab, l->slab_size, l->name, 0))
  const uint32_t cls = SLAB(cls), carved = SLAB(carved), free_count = SLAB(free_count), capacity = SLAB(capacity);
  if (cls >= CLASS_COUNT || capacity == 0) return;
  const uint32_t used = carved > free_count ? carved - free_count : 0, live = used < capacity ? used : capacity;
  r->sums.utilisation[cls][live < capacity ? live * 10 / capacity : 10]++;
  if (live == 0 || live * 100 > capacity * STATS_PINNED) return;
  struct stats_pins *const pins = &r->sums.pins[cls];
  const uint32_t since = (uint32_t)r->now_ms - SLAB(taken_ms), idle_ms = since < INT32_MAX ? since : 0;
  pins->slabs++;
  pins->free += (uint64_t)(capacity - live) * class_stride(cls);
  pins->idle_ms += idle_ms;
  if (idle_ms > pins->longest_ms) pins->longest_ms = idle_ms;
}

static void add_to_map(struct reader *r, const char *slab, uint64_t unit) {
  const struct layout_slabs *const l = &r->layout->slabs;
  struct stats_map *const map = r->map;
  const uint32_t cls = SLAB(cls), carved = SLAB(carved), free_count = SLAB(free_count), since = (uint32_t)r->now_ms - SLAB(taken_ms);
  const bool small = cls < CLASS_COUNT;
  map->slabs++;
  if (map->superslab_count == 0 || map->superslab_count < map->superslabs || map->slab_count == STATS_MAP_SLABS) return;
  map->slab[map->slab_count++] = (struct stats_slab){.superslab = (uint16_t)(map->superslab_count - 1),
                                                     .unit = (uint8_t)unit,
                                                     .units = (uint8_t)SLAB(units),
                                                     .cls = (uint16_t)cls,
                                                     .live = (uint16_t)(small ? above(carved, free_count) : 1),
                                                     .capacity = (uint16_t)(small ? SLAB(capacity) : 1),
                                                     .idle_ms = small && since < INT32_MAX ? since : 0};
}

/* A run of units of a SuperSlab: a slab, a large block, or what is on its way from one to the other. Returns its units. */
static uint32_t add_run(struct reader *r, const char *slab, uint64_t base) {
  const struct layout_slabs *const l = &r->layout->slabs;
  const uint32_t cls = SLAB(cls), units = SLAB(units) <= UNITS_MAX ? SLAB(units) : UNITS_MAX;
  const uint64_t whole = units * UNIT_SIZE, said = member(slab, l->slab_size, l->size, 0), size = said < whole ? said : whole;
  r->sums.in_superslabs += process_resident(&r->process, base, size);
  if (cls < CLASS_COUNT) {
    add_small(r, slab);
  } else if (cls == CLASS_LARGE) {
    r->sums.large_blocks++;
    r->sums.large_requested += member(slab, l->slab_size, l->requested, 0);
    r->sums.large_bytes += size;
  } else {
    r->sums.between += size;
  }
  return units;
}

static int add_superslab(struct reader *r, uint64_t address, const char *head) {
  const struct layout_units *const l = &r->layout->units;
  const struct layout_slabs *const s = &r->layout->slabs;
  const uint64_t base = member(head, l->head_size, l->base, 0), count = member(head, l->head_size, l->units, 0);
  const uint64_t free_mask = member(head, l->head_size, l->free_mask, 0), gone_mask = member(head, l->head_size, l->gone_mask, 0);
  if (count == 0 || count > UNITS_MAX) return EINVAL;
  char *slabs;
  const int error = structure_at(r, address + l->head_size, s->slab_size, count, &slabs);
  if (r->map->superslabs++ < STATS_MAP_SUPERSLABS) r->map->base[r->map->superslab_count++] = base;
  for (uint64_t u = 0, units; u < count && error == 0; u += units) {
    const char *const slab = slabs + u * s->slab_size;
    const bool taken = ((free_mask | gone_mask) >> u & 1) == 0 && member(slab, s->slab_size, s->home, 0) == address &&
                       member(slab, s->slab_size, s->units, 0) != 0;
    if (taken) add_to_map(r, slab, u);
    units = taken ? add_run(r, slab, base + u * UNIT_SIZE) : 1;
    if ((free_mask >> u & 1) != 0) r->sums.in_superslabs += process_resident(&r->process, base + u * UNIT_SIZE, UNIT_SIZE);
  }
  free(slabs);
  return error;
}

/* Walks over the list. *whole: as many were met as there are, so most likely each of them once. */
static int walk_superslabs(struct reader *r, bool *whole) {
  const struct layout_units *const l = &r->layout->units;
  uint64_t at, active = 0, met = 0;
  int error = number_at(r, l->first, &at);
  if (error == 0) error = number_at(r, l->active, &active);
  for (; error == 0 && at != 0 && met <= active && met < SUPERSLABS_MAX; met++) {
    char *head;
    error = structure_at(r, at, l->head_size, 1, &head);
    if (error == 0) error = add_superslab(r, at, head);
    if (error == 0) at = member(head, l->head_size, l->next, 0);
    free(head);
  }
  *whole = error == 0 && at == 0 && met == active;
  return error;
}

/* Again, if SuperSlabs moved in the list meanwhile. */
static int take_superslabs(struct reader *r) {
  const struct sums before = r->sums;
  bool whole = false;
  int error = 0;
  for (unsigned i = 0; i < WALKS && error == 0 && !whole; i++) {
    r->sums = before;
    r->map->superslabs = r->map->superslab_count = r->map->slabs = r->map->slab_count = 0;
    error = walk_superslabs(r, &whole);
  }
  return error;
}

/* Legacy slabs in a list; the others are full. */
static int add_legacy(struct reader *r, uint32_t cls, uint64_t at, uint64_t slabs) {
  const struct layout_slabs *const l = &r->layout->slabs;
  uint64_t seen = 0;
  int error = 0;
  for (; error == 0 && at != 0 && seen < slabs && r->legacy_seen < SUPERSLABS_MAX; seen++, r->legacy_seen++) {
    char *slab;
    error = structure_at(r, at, l->slab_size, 1, &slab);
    if (error == 0) {
      add_small(r, slab);
      at = member(slab, l->slab_size, l->next, 0);
    }
    free(slab);
  }
  r->sums.utilisation[cls][STATS_UTILISATION_BINS - 1] += (uint32_t)above(slabs, seen);
  return error;
}

/* ---- Classes. ---- */

struct list {
  uint64_t slabs, capacity, used, bytes, head;
};

static struct list list_in(const struct reader *r, const char *bytes, size_t size, uint64_t offset) {
  const struct layout_slabs *const l = &r->layout->slabs;
  return (struct list){member(bytes, size, l->list_slabs, offset), member(bytes, size, l->list_capacity, offset), member(bytes, size, l->list_used, offset),
                       member(bytes, size, l->list_bytes, offset), member(bytes, size, l->list_head, offset)};
}

static void fill_class(struct reader *r, uint32_t cls, const struct list *pool, const struct list *legacy, uint64_t batched) {
  struct stats_class_counters *const c = &r->block->cls[cls];
  const uint64_t stride = class_stride(cls), slabs = pool->slabs + legacy->slabs, used = pool->used + legacy->used;
  struct stats_class_gauges g = {.slabs = slabs,
                                 .capacity = pool->capacity + legacy->capacity,
                                 .active = pool->bytes + legacy->bytes,
                                 .cached_tls = r->sums.listed[cls],
                                 .cached_pool = batched};
  c->allocs += r->sums.unpublished[cls].allocs;
  c->frees += r->sums.unpublished[cls].frees;
  if (slabs == 0) g.cached_tls = g.cached_pool = 0;
  g.live = above(used, g.cached_tls + batched);
  g.partial = above(g.capacity, used);
  g.allocated = g.live * stride;
  const double mean = c->request_samples != 0 ? (double)c->request_bytes / (double)c->request_samples : (double)stride;
  g.requested = (uint64_t)((double)g.live * mean);
  r->block->gauge[cls] = g;
  r->sums.tails += above(g.active, g.capacity * stride);
  r->sums.legacy_bytes += legacy->bytes;
}

static int take_classes(struct reader *r) {
  const struct layout_pool *const p = &r->layout->pool;
  const struct layout_legacy *const l = &r->layout->legacy;
  char *pools, *lists = NULL;
  int error = structure_at(r, address_of(p->classes), p->step, CLASS_COUNT, &pools);
  if (error == 0) error = structure_at(r, address_of(l->lists), l->step, CLASS_COUNT, &lists);
  for (uint32_t cls = 0; cls < CLASS_COUNT && error == 0; cls++) {
    const char *const pool = pools + (size_t)cls * p->step;
    const struct list of_pool = list_in(r, pool, p->step, p->list), of_legacy = list_in(r, lists + cls * l->step, l->step, 0);
    error = add_legacy(r, cls, of_legacy.head, of_legacy.slabs);
    fill_class(r, cls, &of_pool, &of_legacy, member(pool, p->step, p->batched, 0));
  }
  free(pools);
  free(lists);
  return error;
}

/* ---- The heap. ---- */

/* The directory's leaves, and what of them has no memory behind it. */
static int take_directory(struct reader *r, uint64_t *bytes) {
  const struct layout_directory *const l = &r->layout->directory;
  uint64_t leaves, size = (uint64_t)align_up(l->leaf_size, 4096);
  int error = number_at(r, l->leaves, &leaves);
  if (error == 0 && (leaves > LEAVES_MAX || l->leaf_size > ((uint64_t)1 << 32))) error = EINVAL;
  for (uint64_t i = 0; i < leaves && error == 0; i++) {
    uint16_t root = 0;
    int64_t distance = 0;
    error = process_read(&r->process, address_of(l->roots) + i * sizeof(root), &root, sizeof(root));
    if (error == 0 && root < l->root_length) error = process_read(&r->process, address_of(l->root) + root * sizeof(distance), &distance, sizeof(distance));
    if (error == 0 && distance != 0) r->sums.directory_untouched += size - process_resident(&r->process, address_of(l->zero_leaf) + (uint64_t)distance, size);
  }
  *bytes = leaves * l->leaf_size;
  return error;
}

struct heap {
  uint64_t kept, huge_blocks, huge_requested, huge_bytes;
  uint64_t active, dirty_units, mapped, metadata, records, guarded, directory;
};

static int read_heap(struct reader *r, struct heap *h) {
  const struct layout *const l = r->layout;
  const struct {
    struct layout_number from;
    uint64_t *to;
  } numbers[] = {{l->legacy.kept_bytes, &h->kept},
                 {l->legacy.huge_blocks, &h->huge_blocks},
                 {l->legacy.huge_requested, &h->huge_requested},
                 {l->legacy.huge_bytes, &h->huge_bytes},
                 {l->units.active, &h->active},
                 {l->units.dirty_units, &h->dirty_units},
                 {l->bytes.mapped, &h->mapped},
                 {l->bytes.metadata, &h->metadata},
                 {l->bytes.records, &h->records},
                 {l->bytes.guarded, &h->guarded}};
  int error = take_directory(r, &h->directory);
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && error == 0; i++) error = number_at(r, numbers[i].from, numbers[i].to);
  return error;
}

static void fill_heap(struct reader *r, const struct heap *h) {
  struct stats_block *const b = r->block;
  const struct sums *const s = &r->sums;
  b->gauge[CLASS_LARGE] = (struct stats_class_gauges){.requested = s->large_requested,
                                                      .allocated = s->large_bytes,
                                                      .active = s->large_bytes,
                                                      .capacity = s->large_blocks,
                                                      .live = s->large_blocks,
                                                      .slabs = s->large_blocks};
  b->gauge[CLASS_HUGE] = (struct stats_class_gauges){.requested = h->huge_requested,
                                                     .allocated = h->huge_bytes,
                                                     .active = h->huge_bytes,
                                                     .capacity = h->huge_blocks,
                                                     .live = h->huge_blocks,
                                                     .slabs = h->huge_blocks};
  b->buckets = (struct stats_buckets){.live = s->large_bytes + h->huge_bytes,
                                      .empty = h->dirty_units * UNIT_SIZE + s->between,
                                      .tails = s->tails,
                                      .huge_cache = h->kept,
                                      .guarded = h->guarded,
                                      .metadata = h->metadata + h->directory + h->records + b->sites_bytes + sizeof(*b)};
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const struct stats_class_gauges *const g = &b->gauge[cls];
    const uint64_t stride = class_stride(cls);
    b->buckets.live += g->allocated;
    b->buckets.cached_tls += g->cached_tls * stride;
    b->buckets.cached_pool += g->cached_pool * stride;
    b->buckets.partial += g->partial * stride;
  }
  memcpy(b->utilisation, s->utilisation, sizeof(s->utilisation));
  memcpy(b->pins, s->pins, sizeof(s->pins));
  b->superslabs_active = h->active;
  b->mapped = h->mapped + sizeof(*b);
  b->committed = 0;
#define ADD_BUCKET(name, text) b->committed += b->buckets.name;
  STATS_BUCKETS(ADD_BUCKET)
  const uint64_t outside = h->huge_bytes + h->kept + s->legacy_bytes + b->buckets.metadata + h->guarded;
  const uint64_t of_block = process_resident(&r->process, address_of(b->block_at), sizeof(*b));
  b->untouched = above(above(b->committed, outside), s->in_superslabs) + above(sizeof(*b), of_block) + s->directory_untouched;
}

/* The last point of the timeline is this moment. */
static void fill_moment(struct reader *r) {
  struct stats_block *const b = r->block;
  uint64_t rss, files;
  const uint64_t now_ns = clock_of(CLOCK_MONOTONIC);
  if (process_resident_set(&r->process, &rss, &files)) {
    b->rss = rss;
    b->rss_files = files;
  }
  if (b->start_monotonic_ns != 0 && now_ns > b->start_monotonic_ns) b->elapsed_ns = now_ns - b->start_monotonic_ns;
  struct stats_moment moment = {.time_ns = b->elapsed_ns, .committed = b->committed, .mapped = b->mapped, .rss = b->rss};
  for (uint32_t row = 0; row < CLASS_ROWS; row++) {
    moment.requested += b->gauge[row].requested;
    moment.allocated += b->gauge[row].allocated;
    moment.active += b->gauge[row].active;
  }
  if (b->timeline_length < STATS_TIMELINE) b->timeline[b->timeline_length++] = moment;
}

/* ---- The block. ---- */

/* Whether it is the block that the file is a copy of. */
static bool is_same(const struct stats_block *a, const struct stats_block *b) {
  return memcmp(a->magic, b->magic, sizeof(a->magic)) == 0 && a->version == b->version && a->classes == b->classes && a->size == b->size && a->pid == b->pid &&
         a->start_realtime_ns == b->start_realtime_ns && a->start_monotonic_ns == b->start_monotonic_ns && a->block_at == b->block_at;
}

/* Reads it, again if a snapshot or the carry of a histogram was under way; a process that was stopped in the middle of one stays there. */
static int read_block(const struct reader *r, const struct stats_block *file) {
  const uint64_t at = address_of(file->block_at), changes_at = at + offsetof(struct stats_block, changes);
  struct counts {
    uint32_t changes, rounds;
  } before, after;
#define READ_COUNTS(counts) \
  if (error == 0) error = process_read(&r->process, changes_at, &(counts).changes, sizeof((counts).changes)); \
  if (error == 0) error = process_read(&r->process, address_of(file->rounds_at), &(counts).rounds, sizeof((counts).rounds));
  int error = 0;
  for (unsigned i = 0; i < READINGS && error == 0; i++) {
    if (i > 0) nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
    READ_COUNTS(before)
    if (error == 0) error = process_read_touched(&r->process, at, r->block, sizeof(*r->block));
    READ_COUNTS(after)
    if (error == 0 && before.changes % 2 == 0 && before.changes == after.changes && before.rounds == after.rounds) break;
  }
  return error != 0 ? error : is_same(r->block, file) ? 0 : ESRCH;
}

/* The processor time as it is now; that of the block is of its last snapshot. */
static void take_cpu_time(struct reader *r, uint32_t pid) {
  clockid_t clock;
  struct timespec time;
  if (clock_getcpuclockid((pid_t)pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return;
  r->block->cpu_ns = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int fill(struct reader *r) {
  struct heap heap = {0};
  struct stats_block *const b = r->block;
  if (b->map_count >= STATS_MAPS) b->map_count = STATS_MAPS - 1; /* the newest makes room for the present one */
  if (b->map_at[b->map_count] >= STATS_MAPS) return EINVAL;
  r->map = &b->maps[b->map_count == 0 ? 0 : b->map_at[b->map_count]];
  int error = b->complete == 1 ? ESRCH : take_lists(r); /* a process that has ended is as its file says */
  if (error == 0) error = take_classes(r);
  if (error == 0) error = take_superslabs(r);
  if (error == 0) error = read_heap(r, &heap);
  if (error != 0) return error;
  fill_heap(r, &heap);
  fill_moment(r);
  if (stats_has_much_else(r->block)) process_mappings(&r->process, r->block->mappings);
  r->map->time_ns = b->elapsed_ns;
  b->map_count++;
  return 0;
}

int present_take(struct stats_block *block, uint32_t pid) {
  struct reader *const r = must_allocate(sizeof(*r));
  struct stats_block *const copy = must_allocate(sizeof(*copy));
  r->block = copy;
  r->layout = &copy->layout;
  r->now_ms = clock_of(CLOCK_MONOTONIC_COARSE) / 1000000;
  int error = process_open(&r->process, pid);
  if (error == 0) {
    error = read_block(r, block);
    if (error == 0) error = fill(r);
    if (error == 0) take_cpu_time(r, pid);
    process_close(&r->process);
  }
  if (error == 0) *block = *copy;
  free(copy);
  free(r);
  return error;
}
