/* unwind_fp.h: stacks by frame pointers. `at` is __builtin_frame_address(0) of a function that has not returned. */
#ifndef HAKMEM_UNWIND_FP_H
#define HAKMEM_UNWIND_FP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes below `stack`, a stack pointer, that this thread's stack has; 0 if it does not lie on it. */
size_t fp_room(uintptr_t stack);
/* The end of the thread's stack above `stack`, a stack pointer; 0 if it does not lie on it. */
uintptr_t fp_stack_end(uintptr_t stack);
/* Whether any address lies on the thread's stack, as far as that is known. */
bool fp_is_own(uintptr_t address);
/* Follows the chain of frame pointers. */
uint32_t fp_capture(uintptr_t at, uintptr_t *frames, uint32_t most);
/* The same from a signal's ucontext_t on, the interrupted frame first. Signal safe. */
uint32_t fp_context(void *context, uintptr_t *frames, uint32_t most);

#endif
