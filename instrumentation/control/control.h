/* control.h: does what other processes ask of this one through its statistics file (statistics/control.h), and what the program asks by hakmem.h. */
#ifndef HAKMEM_CONTROL_TICK_H
#define HAKMEM_CONTROL_TICK_H

/* At the start, after the statistics file was claimed. */
void control_start(void);
/* Puts back settings whose time is over, and does what is asked. Called by threads in their slow paths, with no lock held. */
void control_tick(void);
void control_fork_child(void);

#endif
