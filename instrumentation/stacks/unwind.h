/* unwind.h: what libunwind does for us: unwind_libunwind.c or, in a build without HAKMEM_BACKTRACE, unwind_none.c. */
#ifndef HAKMEM_UNWIND_H
#define HAKMEM_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

/* Opens the library. */
enum unwind_opened { UNWIND_OPEN, UNWIND_MISSING, UNWIND_REFUSED /* a message said why */ };
enum unwind_opened unwind_open(void);

/* Fills at most `most` addresses of the calling thread's stack, of an epoch; returns how many. */
uint32_t unwind_capture(uintptr_t *frames, uint32_t most, uint32_t epoch);

/*
 * How the function that this return address leads into is left: its frame ends `size` bytes above its stack pointer or its frame pointer, the return address
 * right below, and the caller's frame pointer `saved` bytes below that end (0: in its register). STEP_END: it has no caller.
 * `stack` and `frame` are what both pointers are in a frame of it now, on a stack that ends at `high`. False: nothing was found out, there is no room.
 */
enum step_from { STEP_OTHER, STEP_BY_STACK, STEP_BY_FRAME, STEP_END };
struct unwind_step { enum step_from from; uint64_t size, saved; };
bool unwind_step(uintptr_t address, uintptr_t stack, uintptr_t frame, uintptr_t high, struct unwind_step *out);

/*
 * The innermost frame of the calling thread whose address `is_wanted`: its stack pointer, and what the registers hold there that functions keep
 * for their callers. Returns how many registers; 0: unknown.
 */
#define UNWIND_REGISTERS 16
uint32_t unwind_registers(bool (*is_wanted)(uintptr_t address), uintptr_t *stack_pointer, uintptr_t registers[UNWIND_REGISTERS]);

/* From the registers of a signal's ucontext_t on, the frame that was interrupted first; as signal safe as libunwind is. Else 0. */
uint32_t unwind_context(void *context, uintptr_t *frames, uint32_t most);

#endif
