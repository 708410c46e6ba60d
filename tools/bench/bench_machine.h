/*
 * bench_machine.h: what the outputs say about where it was measured.
 */
#ifndef HAKMEM_TOOLS_BENCH_MACHINE_H
#define HAKMEM_TOOLS_BENCH_MACHINE_H

/* The processor's name as /proc/cpuinfo has it; the caller frees it. */
char *machine_cpu(void);

/* The kernel's name and release; the caller frees it. */
char *machine_kernel(void);

/*
 * How many nanoseconds it takes until one CPU sees what another one wrote, as the fastest of some passes: a line of memory that two threads, each on a CPU of
 * its own, write to in turn. Takes some milliseconds. NAN where there is but one CPU, or where the CPUs are too busy. A virtual machine's CPUs may be moved
 * from cores that share a cache to cores that do not, and then all that threads share is several times as dear.
 */
double machine_handover_ns(void);

#endif
