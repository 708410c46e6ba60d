#include "link.h"

#include "platform/random.h"

#define BASE_MAX (0 - LINK_LIMIT)

struct link_key link_key = {.base = BASE_MAX, .factor = 1, .inverse = 1};

/* Of an odd number, modulo 2^64: each step doubles the bits that are right, from 3 on. */
static uint64_t inverse_of(uint64_t odd) {
  uint64_t inverse = odd;
  for (int bits = 3; bits < 64; bits *= 2) inverse *= 2 - odd * inverse;
  return inverse;
}

void link_start(void) {
  uint64_t random[2];
  random_secrets(random, ARRAY_LENGTH(random));
  link_key.base = BASE_MAX - (uint32_t)random[0];
  link_key.factor = random[1] | 1;
  link_key.inverse = inverse_of(link_key.factor);
}
