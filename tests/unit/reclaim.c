/* What is given back before a request is refused, and what is not, because that would not help. */
#include "alloc/reclaim.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>

#include "platform/config.h"
#include "hakmem.h"
#include "base/sink.h"
#include "slabs/legacy/legacy.h"
#include "memory/os.h"
#include "slabs/pool/shared_pool.h"
#include "slabs/superslabs.h"

#define PIECES 16
#define PIECE (4 * MIB)

static size_t kept_bytes(void) {
  struct legacy_usage usage;
  legacy_usage(CLASS_HUGE, &usage);
  return usage.kept_bytes;
}

/* From now on the process may map `more` bytes. */
static void limit(int resource, size_t more) {
  unsigned long pages[6] = {0};
  FILE *statm = fopen("/proc/self/statm", "r");
  cr_assert_not_null(statm);
  for (int i = 0; i < 6; i++) cr_assert_eq(fscanf(statm, "%lu", &pages[i]), 1);
  fclose(statm);
  const rlim_t bytes = pages[resource == RLIMIT_AS ? 0 : 5] * os_page_size() + more;
  cr_assert_eq(setrlimit((__rlimit_resource_t)resource, &(struct rlimit){bytes, bytes}), 0);
}

/* Every second one of some huge blocks is kept: no piece of it holds more than PIECE. A sealed page is a part of each. */
static void keep_pieces(void) {
  static void *pieces[PIECES];
  config.release_delay = 1000000;
  for (int i = 0; i < PIECES; i++) cr_assert_not_null(pieces[i] = hak_malloc(PIECE - os_page_size()));
  for (int i = 0; i < PIECES; i += 2) hak_free(pieces[i]);
  cr_assert_eq(kept_bytes(), PIECES / 2 * PIECE);
}

static void check_place_is_made(int resource) {
  keep_pieces();
  limit(resource, MIB);
  void *block = hak_malloc(PIECES / 2 * PIECE - 2 * MIB);
  cr_assert_not_null(block);
  cr_assert_lt(kept_bytes(), PIECES / 2 * PIECE);
  hak_free(block);
}

Test(reclaim, kept_memory_makes_place_for_what_no_piece_of_it_can_hold) { check_place_is_made(RLIMIT_AS); }
Test(reclaim, also_under_a_limit_on_data) { check_place_is_made(RLIMIT_DATA); }

Test(reclaim, what_can_never_be_leaves_kept_memory_alone) {
  keep_pieces();
  cr_assert_null(hak_malloc((size_t)1 << 46), "more than the machine has");
  cr_assert_null(hak_malloc((size_t)PTRDIFF_MAX));
  cr_assert_null(hak_aligned_alloc((size_t)1 << 46, 1));
  cr_assert_eq(kept_bytes(), PIECES / 2 * PIECE);
  limit(RLIMIT_AS, MIB);
  cr_assert_null(hak_malloc(PIECES / 2 * PIECE + 8 * MIB), "more than the limit leaves once all is given back");
  cr_assert_eq(kept_bytes(), PIECES / 2 * PIECE);
}

/* ---- Small blocks of one size, all freed. ---- */

static void fill_and_free(size_t size) {
  void *all = NULL, *block;
  while ((block = hak_malloc(size)) != NULL) {
    *(void **)block = all;
    all = block;
  }
  for (; all != NULL; all = block) {
    block = *(void **)all;
    hak_free(all);
  }
}

static void check_all_is_there_again(void *(*take)(size_t size)) {
  static const size_t sizes[] = {40, 1000, 30000, 50000, 700000};
  limit(RLIMIT_AS, 64 * MIB);
  for (unsigned i = 0; i < ARRAY_LENGTH(sizes); i++) {
    fill_and_free(sizes[i]);
    void *block = take(48 * MIB);
    cr_assert_not_null(block, "blocks of %zu bytes are free, and nothing else can be had", sizes[i]);
    hak_free(block);
  }
}

static void *take_zeroed(size_t size) { return hak_calloc(size, 1); }
static void *take_aligned(size_t size) { return hak_aligned_alloc(4096, size); }
static void *take_posix(size_t size) {
  void *block = NULL;
  return hak_posix_memalign(&block, 4096, size) == 0 ? block : NULL;
}
static void *take_by_realloc(size_t size) { return hak_realloc(hak_malloc(size / 8), size); }

Test(reclaim, malloc) { check_all_is_there_again(hak_malloc); }
Test(reclaim, calloc) { check_all_is_there_again(take_zeroed); }
Test(reclaim, aligned_alloc) { check_all_is_there_again(take_aligned); }
Test(reclaim, posix_memalign) { check_all_is_there_again(take_posix); }
Test(reclaim, realloc) { check_all_is_there_again(take_by_realloc); }

/* And the other way round: what one class holds free serves another one. */
Test(reclaim, small_blocks) {
  limit(RLIMIT_AS, 64 * MIB);
  fill_and_free(1000);
  size_t bytes = 0;
  for (void *block; bytes < 48 * MIB && (block = hak_malloc(3000)) != NULL;) bytes += 3000;
  cr_assert_geq(bytes, 48 * MIB);
}

/* ---- Lists that wait for a thread. ---- */

#define UNITS 32 /* of one SuperSlab */

static size_t fails;
static void on_fail(const struct event_shared_fail *e) { fails += e->reason == FAIL_LIMIT; }
static const struct hak_event_sink sink = {.version = HAK_EVENT_SINK_VERSION, .size = sizeof(sink), .shared_fail = on_fail};

/* Leaves a few blocks of some classes in lists, and with each a slab. */
static void *leave_blocks(void *arg) {
  void *blocks[12];
  for (size_t i = 0; i < ARRAY_LENGTH(blocks); i++) blocks[i] = hak_malloc(30 + 130 * i);
  for (size_t i = 0; i < ARRAY_LENGTH(blocks); i++) hak_free(blocks[i]);
  return arg;
}

static void run_a_thread(void) {
  pthread_t thread;
  config.ss_limit = 1;
  hak_free(hak_malloc(1)); /* else this thread takes the lists over */
  cr_assert_eq(hak_event_sink_attach(&sink), 0);
  cr_assert_eq(pthread_create(&thread, NULL, leave_blocks, NULL), 0);
  pthread_join(thread, NULL);
}

static uint32_t free_units(void) {
  struct superslabs_totals totals;
  superslabs_totals(&totals);
  return totals.free_units;
}

Test(waiting_lists, serve_large_blocks_before_the_pool_refuses) {
  run_a_thread();
  const uint32_t before = free_units();
  cr_assert_lt(before, UNITS - 8);
  for (uint32_t i = 0; i < before + 8; i++) cr_assert_not_null(hak_malloc(UNIT_SIZE));
  cr_assert_eq(fails, 0);
}

Test(waiting_lists, serve_small_blocks_before_the_pool_refuses) {
  run_a_thread();
  while (free_units() > 0) cr_assert_not_null(hak_malloc(UNIT_SIZE));
  for (size_t cls = class_of_size(3000); cls < class_of_size(3000) + 8; cls++) cr_assert_not_null(hak_malloc(class_stride((uint32_t)cls) - 1));
  cr_assert_eq(fails, 0);
}
