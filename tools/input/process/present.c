/*
 * present.c: the block of a process, as it is now. Its figures are those of instrumentation/snapshots/snapshot.c, and are made in the same way; the
 * structures behind them are read by the other files of this folder.
 */
#include "present.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/memory.h"
#include "structures.h"

#define READINGS 20      /* of the block of a process that changes it all the time */
#define WAIT_NS 1000000L /* which takes less than that for a change */

static uint64_t clock_of(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The last point of the timeline is this moment. */
static void fill_moment(struct reader *r) {
  struct stats_block *const b = r->block;
  uint64_t rss, files, most;
  const uint64_t now_ns = clock_of(CLOCK_MONOTONIC);
  if (process_resident_set(&r->process, &rss, &files, &most)) {
    b->rss = rss;
    b->rss_files = files;
    b->rss_max = most;
  }
  if (b->start_monotonic_ns != 0 && now_ns > b->start_monotonic_ns) b->elapsed_ns = now_ns - b->start_monotonic_ns;
  struct stats_moment moment = {.time_ns = b->elapsed_ns, .committed = b->committed, .mapped = b->mapped, .rss = b->rss};
  for (uint32_t row = 0; row < CLASS_ROWS; row++) {
    moment.requested += b->gauge[row].requested;
    if (row < CLASS_COUNT) moment.requested_variance += stats_requested_variance(&b->cls[row], b->gauge[row].live, class_stride(row));
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

/* ---- The map. ---- */

/* A copy of the newest map whose slabs have call sites; NULL if there is none. */
static struct stats_map *copy_sampled(const struct stats_block *b) {
  for (uint32_t i = b->map_count < STATS_MAPS ? b->map_count : STATS_MAPS; i-- > 0;) {
    if (b->map_at[i] >= STATS_MAPS || b->maps[b->map_at[i]].sampled_ns == 0) continue;
    struct stats_map *const copy = must_allocate(sizeof(*copy));
    *copy = b->maps[b->map_at[i]];
    return copy;
  }
  return NULL;
}

/* Who holds a slab only the process itself can find. So a slab that was there already has the call site that it had then. */
static void take_sites(struct stats_map *now, const struct stats_map *then) {
  uint32_t met = 0;
  now->sampled_ns = then->sampled_ns;
  for (uint32_t i = 0; i < now->slab_count; i++) {
    struct stats_slab *const slab = &now->slab[i];
    /* Both maps go through the same list, mostly in the same order: so the search begins behind the slab that was found last. */
    for (uint32_t steps = 0; steps < then->slab_count && steps < STATS_MAP_SLABS; steps++) {
      const uint32_t at = (met + steps) % then->slab_count;
      const struct stats_slab *const old = &then->slab[at % STATS_MAP_SLABS];
      if (old->unit != slab->unit || old->units != slab->units || old->cls != slab->cls || then->base[old->superslab] != now->base[slab->superslab]) continue;
      slab->samples = old->samples;
      slab->stack_samples = old->stack_samples;
      slab->stack = old->stack;
      met = at + 1;
      break;
    }
  }
}

static int fill_structures(struct reader *r) {
  struct stats_block *const b = r->block;
  if (b->map_count >= STATS_MAPS) b->map_count = STATS_MAPS - 1; /* the newest makes room for the present one */
  if (b->map_at[b->map_count] >= STATS_MAPS) return EINVAL;
  r->map = &b->maps[b->map_count == 0 ? 0 : b->map_at[b->map_count]];
  r->map->sampled_ns = 0;
  int error = b->complete == 1 ? ESRCH : structures_take_lists(r); /* a process that has ended is as its file says */
  if (error == 0) error = structures_take_classes(r);
  if (error == 0) error = structures_take_superslabs(r);
  return error != 0 ? error : structures_take_heap(r);
}

static int fill(struct reader *r) {
  struct stats_block *const b = r->block;
  struct stats_map *const sampled = copy_sampled(b);
  const int error = fill_structures(r);
  if (error == 0 && sampled != NULL) take_sites(r->map, sampled);
  free(sampled);
  if (error != 0) return error;
  fill_moment(r);
  if (stats_has_much_else(r->block)) process_mappings(&r->process, r->block->mappings);
  b->snapshot_ns = b->untouched_ns = r->map->time_ns = b->elapsed_ns;
  b->map_count++;
  return 0;
}

int present_take(struct stats_block *block, uint32_t pid) {
  struct reader *const r = must_allocate(sizeof(*r));
  struct stats_block *const copy = must_allocate(sizeof(*copy));
  r->block = copy;
  r->layout = &copy->layout;
  r->now_ms = LAYOUT_MS_FIRST + clock_of(CLOCK_MONOTONIC_COARSE) / 1000000;
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
