/*
 * patrol.h: the debugging mode looks at its blocks while the program runs, so that a wrong write is reported soon after it happened.
 *
 *   at each allocation: the redzones of the 64 blocks that were allocated or freed last, and the first and last 64 bytes of the freed ones
 *   at each operation:  a slice of the sweep, which goes round all blocks: their redzones, and all of what waits in the quarantine
 *
 * A slice is followed by a pause of three times its length. So the sweep takes at most a quarter of the time, and one thread at a time does it.
 */
#ifndef HAKMEM_PATROL_H
#define HAKMEM_PATROL_H

#include "platform/base.h"
#include "checks/records.h"

/* The block was allocated or freed just now. `p` begins a guarded one. */
void patrol_note(const struct record *block);
void patrol_note_guarded(const void *p);

/* Counts an allocation, and does what is due at it. No lock may be held. */
void patrol_allocation(void);

/* Does what is due at each operation. No lock may be held. */
void patrol_operation(void);

/* Checks every block. Stops at the time `until_ms` (os_now_ms). */
void patrol_all(uint64_t until_ms);

void patrol_fork_child(void);

#endif
