/*
 * bench_machine.h: the facts about the machine in the outputs.
 */
#ifndef HAKMEM_TOOLS_BENCH_MACHINE_H
#define HAKMEM_TOOLS_BENCH_MACHINE_H

/* The processor's name as /proc/cpuinfo has it; the caller frees it. */
char *machine_cpu(void);

/* The kernel's name and release; the caller frees it. */
char *machine_kernel(void);

/*
 * The nanoseconds until one CPU sees another one's write: two threads, each on a CPU of its own, write to one cache line in turn; the fastest of
 * some passes. Takes some milliseconds. NAN if there is only one CPU, or if the CPUs are too busy. A virtual machine's CPUs may move to cores that
 * share no cache; then all memory that threads share costs several times as much.
 */
double machine_handover_ns(void);

#endif
