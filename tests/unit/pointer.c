/* What lies at an address: every kind, and what is said if free, realloc and malloc_usable_size are given it. */
#include "checks/pointer.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "alloc/alloc.h"
#include "alloc/front.h"
#include "base/sink.h"
#include "hakmem.h"
#include "memory/os.h"
#include "platform/config.h"

static uint32_t reports;
static struct event_hdr_reset report;

static void on_report(const struct event_hdr_reset *e) {
  report = *e;
  reports++;
}

static void start(void) {
  static const struct hak_event_sink sink = {.version = HAK_EVENT_SINK_VERSION, .size = sizeof(sink), .hdr_reset = on_report};
  cr_assert_eq(hak_event_sink_attach(&sink), 0);
  config.release_delay = 600000; /* on a slow machine too, what is kept stays until it was looked at */
}

/* As the functions of the family look: the heaps that stand before the core first. */
static struct pointer look(const void *p) {
  struct pointer at;
  return MODE(front) && front_find(p, &at) ? at : pointer_at(p);
}

static void expect_kind(const void *p, enum pointer_kind kind, const void *block) {
  const struct pointer at = look(p);
  cr_assert_eq(at.kind, kind, "%p is of kind %d, not %d", p, at.kind, kind);
  cr_assert(at.p == p && at.block == block, "%p: block %p, not %p", p, at.block, block);
  const bool has_slab = kind <= POINTER_HUGE || kind == POINTER_REDZONE || kind == POINTER_INSIDE || kind == POINTER_BETWEEN;
  if (kind != POINTER_GONE) cr_assert_eq(at.slab != NULL, has_slab);
  if (has_slab) cr_assert(at.cls == at.slab->cls && (size_t)((const char *)p - at.slab->base) < at.slab->size);
}

/* A wrong pointer is reported once, by what it was given to. */
static void expect_reports(void *p, enum hdr_verdict freed, enum hdr_verdict resized, enum hdr_verdict measured) {
  const struct {
    enum hdr_verdict verdict;
    int way;
  } ways[] = {{freed, 0}, {freed, 1}, {resized, 2}, {measured, 3}};
  for (unsigned i = 0; i < ARRAY_LENGTH(ways); i++) {
    reports = 0;
    if (ways[i].way == 0) hak_free(p);
    if (ways[i].way == 1) hak_free_aligned_sized(p, 16, 1);
    if (ways[i].way == 2) cr_assert_null(hak_realloc(p, 50));
    if (ways[i].way == 3) cr_assert_eq(hak_usable_size(p), 0);
    cr_assert(reports == 1 && report.verdict == ways[i].verdict && report.base == p, "%p, way %u: %u reports, verdict %d", p, i, reports, report.verdict);
  }
}

/* The same if the pointer never was a block's. */
static void expect_report(void *p, enum hdr_verdict verdict) { expect_reports(p, verdict, verdict, verdict); }

static void expect_freed(void *p) { expect_reports(p, HDR_DOUBLE_FREE, HDR_REALLOC_AFTER_FREE, HDR_USABLE_SIZE_AFTER_FREE); }

Test(pointer, a_small_block_by_its_header) {
  start();
  char *p = hak_malloc(100);
  struct pointer at = pointer_at(p);
  expect_kind(p, POINTER_BLOCK, p);
  cr_assert(pointer_is_live(&at) && at.cls == class_of_size(100) && at.header == header_live(at.cls));
  cr_assert(pointer_is_link((struct block *)p, at.cls) && !pointer_is_link((struct block *)p, at.cls + 1));
  header_set(p, header_sampled(at.cls));
  at = pointer_at(p);
  cr_assert(at.kind == POINTER_BLOCK && pointer_is_live(&at));
  header_set(p, 'x');
  at = pointer_at(p);
  cr_assert(at.kind == POINTER_BLOCK && at.state == BLOCK_BROKEN && at.header == 'x' && !pointer_is_live(&at));
  header_set(p, header_live(at.cls));
  hak_free(p);
  at = pointer_at(p);
  cr_assert(at.kind == POINTER_BLOCK && at.state == BLOCK_FREE && !pointer_is_live(&at));
  expect_freed(p);
}

Test(pointer, large_and_huge_blocks) {
  start();
  char *large = hak_malloc(3 * UNIT_SIZE), *huge = hak_malloc(64 * MIB);
  expect_kind(large, POINTER_LARGE, large);
  expect_kind(huge, POINTER_HUGE, huge);
  char *const inside[] = {large + 1, large + 2 * UNIT_SIZE, huge + 16, huge + 50 * MIB};
  for (unsigned i = 0; i < ARRAY_LENGTH(inside); i++) {
    expect_kind(inside[i], POINTER_INSIDE, i < 2 ? large : huge);
    expect_report(inside[i], HDR_INTERIOR_POINTER);
  }
  hak_free(huge);
  expect_kind(huge, POINTER_GONE, NULL);
  expect_freed(huge);
  expect_kind(huge + 1, POINTER_UNUSED, NULL); /* it is kept for the next huge block */
  expect_report(huge + 1, HDR_INVALID_POINTER);
}

Test(pointer, a_slab_has_more_places_than_blocks) {
  start();
  char *p = hak_malloc(5000);
  const struct slab *slab = pointer_at(p).slab;
  char *const first = slab->base + slab->first, *const end = first + (size_t)slab->carved * slab->stride;
  cr_assert_lt(slab->carved, slab->capacity);
  expect_kind(p + 1, POINTER_INSIDE, p);
  expect_kind(p + slab->stride - 1, POINTER_INSIDE, p);
  expect_report(p + 16, HDR_INTERIOR_POINTER);
  char *const between[] = {slab->base, first - 1, end, end + 1, slab->base + slab->size - 1};
  for (unsigned i = 0; i < ARRAY_LENGTH(between); i++) {
    expect_kind(between[i], POINTER_BETWEEN, NULL);
    expect_report(between[i], HDR_INVALID_POINTER);
  }
}

/* The block of the last slab's tail, whose first block stays; and one of a slab that is given back. */
Test(pointer, blocks_that_are_gone) {
  enum { BLOCKS = 3000 };
  static char *block[BLOCKS];
  start();
  for (int i = 0; i < BLOCKS; i++) block[i] = hak_malloc(2000);
  const struct slab *kept = pointer_at(block[0]).slab;
  char *tail = NULL, *other = NULL;
  for (int i = 1; i < BLOCKS; i++) {
    if (pointer_at(block[i]).slab != kept) other = block[i];
    else if (block[i] > tail) tail = block[i];
  }
  for (int i = 1; i < BLOCKS; i++) hak_free(block[i]);
  hak_trim(64 * MIB); /* with what is empty kept, or other memory may come in its place */
  expect_kind(tail, POINTER_GONE, NULL);
  cr_assert_eq(pointer_at(tail).slab, kept);
  expect_freed(tail);
  expect_kind(tail + 1, POINTER_BETWEEN, NULL);
  expect_kind(other, POINTER_GONE, NULL);
  cr_assert_null(pointer_at(other).slab);
  expect_freed(other);
  expect_kind(other + 1, POINTER_UNUSED, NULL);
}

Test(pointer, memory_that_is_not_ours) {
  static int here;
  int local = 0;
  start();
  char *foreign = mmap(NULL, os_page_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  cr_assert_neq(foreign, MAP_FAILED);
  const struct {
    void *p;
    enum pointer_kind kind;
    enum hdr_verdict verdict;
  } cases[] = {
    {&local, POINTER_STACK, HDR_STACK_POINTER},
    {&here, POINTER_STATIC, HDR_STATIC_POINTER},
    {(void *)(uintptr_t)start, POINTER_STATIC, HDR_STATIC_POINTER},
    {foreign, POINTER_FOREIGN, HDR_FOREIGN_POINTER},
    {(void *)16, POINTER_UNMAPPED, HDR_UNMAPPED_POINTER},
    {(void *)UINTPTR_MAX, POINTER_UNMAPPED, HDR_UNMAPPED_POINTER},
  };
  for (unsigned i = 0; i < ARRAY_LENGTH(cases); i++) {
    expect_kind(cases[i].p, cases[i].kind, NULL);
    expect_report(cases[i].p, cases[i].verdict);
  }
  expect_kind((void *)((uintptr_t)hak_malloc(100) | (uintptr_t)1 << 60), POINTER_UNMAPPED, NULL);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, files.rlim_max}); /* no file can be opened: the system cannot be asked */
  const enum pointer_kind kind = pointer_at(foreign).kind;
  setrlimit(RLIMIT_NOFILE, &files);
  cr_assert_eq(kind, POINTER_UNKNOWN);
}

static void start_front(uint32_t debug, uint32_t guard) {
  start();
  config.debug = debug;
  config.guard = guard;
  config.on_error = ON_ERROR_REPORT;
  front_start();
  cr_assert(MODE(front));
  sll_go_slow(true);
  hak_free(hak_malloc(1)); /* the thread's lists follow */
}

Test(pointer, blocks_of_the_debugging_mode) {
  char *early = hak_malloc(300); /* before the options could be read: a block of the core's like any other */
  start_front(1, 0);
  char *p = hak_malloc(100), *inner = p - config.redzone;
  expect_kind(early, POINTER_BLOCK, early);
  struct pointer at = look(p);
  cr_assert(at.kind == POINTER_DEBUG && at.block == p && pointer_is_live(&at) && at.known.requested == 100);
  expect_kind(inner, POINTER_REDZONE, inner);
  at = look(inner);
  cr_assert_not(pointer_is_live(&at));
  expect_report(inner, HDR_INTERIOR_POINTER);
  expect_report(p + 1, HDR_INTERIOR_POINTER);
  hak_free(p);
  at = look(p);
  cr_assert(at.kind == POINTER_DEBUG && at.state == BLOCK_FREE && !pointer_is_live(&at));
  expect_freed(p);
  reports = 0;
  hak_free(early);
  cr_assert_eq(reports, 0);
}

Test(pointer, guarded_blocks) {
  start_front(0, 1);
  char *p = hak_malloc(1000);
  struct pointer at = look(p);
  cr_assert(at.kind == POINTER_GUARDED && at.block == p && pointer_is_live(&at) && at.known.requested == 1000);
  cr_assert_eq(at.cls, class_of_size(1000));
  expect_kind(p + 500, POINTER_GUARDED, p);
  at = look(p + 500);
  cr_assert_not(pointer_is_live(&at));
  expect_report(p + 500, HDR_INTERIOR_POINTER);
  expect_kind(p - 1, POINTER_GUARDED, NULL);
  expect_report(p - 1, HDR_INVALID_POINTER);
  hak_free(p);
  at = look(p);
  cr_assert(at.kind == POINTER_GUARDED && at.block == p && at.state == BLOCK_FREE && !pointer_is_live(&at));
  expect_freed(p);
}
