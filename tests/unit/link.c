/* The link in a free block: what is written is read; what the program writes there is no link, whichever part of it it writes. */
#include "memory/link.h"

#include <criterion/criterion.h>
#include <string.h>

#include "platform/random.h"

#define BLOCKS 64

static struct {
  struct block block;
  char rest[MIN_ALIGN - sizeof(struct block)];
} memory[BLOCKS] __attribute__((aligned(MIN_ALIGN)));

static struct block *block_at(unsigned i) { return &memory[i].block; }

/* The same in every run of the test, so that no run is unlucky. */
static struct link_key key_of(uint64_t seed) {
  struct link_key key = {.base = 0 - LINK_LIMIT - (uint32_t)random_next(&seed), .factor = random_next(&seed) | 1};
  key.inverse = 1;
  for (int i = 0; i < 6; i++) key.inverse *= 2 - key.factor * key.inverse;
  return key;
}

Test(link, each_start_draws_another_key) {
  struct link_key before = link_key;
  for (int i = 0; i < 100; i++) {
    link_start();
    cr_assert_eq(link_key.factor * link_key.inverse, 1);
    cr_assert(link_key.base <= 0 - LINK_LIMIT && link_key.base >= 0 - LINK_LIMIT - UINT32_MAX);
    cr_assert_neq(link_key.base, before.base);
    cr_assert_neq(link_key.factor, before.factor);
    before = link_key;
  }
}

Test(link, what_is_written_is_read) {
  uint64_t state = 7;
  for (int i = 0; i < 10000; i++) {
    link_start();
    struct block *const next = (struct block *)(random_next(&state) >> (64 - ADDRESS_BITS) & ~(uint64_t)(MIN_ALIGN - 1));
    struct block *const block = block_at((unsigned)i % BLOCKS);
    block_link(block, next);
    cr_assert_eq(block_next(block), next);
    block_link(block, NULL);
    cr_assert_null(block_next(block));
  }
}

Test(link, of_random_words_one_in_two_million_passes) {
  uint64_t state = 1;
  const struct link_key key = key_of(2);
  unsigned passed = 0;
  for (unsigned i = 0; i < 1u << 24; i++) {
    block_at(0)->word = random_next(&state);
    passed += link_read(block_at(0), &key) != LINK_BROKEN;
  }
  cr_assert(passed >= 1 && passed <= 20u << (ADDRESS_BITS - 47), "%u of 2^24, and 8 are expected (twice as many with addresses of 48 bits)", passed);
}

/* With 2^18 keys for each bit below the 43rd, and 2^-21 of them to pass, 5 are expected in all. */
Test(link, a_change_of_one_bit_passes_no_more_often) {
  uint64_t state = 3;
  unsigned passed = 0;
  for (unsigned bit = 0; bit < 64; bit++) {
    for (unsigned i = 0; i < 1u << 18; i++) {
      struct link_key key = key_of(random_next(&state));
      link_write(block_at(0), block_at(1), &key);
      block_at(0)->word ^= UINT64_C(1) << bit;
      const bool passes = link_read(block_at(0), &key) != LINK_BROKEN;
      cr_assert(!passes || bit < ADDRESS_BITS - LINK_SHIFT, "bit %u", bit);
      passed += passes;
    }
  }
  cr_assert(passed <= 20u << (ADDRESS_BITS - 47), "%u", passed);
}

/* An empty list of a program is often a node that leads to itself. This word is refused for certain, not by chance. */
Test(link, the_own_address_never_passes) {
  uint64_t state = 11;
  for (int i = 0; i < 10000; i++) {
    const struct link_key key = key_of(random_next(&state));
    block_at(3)->word = (uintptr_t)block_at(3);
    cr_assert_eq(link_read(block_at(3), &key), LINK_BROKEN);
  }
}

/* As an overflow from the left does it: the low bytes first. */
Test(link, the_first_bytes_alone_pass_no_more_often) {
  uint64_t state = 5;
  unsigned passed = 0;
  for (unsigned bytes = 1; bytes < 8; bytes++) {
    for (unsigned i = 0; i < 1u << 18; i++) {
      const struct link_key key = key_of(random_next(&state));
      link_write(block_at(0), block_at(1), &key);
      const uint64_t before = block_at(0)->word, with = random_next(&state);
      memcpy(&block_at(0)->word, &with, bytes);
      passed += before != block_at(0)->word && link_read(block_at(0), &key) != LINK_BROKEN;
    }
  }
  cr_assert(passed <= 10u << (ADDRESS_BITS - 47), "%u, and 1 is expected", passed);
}

/* The blocks' addresses differ from run to run: of 60,000 words one passes in each 35th run, and three in one of 300,000. */
Test(link, no_known_word_passes) {
  uint64_t state = 9;
  unsigned passed = 0;
  for (int i = 0; i < 10000; i++) {
    const struct link_key key = key_of(random_next(&state));
    link_write(block_at(0), block_at(1), &key);
    const uint64_t moved = block_at(0)->word;
    const uint64_t words[] = {0, UINT64_MAX, 0x4141414141414141, (uintptr_t)block_at(2), (uintptr_t)block_at(1), moved};
    for (unsigned w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
      block_at(2)->word = words[w];
      passed += link_read(block_at(2), &key) != LINK_BROKEN;
    }
  }
  cr_assert(passed <= 2u << (ADDRESS_BITS - 47), "%u", passed);
}
