/*
 * bench_machine.h: what the outputs say about where it was measured.
 */
#ifndef HAKMEM_TOOLS_BENCH_MACHINE_H
#define HAKMEM_TOOLS_BENCH_MACHINE_H

/* The processor's name as /proc/cpuinfo has it; the caller frees it. */
char *machine_cpu(void);

/* The kernel's name and release; the caller frees it. */
char *machine_kernel(void);

#endif
