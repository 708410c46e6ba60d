/*
 * jit_map.h: names of functions that a JIT compiler made. Such code lies in no file, so the runtime writes its functions into a file, in one of two forms:
 *
 *   /tmp/perf-PID.map:   START SIZE NAME, a line for each function, both numbers in hexadecimal; a later line replaces an earlier one at the same
 *                        address. Node.js writes it with --perf-basic-prof, a JVM by -XX:+DumpPerfMapAtExit, PHP and LuaJIT by options of their own
 *   a jitdump:           /tmp/jit-PID.dump, or jit-PID.dump in the working directory, as node --perf-prof writes it. It also follows functions that move
 */
#ifndef HAKMEM_TOOLS_JIT_MAP_H
#define HAKMEM_TOOLS_JIT_MAP_H

#include <stdint.h>

struct jit_map;

/*
 * The map of process `pid`, which began at `start_realtime_ns` (of CLOCK_REALTIME): the one that was kept in `directory`, or that in /tmp; and the
 * jitdump. NULL if there is none that this user or root wrote since then.
 */
struct jit_map *jit_map_read(const char *directory, uint32_t pid, uint64_t start_realtime_ns);
void jit_map_free(struct jit_map *map);

/* The function at `address`; NULL if the map has none there. Lives as long as the map; to be escaped before it is shown. */
const char *jit_map_find(const struct jit_map *map, uint64_t address);

/*
 * Copies the maps of all processes whose statistics lie in the directory `stats` into `directory`, as PID.map and PID.dump, because those in /tmp are
 * often removed. A map that cannot be copied is left out.
 */
void jit_map_keep(const char *stats, const char *directory);

#endif
