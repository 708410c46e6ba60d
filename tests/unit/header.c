/* The witness byte: its states cannot be mistaken for each other; chains and their end. */
#include "slabs/header.h"

#include "slabs/size_class.h"

#include <criterion/criterion.h>
#include <string.h>

Test(header, states_differ) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    cr_assert_eq(header_live(cls), 0xa0 | (cls & 15));
    cr_assert_neq(header_live(cls), HEADER_FREE);
  }
  cr_assert_neq(HEADER_FREE, 0, "a NUL written over a free block's header must show");
}

Test(header, lies_before_the_block) {
  uint8_t memory[64];
  memset(memory, 0x11, sizeof memory);
  header_set(memory + 16, 0xa3);
  cr_assert_eq(memory[15], 0xa3);
  cr_assert_eq(header_get(memory + 16), 0xa3);
  cr_assert(header_is(memory + 16, 0xa3));
  cr_assert_not(header_is(memory + 16, 0xa4));
  cr_assert_eq(memory[14], 0x11);
  cr_assert_eq(memory[16], 0x11);
}

Test(header, a_list_ends_where_nothing_can_be_popped) {
  cr_assert_not(block_can_pop(BLOCK_END));
  struct chain chain = CHAIN_EMPTY;
  cr_assert_eq(chain.count, 0);
  cr_assert_not(block_can_pop(chain.head));
}

Test(header, a_chain_is_last_in_first_out) {
  static _Alignas(16) uint8_t memory[16 * 11];
  struct chain chain = CHAIN_EMPTY;
  for (int i = 0; i < 10; i++) {
    struct block *block = (struct block *)(memory + 16 * (i + 1));
    header_set(block, HEADER_FREE);
    chain_push(&chain, block);
  }
  cr_assert_eq(chain.count, 10);
  const struct block *block = chain.head;
  for (int i = 9; i >= 0; i--, block = block_next(block)) {
    cr_assert_eq((const void *)block, (const void *)(memory + 16 * (i + 1)));
    cr_assert(block_can_pop(block));
  }
  cr_assert_eq(block, BLOCK_END);
}
