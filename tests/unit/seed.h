/* The seed of the tests that draw numbers: that of run.sh --seed, and `number` apart for each of them. */
#ifndef TESTS_UNIT_SEED_H
#define TESTS_UNIT_SEED_H

#include <stdlib.h>

static inline unsigned test_seed(unsigned number) {
  const char *const given = getenv("TEST_SEED");
  return (given != NULL ? (unsigned)strtoul(given, NULL, 10) : 29) + number;
}

#endif
