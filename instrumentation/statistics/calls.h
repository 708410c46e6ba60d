/*
 * calls.h: how long whole calls of malloc and its family take, and the longest of them. Nothing here allocates, waits for a lock or raises an event.
 */
#ifndef HAKMEM_CALLS_H
#define HAKMEM_CALLS_H

#include "src/platform/base.h"
#include "src/probe.h"
#include "stats_block.h"

/* Begins a call that leaves the fast path. It may be part of another one. */
void calls_begin(void);

/* Ends it, and counts it if it is no part of another one. `start`: the clock when it began. If it is one of the longest, returns its ns, else 0. */
uint64_t calls_end(uint64_t start, const struct call *call);
uint64_t calls_end_staged(uint64_t start, const struct call *call);
void calls_end_plain(uint64_t start, const struct call *call);
/*
 * It was not one of the calls that are counted: forgets its stages. Between calls_begin and this lies all work of the library that may have stages outside
 * of such a call. Otherwise a later free, which only renews a budget, would seem to have had them.
 */
void calls_none(void);

/* For one of the longest: calls_describe fills in all but the stack, calls_keep puts it into the table. */
void calls_describe(struct stats_call *kept, const struct call *call, uint64_t ns);
void calls_keep(const struct stats_call *kept);
void calls_fork_child(void);

uint64_t calls_sample_begin(bool timed);
uint64_t calls_sample_stop(uint64_t start);
void calls_sample_end(uint64_t ticks, const struct call *call);

/* A stage of the thread's call has ended, if it is in one, and took so long with everything in it. */
void calls_stage(enum call_stage stage, uint64_t ticks);

#endif
