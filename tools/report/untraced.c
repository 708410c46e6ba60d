#include "untraced.h"

struct compared_sums compared_sums(const struct model_counts *counts) {
  const struct stats_counters *const c = &counts->counters;
  struct compared_sums sums = {.of = {[COMPARED_lookups] = model_lookups(c),
                                      [COMPARED_hdr_resets] = c->hdr_reset,
                                      [COMPARED_superslabs_acquired] = c->superslab_acquire,
                                      [COMPARED_superslabs_released] = c->superslab_release,
                                      [COMPARED_mappings] = c->os_map,
                                      [COMPARED_unmappings] = c->os_unmap,
                                      [COMPARED_purges] = c->os_purge}};
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    const struct stats_class_counters *const row = &counts->cls[cls].counters;
    sums.of[COMPARED_refills] += stats_refills(row);
    sums.of[COMPARED_drains] += stats_drains(row);
    sums.of[COMPARED_shared_fails] += row->shared_fail;
    sums.of[COMPARED_legacy_calls] += row->legacy_calls;
    sums.of[COMPARED_slabs_acquired] += row->slab_acquire;
    sums.of[COMPARED_slabs_released] += row->slab_release;
  }
  return sums;
}

/* Its figures are of the past, and not of a moment after the trace was read. */
static bool is_over(const struct model_process *p) {
  return p->merge == NULL && (p->state == PROCESS_ENDED || p->state == PROCESS_EXITED || p->state == PROCESS_EXEC || p->state == PROCESS_CUT_SHORT);
}

/* What all files of one process count: it has several if it called exec. False if an earlier file is of the same process, or it still runs. */
static bool sum_of_process(const struct report *stats, size_t first, struct compared_sums *sums, uint64_t *reentered) {
  const uint32_t pid = stats->processes[first]->pid;
  *sums = (struct compared_sums){{0}};
  *reentered = 0;
  for (size_t i = 0; i < stats->process_count; i++) {
    const struct model_process *const p = stats->processes[i];
    if (p->pid != pid) continue;
    if (i < first || !is_over(p)) return false;
    const struct compared_sums more = compared_sums(p->counts);
    for (unsigned kind = 0; kind < COMPARED_COUNT; kind++) sums->of[kind] += more.of[kind];
    *reentered += p->counts->counters.reentered;
  }
  return true;
}

/* A session may have chosen a few kinds of events. Those that no process has in the trace are taken for not chosen. */
static uint64_t lacking(const struct compared_sums *counted, const struct compared_sums *traced, const struct compared_sums *chosen) {
  uint64_t sum = 0;
  for (unsigned kind = 0; kind < COMPARED_COUNT; kind++) {
    if (chosen->of[kind] > 0 && counted->of[kind] > traced->of[kind]) sum += counted->of[kind] - traced->of[kind];
  }
  return sum;
}

static uint64_t less(uint64_t from, uint64_t what) { return from > what ? from - what : 0; }

static bool is_live(const struct report *trace) {
  bool any = false;
  for (size_t i = 0; i < trace->host_count; i++) any = any || trace->hosts[i]->is_live;
  return any;
}

/* The tracer lost something, and could not say how much. */
static bool has_gaps(const struct model_losses *lost) { return lost->packets_discarded + lost->discards_uncounted + lost->unread > 0; }

void untraced_count(struct report *trace, struct report *stats) {
  if (stats == NULL || (trace != NULL && is_live(trace))) return;
  struct report *const of = trace != NULL ? trace : stats;
  const struct compared_sums none = {{0}}, chosen = compared_sums(of->total);
  uint64_t missing = 0, counted = 0;
  for (size_t i = 0; i < stats->process_count; i++) {
    struct compared_sums sums;
    uint64_t reentered;
    if (!sum_of_process(stats, i, &sums, &reentered)) continue;
    const struct model_process *const p = model_find_process(trace, NULL, stats->processes[i]->pid);
    const struct compared_sums traced = p != NULL ? compared_sums(p->counts) : none;
    counted += less(lacking(&sums, &none, &chosen), reentered);
    if (p == NULL || !p->complete || has_gaps(&trace->lost)) missing += less(lacking(&sums, &traced, &chosen), reentered);
  }
  of->counted = counted;
  of->lost.untraced = less(missing, of->lost.early_missed);
}
