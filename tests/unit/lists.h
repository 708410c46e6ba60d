/* lists.h: what the tests of threads' lists ask for. */
#ifndef HAKMEM_TESTS_LISTS_H
#define HAKMEM_TESTS_LISTS_H

#include "statistics/stats.h"
#include "threads/tls_lists.h"

static inline struct stats_class_counters counted(uint32_t cls) {
  sll_publish_all();
  return stats_block()->cls[cls];
}

static inline uint64_t cached(uint32_t cls) {
  uint64_t allocs, frees;
  return sll_cached(cls, &allocs, &frees);
}

#endif
