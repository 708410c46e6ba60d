/* Records of blocks, against a plain array that says which blocks are known and which are freed. */
#include "checks/records.h"

#include <criterion/criterion.h>
#include <pthread.h>

#include "memory/os.h"

#define BLOCKS 20000

static const void *at(size_t i) { return (const char *)(uintptr_t)0x700000000000 + i * 48; }

static uint64_t random_state = 1;

static uint32_t below(uint32_t limit) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(random_state >> 33) % limit;
}

static void put(size_t i, size_t requested) {
  struct record record;
  record_init(&record, at(i), requested, (uint32_t)i + 1);
  cr_assert(record_put(&record));
}

static size_t bytes(void) { return record_bytes() + os_metadata_used(); }

Test(records, tell_what_was_entered) {
  struct record record;
  const size_t before = bytes();
  cr_assert(!record_get(at(0), &record));
  cr_assert(!record_take(at(0)));
  cr_assert(!record_free(at(0), 1, NULL));
  put(0, 17);
  cr_assert(record_get(at(0), &record));
  cr_assert(record.block == at(0) && record.requested == 17 && record.alloc_stack == 1);
  cr_assert(record.alloc_thread != 0 && record.free_thread == 0 && !record.freed && !record.marked);
  cr_assert(!record_get(at(1), &record));
  cr_assert_gt(bytes(), before);
}

Test(records, the_second_free_is_told_of_the_first) {
  struct record record;
  put(0, 17);
  cr_assert(record_free(at(0), 5, &record));
  cr_assert(record.freed && record.free_stack == 5 && record.free_thread == record.alloc_thread);
  cr_assert(!record_free(at(0), 6, &record));
  cr_assert_eq(record.free_stack, 5);
  put(0, 18); /* the block was handed out again */
  cr_assert(record_get(at(0), &record));
  cr_assert(!record.freed && record.requested == 18);
}

static void count(struct record *record, void *context) {
  size_t *n = context;
  cr_assert(record->block != NULL);
  ++*n;
}

Test(records, many_come_and_go) {
  static size_t expected[BLOCKS]; /* 0: not known */
  for (size_t round = 0; round < 400000; round++) {
    const uint32_t i = below(BLOCKS);
    struct record record;
    switch (below(3)) {
      case 0: put(i, expected[i] = 1 + below(1000)); break;
      case 1:
        cr_assert_eq(record_take(at(i)), expected[i] != 0);
        expected[i] = 0;
        break;
      default:
        cr_assert_eq(record_get(at(i), &record), expected[i] != 0);
        if (expected[i] != 0) cr_assert_eq(record.requested, expected[i]);
    }
  }
  size_t known = 0, seen = 0;
  for (size_t i = 0; i < BLOCKS; i++) known += expected[i] != 0;
  record_each(count, &seen);
  cr_assert_eq(seen, known);
  cr_assert_leq(bytes(), 8 * BLOCKS * sizeof(struct record));
}

/* The records of freed blocks make room for new ones, so that the table of a program that runs for long does not grow. */
Test(records, the_freed_make_place) {
  put(BLOCKS, 1);
  for (size_t i = 0; i < 50 * BLOCKS; i++) {
    put(BLOCKS + 1 + i, 1);
    cr_assert(record_free(at(BLOCKS + 1 + i), 1, NULL));
  }
  struct record record;
  cr_assert(record_get(at(BLOCKS), &record));
  cr_assert_leq(bytes(), 1 << 20);
}

static int first_frees; /* atomic */

static void *free_all(void *nothing) {
  for (size_t i = 0; i < BLOCKS; i++) {
    if (record_free(at(i), 1, NULL)) __atomic_add_fetch(&first_frees, 1, __ATOMIC_RELAXED);
  }
  return nothing;
}

static void *put_others(void *nothing) {
  for (size_t i = 0; i < BLOCKS; i++) put(2 * BLOCKS + i, 1);
  return nothing;
}

Test(records, of_two_threads_one_frees) {
  for (size_t i = 0; i < BLOCKS; i++) put(i, 1);
  pthread_t threads[3];
  for (int t = 0; t < 3; t++) cr_assert_eq(pthread_create(&threads[t], NULL, t < 2 ? free_all : put_others, NULL), 0);
  for (int t = 0; t < 3; t++) pthread_join(threads[t], NULL);
  /* A record that was freed may have made place before the other thread came: then nothing is known, and that is no free. */
  cr_assert_eq(first_frees, BLOCKS);
}
