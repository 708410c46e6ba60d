/* Every structure of the core keeps its invariants while blocks come and go; a structure that is broken is named. */
#include "alloc/valid.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "hakmem.h"
#include "modes/guard_slots.h"
#include "slabs/directory.h"
#include "slabs/legacy/legacy.h"
#include "slabs/pool/shared_pool.h"
#include "threads/tls_lists.h"

#define BLOCKS 2000

static void *work(void *seed) {
  static __thread void *p[BLOCKS];
  unsigned random = (unsigned)(uintptr_t)seed;
  for (unsigned n = 0; n < 40 * BLOCKS; n++) {
    const unsigned i = (unsigned)rand_r(&random) % BLOCKS, kind = (unsigned)rand_r(&random) % 100;
    hak_free(p[i]);
    p[i] = hak_malloc((unsigned)rand_r(&random) % (kind < 90 ? 2000u : kind < 99 ? 100000u : 3000000u));
    cr_assert_not_null(p[i]);
  }
  for (unsigned i = 0; i < BLOCKS; i += 1 + (unsigned)(uintptr_t)seed % 2) hak_free(p[i]), p[i] = NULL;
  return NULL;
}

static void have_some(void) {
  for (uintptr_t round = 0; round < 3; round++) {
    pthread_t thread[2];
    for (uintptr_t t = 0; t < 2; t++) cr_assert_eq(pthread_create(&thread[t], NULL, work, (void *)(1 + 2 * round + t)), 0);
    for (unsigned t = 0; t < 2; t++) pthread_join(thread[t], NULL);
    cr_assert_null(core_broken(), "round %zu: %s", round, core_broken());
  }
  work((void *)7);
  hak_free(hak_malloc(100));
  cr_assert_null(core_broken());
}

Test(valid, blocks_come_and_go, .timeout = 60) {
  have_some();
  hak_trim(0);
  cr_assert_null(core_broken());
}

Test(valid, a_broken_list_is_named, .timeout = 60) {
  have_some();
  sll_self->state[class_of_size(100)].length++;
  cr_assert_str_eq(core_broken(), "threads' lists");
}

Test(valid, a_broken_slab_is_named, .timeout = 60) {
  have_some();
  struct slab *slab = directory_slab(hak_malloc(100));
  slab->free_count++;
  cr_assert_str_eq(core_broken(), "SuperSlabs");
}

Test(valid, a_broken_entry_of_the_directory_is_named, .timeout = 60) {
  have_some();
  struct slab *slab = directory_slab(hak_malloc(100001));
  slab->base += UNIT_SIZE;
  cr_assert_str_eq(core_broken(), "directory");
}

Test(valid, a_broken_header_in_a_list_is_named, .timeout = 60) {
  have_some();
  struct block *block = sll_self->head[class_of_size(100)];
  header_set(block, 0);
  cr_assert_str_eq(core_broken(), "threads' lists");
  header_set(block, HEADER_FREE); /* or the end of the process reports it */
}

/* ---- One fault of each kind. ---- */

Test(valid, a_slab_that_the_directory_does_not_know_is_named, .timeout = 60) {
  have_some();
  const struct slab *slab = directory_slab(hak_malloc(100));
  directory_leave(slab);
  cr_assert_str_eq(core_broken(), "directory");
}

Test(valid, a_wrong_code_is_named, .timeout = 60) {
  have_some();
  struct slab *slab = directory_slab(hak_malloc(100));
  const uint32_t cls = slab->cls;
  slab->cls = cls + 1; /* enters the code of another class */
  directory_enter(slab);
  slab->cls = (uint8_t)cls;
  cr_assert_str_eq(core_broken(), "directory");
}

Test(valid, a_share_that_no_list_has_is_named, .timeout = 60) {
  have_some();
  sll_self->share_left += 64;
  cr_assert_str_eq(core_broken(), "threads' shares");
}

Test(valid, a_budget_beyond_what_it_was_armed_with_is_named, .timeout = 60) {
  have_some();
  const uint32_t cls = class_of_size(100);
  sll_self->budget[cls].alloc = sll_self->state[cls].alloc_armed + 1;
  cr_assert_str_eq(core_broken(), "threads' lists");
}

Test(valid, a_foreign_batch_with_a_wrong_count_is_named, .timeout = 60) {
  have_some();
  const uint32_t cls = class_of_size(100);
  struct chain chain = CHAIN_EMPTY;
  chain_push(&chain, sll_self->head[cls]);
  chain.count = 2;
  pool_give_batch(cls, chain, POOL_FOREIGN);
  cr_assert_str_eq(core_broken(), "shared pool");
}

Test(valid, a_huge_block_that_is_not_counted_is_named, .timeout = 60) {
  have_some();
  struct slab *slab = directory_slab(hak_malloc(5000000));
  cr_assert_not_null(slab);
  cr_assert_null(core_broken());
  *(uint64_t *)legacy_layout.huge_bytes.at = 0;
  cr_assert_str_eq(core_broken(), "legacy");
}

Test(valid, a_guarded_slot_that_is_queued_and_live_is_named, .timeout = 60) {
  cr_assert_eq(hak_set("GUARD", "1"), 0);
  void *block = NULL;
  for (unsigned i = 0; i < 50; i++) block = hak_malloc(100);
  cr_assert_null(core_broken());
  struct row *row = slots_row_at((uintptr_t)block);
  slots_give(row, row->queue[row->first]);
  cr_assert_str_eq(core_broken(), "guarded slots");
}
