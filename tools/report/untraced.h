/*
 * untraced.h: a recording has statistics and a trace of the same processes, which count the same events in two ways. So it can say how many the trace
 * lacks when the tracer cannot: its daemon was killed, or the disk was full.
 */
#ifndef HAKMEM_UNTRACED_H
#define HAKMEM_UNTRACED_H

#include "model/model.h"

/* Kinds of events that both count, each one: K(name, "what it is called"). */
#define COMPARED_EVENTS(K) \
  K(refills, "refills") \
  K(drains, "drains") \
  K(shared_fails, "shared_fails") \
  K(legacy_calls, "legacy calls") \
  K(slabs_acquired, "slabs acquired") \
  K(slabs_released, "slabs released") \
  K(lookups, "lookups timed") \
  K(hdr_resets, "header resets") \
  K(superslabs_acquired, "SuperSlabs acquired") \
  K(superslabs_released, "SuperSlabs released") \
  K(mappings, "mappings made") \
  K(unmappings, "mappings taken down") \
  K(purges, "purges")
#define COMPARED_CONSTANT(name, text) COMPARED_##name,
enum compared { COMPARED_EVENTS(COMPARED_CONSTANT) COMPARED_COUNT };

struct compared_sums {
  uint64_t of[COMPARED_COUNT];
};
struct compared_sums compared_sums(const struct model_counts *counts);

/*
 * Counts the events of processes in `stats` that are not in the trace, and how many there were. They are a loss of the trace, or, if it is NULL because it
 * could not be read, of the statistics. A process whose last event is in the trace lacks none, or the tracer counted them.
 */
void untraced_count(struct report *trace, struct report *stats);

#endif
