/*
 * watch.h: which processes of a run are not recorded, found out while it runs.
 *
 * `hakmem` looks again and again through /proc at the program's descendants. Each program that one of them starts either has the library among its
 * mappings, or its file or its environment shows why not. Looking costs the program nothing, and this process at most 2 % of one processor. It may
 * miss a process that lives shorter than the pause between two looks (10 ms, unless there are many). So each listed process is certain; the list
 * may be incomplete.
 */
#ifndef HAKMEM_TOOLS_WATCH_H
#define HAKMEM_TOOLS_WATCH_H

#include "input/unrecorded.h"

struct watch;

/* Watches `root` and its descendants. The caller frees it. */
struct watch *watch_create(pid_t root);
void watch_destroy(struct watch *w);

/* Looks once. Returns the nanoseconds until the next look. */
uint64_t watch_look(struct watch *w);

/* The processes found so far. */
const struct unrecorded_list *watch_result(const struct watch *w);

#endif
