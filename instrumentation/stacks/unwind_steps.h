/* unwind_steps.h: stacks by cached steps of libunwind. */
#ifndef HAKMEM_UNWIND_STEPS_H
#define HAKMEM_UNWIND_STEPS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The stack from the function with the __builtin_frame_address(0) `at` on. The thread's own stack ends at `end`; if it is another one, `end` is 0. Returns
 * the number of frames; 0 if steps cannot tell it. `may`: the gate is open, libunwind can be asked. *learnt: libunwind was asked within this many
 * frames.
 */
uint32_t steps_capture(uintptr_t at, uintptr_t end, uintptr_t *frames, uint32_t most, uint32_t epoch, bool may, uint32_t *learnt);

#endif
