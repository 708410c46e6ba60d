/*
 * bench_counters.h: hardware counters of a process and all its descendants, in user space; COUNTER_ALL_CYCLES: also in the kernel.
 */
#ifndef HAKMEM_TOOLS_BENCH_COUNTERS_H
#define HAKMEM_TOOLS_BENCH_COUNTERS_H

#include <stdbool.h>
#include <sys/types.h>

enum counter { COUNTER_CYCLES, COUNTER_INSTRUCTIONS, COUNTER_L1D_MISSES, COUNTER_LLC_MISSES, COUNTER_DTLB_MISSES, COUNTER_ALL_CYCLES, COUNTER_COUNT };

struct counters {
  int fd[COUNTER_COUNT];
};

/*
 * Counting begins when process `pid` calls exec. Unavailable counters are left out. `kernel`: cycles of user space and kernel instead of user space
 * alone. With both at once, some virtual machines count each cycle in one of them only.
 */
void counters_open(struct counters *c, pid_t pid, bool kernel);

/*
 * Reads and closes the counters. NAN if a counter could not be opened or was never on the processor. If several took turns, a count is scaled by
 * its counter's share of the time, and *scaled is set.
 */
void counters_take(struct counters *c, double count[COUNTER_COUNT], bool *scaled);

#endif
