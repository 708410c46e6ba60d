#include "durations.h"

#include <stdlib.h>

#include "common/memory.h"

uint64_t durations_ns(const struct trace_process *clock, uint64_t ticks) {
  return clock->ticks_per_second != 0 ? (uint64_t)((unsigned __int128)ticks * 1000000000u / clock->ticks_per_second) : 0;
}

void durations_add(struct trace_process *p, struct histogram **place, uint64_t ticks) {
  if (p->ticks_per_second != 0) {
    histogram_record(model_histogram(place), durations_ns(p, ticks));
  } else {
    p->pending = must_grow(p->pending, p->pending_count, &p->pending_capacity, sizeof(*p->pending));
    p->pending[p->pending_count++] = (struct pending){place, ticks};
  }
}

void durations_settle(struct trace_process *p, const struct trace_process *clock) {
  for (size_t i = 0; i < p->pending_count; i++) {
    const uint64_t ticks = p->pending[i].ticks;
    histogram_record(model_histogram(p->pending[i].place), clock != NULL ? durations_ns(clock, ticks) : ticks);
  }
  free(p->pending);
  p->pending = NULL;
  p->pending_count = p->pending_capacity = 0;
}

void durations_settle_spans(struct model_process *p, const struct trace_process *clock) {
  for (size_t i = 0; i < p->span_count; i++) p->spans[i].duration_ns = clock != NULL ? durations_ns(clock, p->spans[i].duration_ns) : 0;
}
