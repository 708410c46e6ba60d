/* unwind_fp.h: stacks by frame pointers. `at` is __builtin_frame_address(0) of a function that has not returned. */
#ifndef HAKMEM_UNWIND_FP_H
#define HAKMEM_UNWIND_FP_H

#include <stddef.h>
#include <stdint.h>

/* Bytes between `address` and the end of this thread's stack; 0 if it does not lie on it. */
size_t fp_room(uintptr_t address);
/* Where the thread's stack ends, above `address`; 0 if that does not lie on it. */
uintptr_t fp_stack_end(uintptr_t address);
/* The chain as it is. */
uint32_t fp_capture(uintptr_t at, uintptr_t *frames, uint32_t most);
/* The same from the registers of a signal's ucontext_t on, the frame that was interrupted first. Signal safe. */
uint32_t fp_context(void *context, uintptr_t *frames, uint32_t most);

#endif
