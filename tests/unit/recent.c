/* The blocks that the debugging mode used last: each has one place, and none is looked at after it was forgotten. */
#include "modes/recent.h"

#include <criterion/criterion.h>
#include <string.h>

#include "platform/config.h"

#define REDZONE 64u

static uint8_t memory[2 * REDZONE + 256];
static uint8_t *const start = memory + REDZONE;

/* Notes the block of `size` bytes at `start`, which is whole. */
static void note(size_t size, bool freed) {
  struct recent_block displaced;
  memset(memory, REDZONE_PATTERN, sizeof(memory));
  if (freed) memset(start, (int)config.fill, size);
  recent_note(&(struct recent_block){.block = start,
                                     .redzones = {{memory, REDZONE}, {start + size, REDZONE}},
                                     .content = {{start, freed ? size : 0}, {start, freed ? size : 0}},
                                     .freed = freed,
                                     .whole = true},
              &displaced);
  cr_assert_null(displaced.block);
}

static uint32_t suspects(void) {
  const void *found[RECENT_BLOCKS];
  return recent_look(found);
}

static void check(size_t size) {
  note(size, false);
  cr_assert_eq(suspects(), 0);
  note(size, true);
  cr_assert_eq(suspects(), 0);
  start[size] = 0;
  cr_assert_eq(suspects(), 1);
  recent_forget(start);
  cr_assert_eq(suspects(), 0, "a forgotten block of %zu bytes was looked at: its memory may be gone", size);
}

Test(recent, a_block_has_one_place_from_its_allocation_until_it_is_forgotten) {
  check(100);
  check(1);
}

Test(recent, so_has_a_block_of_no_bytes) { check(0); }
