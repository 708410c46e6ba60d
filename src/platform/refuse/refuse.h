/*
 * refuse.h: system calls that fail on request. Only libraries that are built for tests have it (HAKMEM_FAULTS, tests/CMakeLists.txt).
 *
 *   HAKMEM_FAULT=CALL:WHEN[:WHEN]...[,CALL:WHEN...]...     e.g. mmap:every=3,madvise:from=100,mprotect:p=0.1:seed=29
 *
 *   CALL       a name of the table in refuse.c, or `all` of them. A later word about the same call replaces an earlier one
 *   nth=N      the Nth call fails, counted from 1
 *   every=N    every Nth call fails
 *   p=P        each call fails with the chance P, drawn from seed=S and the number of the call
 *   from=N     only calls from the Nth on may fail; without nth, every and p all of them do
 *   to=N       only calls up to the Nth may fail
 *   errno=E    what the kernel is said to answer: a name that refuse.c knows, or a number
 */
#ifndef HAKMEM_REFUSE_H
#define HAKMEM_REFUSE_H

#include <stdint.h>

/* Reads the value of HAKMEM_FAULT. Returns NULL, or, if nothing fails because of it, the start of the first part that is wrong. */
const char *refuse_read(const char *text);

/* What the system call with this number is to answer in place of the kernel: a negative errno. 0: the call is made. Signal safe. */
long refuse_answer(long number);

/* From now on no call fails. */
void refuse_end(void);

/* How many calls failed on request. */
uint64_t refuse_count(void);

#endif
