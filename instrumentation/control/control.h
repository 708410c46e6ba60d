/* control.h: does what other processes ask of this one through its statistics file (statistics/control.h), and what the program asks by hakmem.h. */
#ifndef HAKMEM_CONTROL_TICK_H
#define HAKMEM_CONTROL_TICK_H

#include <stdbool.h>

/* At the start, after the statistics file was claimed. */
void control_start(void);
/* Puts back settings whose time is over, and does what is asked. Called by threads in their slow paths, with no lock held. */
void control_tick(void);
/* For the handler of HAKMEM_STATS_SIGNAL, which may have interrupted anything: does trims that wait. False if nothing is asked. */
bool control_signal(void);
void control_fork_child(void);

#endif
