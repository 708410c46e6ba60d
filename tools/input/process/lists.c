/*
 * lists.c: the lists of threads: what each thread keeps, and the calls that it did not yet add to its counts.
 */
#include <stdlib.h>
#include <string.h>

#include "structures.h"

#define THREADS_MAX 100000u

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
  const uint64_t seen_ms = member_of(cache, l->size, l->seen_ms, 0), idle_ms = r->now_ms > seen_ms ? r->now_ms - seen_ms : 0;
  const bool owned = member_of(cache, l->size, l->owned, 0) != 0;
  uint32_t at = kept;
  t->count++;
  for (; at > 0 && t->row[at - 1].bytes < bytes; at--) {
    if (at < STATS_THREADS) t->row[at] = t->row[at - 1];
  }
  if (at == STATS_THREADS || bytes == 0) return;
  t->row[at] = (struct stats_thread){
    .tid = owned ? (uint32_t)member_of(cache, l->size, l->tid, 0) : 0, .idle_ms = (uint32_t)(idle_ms < UINT32_MAX ? idle_ms : UINT32_MAX), .bytes = bytes};
}

static void add_lists(struct reader *r, const char *cache) {
  const struct layout_lists *const l = &r->layout->lists;
  uint64_t bytes = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const uint64_t budget = (uint64_t)cls * l->budget_step, state = (uint64_t)cls * l->state_step;
    const int64_t pops = steps(l, member_of(cache, l->size, l->alloc_armed, state), member_of(cache, l->size, l->alloc, budget));
    const int64_t pushes = steps(l, member_of(cache, l->size, l->free_armed, state), member_of(cache, l->size, l->free, budget));
    const int64_t length = (int64_t)(uint32_t)member_of(cache, l->size, l->length, state) + pushes - pops;
    if (pops > 0) r->sums.unpublished[cls].allocs += (uint64_t)pops;
    if (pushes > 0) r->sums.unpublished[cls].frees += (uint64_t)pushes;
    const uint64_t listed = (length > 0 ? (uint64_t)length : 0) + (uint32_t)member_of(cache, l->size, l->spare_count, state);
    r->sums.listed[cls] += listed;
    bytes += listed * class_stride(cls);
  }
  add_thread(r, cache, bytes);
}

int structures_take_lists(struct reader *r) {
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
      at = member_of(cache, l->size, l->next, 0);
    }
    free(cache);
  }
  for (uint32_t i = 0; error == 0 && i < STATS_THREADS && r->block->threads.row[i].bytes > 0; i++) {
    process_thread_name(&r->process, r->block->threads.row[i].tid, r->block->threads.row[i].name);
  }
  return error;
}
