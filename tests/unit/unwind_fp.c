/* Stacks by frame records. On aarch64, the function signs its return address, as in Debian's packages. */
#include "stacks/unwind_fp.h"

#include <criterion/criterion.h>

#if defined(__aarch64__)
#define SIGNS __attribute__((noinline, target("branch-protection=pac-ret")))
#else
#define SIGNS __attribute__((noinline))
#endif

static uintptr_t frames[8];

SIGNS static uintptr_t captured(uint32_t *count) {
  *count = fp_capture((uintptr_t)__builtin_frame_address(0), frames, 1);
  return (uintptr_t)__builtin_return_address(0);
}

Test(unwind_fp, a_frame_is_the_address_that_the_function_returns_to) {
  uint32_t count;
  const uintptr_t real = captured(&count);
  cr_assert_eq(count, 1);
  cr_assert_eq(frames[0], real);
}
