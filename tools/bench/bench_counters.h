/*
 * bench_counters.h: hardware counters of a process and of all that it starts, in user space; COUNTER_ALL_CYCLES: and in the kernel.
 */
#ifndef HAKMEM_TOOLS_BENCH_COUNTERS_H
#define HAKMEM_TOOLS_BENCH_COUNTERS_H

#include <stdbool.h>
#include <sys/types.h>

enum counter { COUNTER_CYCLES, COUNTER_INSTRUCTIONS, COUNTER_L1D_MISSES, COUNTER_LLC_MISSES, COUNTER_DTLB_MISSES, COUNTER_ALL_CYCLES, COUNTER_COUNT };

struct counters { int fd[COUNTER_COUNT]; };

/*
 * Counting begins when process `pid` calls exec. A counter that the machine or the kernel does not give is left out.
 * `kernel`: cycles of the kernel, too, in place of those of user space alone; with both at once, some virtual machines count each
 * cycle in one of them only.
 */
void counters_open(struct counters *c, pid_t pid, bool kernel);

/*
 * Takes the counts and closes the counters. NAN where a counter could not be opened or was never on the processor; where several
 * took turns, a count is scaled by the time that its counter was there, and *scaled set.
 */
void counters_take(struct counters *c, double count[COUNTER_COUNT], bool *scaled);

#endif
