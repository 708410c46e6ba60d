/* stacks.h: the ids of stacks, and their frames. */
#ifndef HAKMEM_STACKS_H
#define HAKMEM_STACKS_H

#include <stdbool.h>
#include <stdint.h>

/* `is_listened`: a tracer takes the events down, so stacks are likely to be asked for. */
void stacks_start(bool is_listened);

#define STACK_IDS 65536 /* ids are 1 to this */

/* The use of a stack: an event of a tracer; kept; kept, and in the statistics block; the same, by a signal handler. */
enum stack_use { STACK_TRACED, STACK_BLOCK, STACK_INCIDENT, STACK_FAULT };

/*
 * The id of the calling thread's stack from `frame` on (see hub_block_stack in src/probe.h), or from its own caller on if that is NULL. 0: there
 * is none. No lock may be held.
 */
uint32_t stacks_capture(enum stack_use use, const void *frame);
/*
 * The id of the stack of a fault: `context` is its ucontext_t; the first frame is the instruction that faulted. Kept, and in the
 * statistics block. For a signal handler: if a thread, possibly this one, holds something that it needs, it does without.
 */
uint32_t stacks_fault(void *context);

/* The frames of a stack that was kept; else NULL. Signal safe. */
struct stack_frames { uint32_t count, epoch; uintptr_t frame[]; };
const struct stack_frames *stacks_frames(uint32_t id);
/* Enters the frames of a stack that was kept into the statistics block. */
void stacks_publish(uint32_t id);

/* For a new listener: raises the module events so far, and raises the event of each stack once more when the stack is taken next. */
void stacks_tell_again(void);

void stacks_fork_prepare(void);
void stacks_fork_release(void);
void stacks_fork_child(void);

#endif
