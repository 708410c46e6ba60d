/* wait.h: sleeping between two readings, until an interruption. */
#ifndef HAKMEM_TOOLS_WAIT_H
#define HAKMEM_TOOLS_WAIT_H

#include <signal.h>
#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t wait_now_ms(void);

/* Sleeps until this time, or until *interrupted is not 0. It looks often, because a signal may reach another process that shares the flag. */
void wait_until(uint64_t next_ms, const volatile sig_atomic_t *interrupted);

#endif
