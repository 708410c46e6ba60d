/*
 * adjust.h: changes modes while the program runs. Threads follow when they next enter their slow paths, so nothing is asked on the fast ones. Blocks that
 * were recorded or guarded before a change are still freed as such.
 *
 * One thread at a time may call these. Not in the plain build.
 */
#ifndef HAKMEM_ADJUST_H
#define HAKMEM_ADJUST_H

#include "platform/base.h"

/* HAKMEM_PROFILE: of this many allocated bytes, one is sampled; 0: none. */
void adjust_profile(uint32_t rate);

/* HAKMEM_GUARD: of this many allocations, one is guarded; 0: none. False, and nothing changed, if there is no address space for guarded blocks. */
bool adjust_guard(uint32_t rate);

/* HAKMEM_TRACE: whether every operation raises its events. Some modes need that anyway. */
void adjust_trace(bool full);

#endif
