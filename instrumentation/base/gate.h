/* gate.h: between gate_ask, if it returned true, and gate_ask_end, a thread may call the loader and libunwind. gate.c says why. */
#ifndef HAKMEM_GATE_H
#define HAKMEM_GATE_H

#include <pthread.h>
#include <stdbool.h>

/* May be nested. */
bool gate_ask(void);
void gate_ask_end(void);
/* Whether this thread is between the two. */
bool gate_is_asking(void);

/*
 * Wait until no other thread asks, and admit none until the gate is unbarred: for dl_iterate_phdr with a callback of the program, and for a fork. They
 * give up after a second, and at once in a handler that interrupted the program in the loader. `frame`: the frame address of the function that calls the
 * callback. gate_callback_runs: whenever the callback is called.
 */
void gate_bar_callback(const void *frame);
void gate_callback_runs(const void *frame);
void gate_unbar_callback(const void *frame);
/* At the end of a thread, which may have been cancelled in its callback. */
void gate_unbar_thread(void);
void gate_bar_fork(void);
void gate_unbar_fork(void);
void gate_fork_child(void); /* instead of gate_unbar_fork */

/* Tells the gate which lock the loader holds while it changes its lists, or walks them. */
void gate_set_loader_lock(const pthread_mutex_t *lock);
/* Whether this process has lost the loader's lock: then nothing may be asked or opened. */
bool gate_is_closed(void);

#endif
