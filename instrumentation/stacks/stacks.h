/* stacks.h: the ids of stacks, and their frames. */
#ifndef HAKMEM_STACKS_H
#define HAKMEM_STACKS_H

#include <stdbool.h>
#include <stdint.h>

/* `is_listened`: a tracer records the events, so stacks are likely to be needed. */
void stacks_start(bool is_listened);

/* A mode that takes stacks was switched on while the program runs: opens libunwind, so that the first block has its stack. No lock may be held. */
void stacks_begin(void);

#define STACK_IDS 65536 /* ids are 1 to this */

/*
 * The use of a stack: for a tracer's event; kept; kept, but not worth opening libunwind for it; kept and in the statistics block: of a refusal, which may
 * come from a limit; of an incident; the same in a signal handler.
 */
enum stack_use { STACK_TRACED, STACK_BLOCK, STACK_CALL, STACK_REFUSAL, STACK_INCIDENT, STACK_FAULT };

/*
 * The id of the calling thread's stack, from `frame` on (hub_block_stack in src/probe.h), or from the caller on if `frame` is NULL. 0: no stack. No
 * lock may be held.
 */
uint32_t stacks_capture(enum stack_use use, const void *frame);
/*
 * The id of the stack of a fault. `context` is its ucontext_t; the first frame is the instruction that faulted. Kept, and in the statistics block.
 * For a signal handler: it gives up if a thread holds something that it needs.
 */
uint32_t stacks_fault(void *context);

/* The frames of a kept stack, else NULL. Signal safe. */
struct stack_frames {
  uint32_t count, epoch, cut; /* cut: 1 if there were more frames than STATS_FRAMES */
  uintptr_t frame[];
};
const struct stack_frames *stacks_frames(uint32_t id);
/* Enters the frames of a kept stack into the statistics block. */
void stacks_publish(uint32_t id);

/* For a new listener: raises the module events again. Each stack's event is raised again when the stack is next taken. */
void stacks_tell_again(void);

void stacks_fork_prepare(void);
void stacks_fork_release(void);
void stacks_fork_child(void);

#endif
