/*
 * bench_measure.h: runs one process and measures it: time, memory, page faults, hardware counters, and its output.
 *
 * From measure_begin on, the signals that ask this program to end are held back. One that arrives while a process runs ends that process and its
 * descendants; measure_interrupted reports it from then on.
 */
#ifndef HAKMEM_TOOLS_BENCH_MEASURE_H
#define HAKMEM_TOOLS_BENCH_MEASURE_H

#include <stdbool.h>

#include "bench_counters.h"

struct measure {
  char **argv;           /* ends with NULL */
  char **environment;    /* NAME=VALUE, to be set; ends with NULL */
  const char *preload;   /* LD_PRELOAD; NULL: none */
  const char *directory; /* for temporary files, and the process's TMPDIR */
  bool counters, kernel; /* kernel: COUNTER_ALL_CYCLES instead of COUNTER_CYCLES */
};

struct measured {
  int exit_code;                                                     /* 128 + N if signal N ended it */
  double seconds, cpu_seconds, peak_kib, minor_faults, major_faults; /* of it and of the processes that it waited for */
  double count[COUNTER_COUNT];                                       /* NAN where not available */
  bool scaled;
  char *output, *complaint; /* standard output; the last line of standard error; "" if empty */
};

void measure_begin(void);
int measure_interrupted(void); /* the signal's number, or 0 */
double measure_now(void);      /* seconds of a clock that only goes forward */

/* False, with a failure set, if the process could not run or was interrupted. The caller frees `m` in any case. */
bool measure_run(struct measured *m, const struct measure *what);
void measure_free(struct measured *m);

#endif
