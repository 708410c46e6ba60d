/* snapshot.h: brings the gauges of the statistics block up to date. */
#ifndef HAKMEM_SNAPSHOT_H
#define HAKMEM_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Brings the gauges, the buckets and the timeline up to date. `thorough`: reads every block's header for the utilisation, and asks the kernel which
 * pages have memory. `in_signal`: waits for no lock; figures under another thread's lock keep their last value. Raises no event.
 */
void snapshot_take(bool thorough, bool in_signal);
void snapshot_fork_child(void);

/* The least time between two scheduled snapshots, in ms, by the length of the last walk over the slabs; 0: none. It grows with the heap. */
uint64_t snapshot_pause_ms(void);

/* Bytes of the process that are resident now, from the kernel. */
uint64_t snapshot_resident(void);

/* Raises one fragmentation event for each class in use, from the last snapshot. No lock may be held. */
void snapshot_raise(void);

#endif
