/* fault.h: reports of accesses to guarded memory. */
#ifndef HAKMEM_FAULT_H
#define HAKMEM_FAULT_H

#include <signal.h>
#include <stdbool.h>

/* If blocks are guarded: installs the handler of faults, unless it is there. At the start, or by one thread at a time when HAKMEM_GUARD is switched on. */
void fault_start(void);
void fault_fork_child(void);
/* Whether `signal` is one that fault_sigaction answers. Signal safe. */
bool fault_is_ours(int signal);
/* Like sigaction, for SIGSEGV: sets and returns the program's handler. Signal safe. */
int fault_sigaction(int signal, const struct sigaction *act, struct sigaction *old);

#endif
