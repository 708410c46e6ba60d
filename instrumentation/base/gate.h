/* gate.h: if gate_enter returns true, the loader and libunwind may be called until gate_leave. gate.c says why. */
#ifndef HAKMEM_GATE_H
#define HAKMEM_GATE_H

#include <pthread.h>
#include <stdbool.h>

bool gate_enter(void);
void gate_leave(void);
/* Whether this thread is between gate_enter and gate_leave. */
bool gate_is_inside(void);
/* Whether this process has lost the loader's lock: then a thread inside must not call the loader again. */
bool gate_is_closed(void);

/* For a thread inside, around its calls of the loader. False: the loader cannot be asked now, and gate_answered must not be called. */
bool gate_ask(void);
void gate_answered(void);
/* Before any thread is inside: the lock that the loader takes for its lists. */
void gate_know_loader_lock(pthread_mutex_t *lock);

/*
 * Wait until no other thread is inside, and admit none until the gate is unbarred: for dl_iterate_phdr with a callback of the program, and for a fork. They
 * give up after a second.
 */
void gate_bar_callback(void);
void gate_unbar_callback(void);
void gate_bar_fork(void);
void gate_unbar_fork(void);
void gate_fork_child(void); /* instead of gate_unbar_fork */

#endif
