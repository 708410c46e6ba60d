/* gate.h: between gate_enter and gate_leave, the loader and libunwind may be called if gate_enter said so; gate.c says why. */
#ifndef HAKMEM_GATE_H
#define HAKMEM_GATE_H

#include <stdbool.h>

bool gate_enter(void);
void gate_leave(void);
/* Whether this thread is between the two. */
bool gate_is_inside(void);
/* Whether this process has lost the loader's lock: a thread that is inside must not call the loader again. */
bool gate_is_closed(void);
/* Waits until no other thread is inside, and lets none in until gate_unbar. */
void gate_bar(void);
void gate_unbar(void);
void gate_fork_child(void); /* in the place of gate_unbar */

#endif
