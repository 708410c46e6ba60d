/* unwind.h: the interface to libunwind: unwind_libunwind.c or, in a build without HAKMEM_BACKTRACE, unwind_none.c. */
#ifndef HAKMEM_UNWIND_H
#define HAKMEM_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

/* Opens the library. */
enum unwind_opened { UNWIND_OPEN, UNWIND_MISSING, UNWIND_REFUSED /* a message said why */ };
enum unwind_opened unwind_open(void);

/* Fills at most `most` addresses of the calling thread's stack, of an epoch. Returns their number. */
uint32_t unwind_capture(uintptr_t *frames, uint32_t most, uint32_t epoch);

/*
 * How to leave the function that this return address points into. Its frame ends `size` bytes above its stack pointer or its frame pointer. The
 * return address lies right below that end, the caller's frame pointer `saved` bytes below it (0: in its register). STEP_END: the function has no
 * caller. `stack` and `frame` are both pointers in a current frame of it, on a stack that ends at `high`. False if the step is unknown or there is
 * no room. STEP_NO_TABLES: no table describes the function, so nothing else is known of it.
 */
enum step_from { STEP_OTHER, STEP_BY_STACK, STEP_BY_FRAME, STEP_END, STEP_NO_TABLES };
struct unwind_step {
  enum step_from from;
  uint64_t size, saved;
  bool is_frame; /* of STEP_OTHER: libunwind left the frame, but its end is no pointer plus a constant (a function that aligns its stack has such frames) */
};
bool unwind_step(uintptr_t address, uintptr_t stack, uintptr_t frame, uintptr_t high, struct unwind_step *out);

/*
 * The innermost frame of the calling thread whose address `is_wanted`: its stack pointer, and the callee-saved registers in it. Returns the number
 * of registers; 0: unknown.
 */
#define UNWIND_REGISTERS 16
uint32_t unwind_registers(bool (*is_wanted)(uintptr_t address), uintptr_t *stack_pointer, uintptr_t registers[UNWIND_REGISTERS]);

/* The stack from a signal's ucontext_t on, the interrupted frame first. As signal safe as libunwind is. 0: unknown. */
uint32_t unwind_context(void *context, uintptr_t *frames, uint32_t most);

#endif
