/* gate.h: if gate_enter returns true, the loader and libunwind may be called until gate_leave. gate.c says why. */
#ifndef HAKMEM_GATE_H
#define HAKMEM_GATE_H

#include <stdbool.h>

bool gate_enter(void);
void gate_leave(void);
/* Whether this thread is between gate_enter and gate_leave. */
bool gate_is_inside(void);
/* Whether this process has lost the loader's lock: then a thread inside must not call the loader again. */
bool gate_is_closed(void);
/* Waits until no other thread is inside, and admits none until gate_unbar. */
void gate_bar(void);
void gate_unbar(void);
void gate_fork_child(void); /* instead of gate_unbar */

#endif
