/* unwind_none.c: the build without HAKMEM_BACKTRACE, and libhakmem.a, have no stacks but by frame pointers. */
#include "unwind.h"

#include "src/platform/config.h"
#include "src/platform/message.h"

enum unwind_opened unwind_open(void) {
  if (config.stacks == STACKS_UNWIND) message_say("HAKMEM_STACKS: this library was built without libunwind, so there are no stacks; fp needs none");
  return UNWIND_REFUSED;
}

uint32_t unwind_capture(uintptr_t *frames, uint32_t most, uint32_t epoch) {
  (void)frames, (void)most, (void)epoch;
  return 0;
}

bool unwind_step(uintptr_t address, uintptr_t stack, uintptr_t frame, uintptr_t high, struct unwind_step *out) {
  (void)address, (void)stack, (void)frame, (void)high, (void)out;
  return false;
}

uint32_t unwind_registers(bool (*is_wanted)(uintptr_t address), uintptr_t *stack_pointer, uintptr_t registers[UNWIND_REGISTERS]) {
  (void)is_wanted, (void)stack_pointer, (void)registers;
  return 0;
}

uint32_t unwind_context(void *context, uintptr_t *frames, uint32_t most) {
  (void)context, (void)frames, (void)most;
  return 0;
}
