/* Slabs as readers see them, and the sums over them. */
#include "checks/view.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/usage.h"
#include "hakmem.h"
#include "memory/os.h"
#include "platform/config.h"
#include "slabs/header.h"
#include "slabs/legacy/legacy.h"
#include "slabs/superslabs.h"

#define BLOCKS 1000

Test(view, of_a_small_block_a_large_and_a_huge_one) {
  struct slab_view v;
  char *const small = hak_malloc(100), *const large = hak_malloc(100000), *const huge = hak_malloc(5000000);
  cr_assert(view_of(small + 7, &v));
  cr_assert(v.cls == class_of_size(100) && v.stride == class_stride(v.cls) && v.bytes == v.stride - 1);
  cr_assert(v.count > 0 && v.count <= v.capacity && v.first + v.capacity * v.stride <= v.base + v.size);
  cr_assert_eq(view_block(&v, small), small);
  cr_assert_eq(view_block(&v, small + 100), small);
  cr_assert_null(view_block(&v, v.first - 1));
  cr_assert_null(view_block(&v, v.first + v.count * v.stride));
  cr_assert_null(view_pointer_to(small));
  cr_assert(view_of(large, &v) && v.cls == CLASS_LARGE && v.base == large && v.bytes == 100000 && v.count == 1);
  cr_assert(view_of(huge, &v) && v.cls == CLASS_HUGE && v.base == huge && v.bytes == 5000000 && v.size >= v.bytes);
  cr_assert_eq(view_block(&v, huge + 4999999), huge);
  cr_assert_eq(*view_pointer_to(large), large);
  cr_assert_eq(*view_pointer_to(huge), huge);
  cr_assert_not(view_of(&v, &v));
  cr_assert_not(view_of(NULL, &v));
  cr_assert_not(view_of((void *)UINTPTR_MAX, &v));
  hak_free(huge);
  cr_assert_not(view_of(huge, &v));
  hak_free(large);
  hak_free(small);
}

Test(view, header_of_a_block) {
  struct slab_view v;
  char *const block = hak_malloc(100);
  cr_assert(view_of(block, &v));
  cr_assert_eq(view_header(&v, block), VIEW_LIVE);
  block[-1] = 'x';
  cr_assert_eq(view_header(&v, block), VIEW_BROKEN);
  block[-1] = (char)HEADER_FREE;
  cr_assert_eq(view_header(&v, block), VIEW_FREE);
  cr_assert_eq(view_header(&v, (char *)os_page_size()), VIEW_UNREADABLE);
  block[-1] = (char)header_live(v.cls);
  hak_free(block);
}

struct sum {
  uint64_t live[CLASS_COUNT], slabs, large;
  const void *wanted;
  bool found;
};

static void add(const struct slab_view *v, void *context) {
  struct sum *sum = context;
  sum->slabs++;
  if (v->cls < CLASS_COUNT) sum->live[v->cls] += v->live;
  if (v->cls == CLASS_LARGE) sum->large += v->bytes;
  if (v->base == sum->wanted) sum->found = true;
}

/* Every third block is freed, some of them are in legacy slabs. */
Test(view, live_blocks_are_counted_by_their_headers) {
  static char *block[BLOCKS];
  static struct sum sum;
  config.ss_limit = 1;
  uint64_t live[CLASS_COUNT] = {0};
  struct legacy_usage legacy;
  for (unsigned i = 0; i < BLOCKS; i++) block[i] = hak_malloc(i % 100 * 100);
  legacy_usage(class_of_size(9900), &legacy);
  cr_assert_gt(legacy.slabs, 0, "the test needs legacy slabs");
  for (unsigned i = 0; i < BLOCKS; i++) {
    if (i % 3 == 0) hak_free(block[i]);
    else live[class_of_size(i % 100 * 100)]++;
  }
  cr_assert(view_each_held(VIEW_BY_HEADERS, VIEW_WAIT, add, &sum));
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    cr_assert(sum.live[cls] == live[cls] || (live[cls] == 0 && sum.live[cls] < 8), "class %u: %lu of %lu", cls, sum.live[cls], live[cls]);
    struct slab_view v;
    if (live[cls] == 0) continue;
    const struct class_usage u = usage_of_class(cls);
    cr_assert_eq(u.live, live[cls]);
    cr_assert_eq(u.capacity, u.live + u.listed + u.batched + u.partial);
    for (unsigned i = 0; i < BLOCKS; i++) {
      if (i % 3 != 0 && class_of_size(i % 100 * 100) == cls) cr_assert(view_of(block[i], &v) && v.live > 0, "what was counted is kept");
    }
  }
}

Test(view, a_large_block_is_visited_and_free_units_are_not) {
  static struct sum sum;
  sum.wanted = hak_malloc(300000);
  cr_assert(view_each_held(VIEW_NOT_COUNTED, VIEW_WAIT, add, &sum));
  cr_assert(sum.found && sum.large >= 300000);
  const uint64_t before = sum.large;
  hak_free((void *)sum.wanted);
  sum = (struct sum){.wanted = sum.wanted};
  cr_assert(view_each_held(VIEW_NOT_COUNTED, VIEW_WAIT, add, &sum));
  cr_assert(!sum.found && sum.large == before - 300000);
}

Test(view, nothing_waits_for_a_lock_that_a_signal_handler_may_have_interrupted) {
  struct sum sum = {0};
  const struct lock_row *const all[] = {&superslabs_locks, &legacy_locks};
  for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
    lock_take(all[i]->first);
    cr_assert_not(view_each_held(VIEW_USED, VIEW_TRY, add, &sum));
    lock_release(all[i]->first);
  }
  cr_assert(view_each_held(VIEW_USED, VIEW_TRY, add, &sum));
}

/* ---- While other threads make slabs come and go. ---- */

static bool over;

static void *churn(void *seed) {
  static __thread void *block[200];
  unsigned state = (unsigned)(uintptr_t)seed;
  while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
    void **const place = &block[(unsigned)rand_r(&state) % ARRAY_LENGTH(block)];
    hak_free(*place);
    *place = hak_malloc((size_t)rand_r(&state) % (rand_r(&state) % 16 == 0 ? 3000000 : 40000));
    if (rand_r(&state) % 2000 == 0) hak_trim(0);
  }
  for (size_t i = 0; i < ARRAY_LENGTH(block); i++) hak_free(block[i]);
  return NULL;
}

static void check_sense(const struct slab_view *v, void *context) {
  struct sum *sum = context;
  cr_assert_not_null(v->base);
  cr_assert_lt(v->cls, CLASS_ROWS);
  cr_assert(v->first >= v->base && v->count <= v->capacity && v->first + v->capacity * v->stride <= v->base + v->size);
  sum->slabs++;
}

static void read_all(const struct slab_view *v, void *context) {
  uint64_t *const live = context;
  for (uint32_t i = 0; v->cls < CLASS_COUNT && i < v->count; i++) *live += header_says_live_at(v->first + i * v->stride, v->cls);
}

Test(view, while_slabs_come_and_go, .timeout = 60) {
  pthread_t thread[2];
  uint64_t live = 0;
  struct sum sum = {0};
  for (uintptr_t t = 0; t < ARRAY_LENGTH(thread); t++) cr_assert_eq(pthread_create(&thread[t], NULL, churn, (void *)(t + 1)), 0);
  const uint64_t until = os_now_ms() + 700;
  for (unsigned round = 0; os_now_ms() < until; round++) {
    view_each(check_sense, &sum);
    cr_assert(view_each_held(round % 2 == 0 ? VIEW_BY_HEADERS : VIEW_USED, VIEW_WAIT, read_all, &live));
  }
  __atomic_store_n(&over, true, __ATOMIC_RELAXED);
  for (size_t t = 0; t < ARRAY_LENGTH(thread); t++) pthread_join(thread[t], NULL);
  cr_assert(sum.slabs > 0 && live > 0);
}
