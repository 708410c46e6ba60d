/* What refills and shared_fails tell: the stages with their ticks, and the state in which the pool refused. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>

#include "alloc/alloc.h"
#include "base/clock.h"
#include "platform/config.h"
#include "hakmem.h"
#include "base/sink.h"
#include "statistics/stats.h"

#define MANY 20000
#define STRIDE 1024

static struct event_tls_sll_refill refills[MANY];
static struct event_shared_fail fails[MANY];
static size_t refill_count, fail_count;

static void on_refill(const struct event_tls_sll_refill *e) {
  if (refill_count < MANY) refills[refill_count++] = *e;
}
static void on_fail(const struct event_shared_fail *e) {
  if (fail_count < MANY) fails[fail_count++] = *e;
}
static uint64_t refused; /* bytes that legacy holds in place of the pool */
static void on_legacy(const struct event_legacy_fallback *e) { refused = e->refused; }
static const struct hak_event_sink sink = {
  .version = HAK_EVENT_SINK_VERSION, .size = sizeof(sink), .tls_sll_refill = on_refill, .shared_fail = on_fail, .legacy_fallback = on_legacy};

static void *blocks[MANY];
static void fill(size_t size, size_t count) {
  for (size_t i = 0; i < count; i++) cr_assert_not_null(blocks[i] = hak_malloc(size));
}
static void empty(size_t count) {
  for (size_t i = 0; i < count; i++) hak_free(blocks[i]);
}

/* The last stage that a refill from `source` reaches; STAGE_COUNT: none. */
static unsigned last_stage(enum refill_source source) {
  static const unsigned last[refill_source_count] = {[REFILL_SPARE] = STAGE_COUNT,
                                                     [REFILL_BATCH] = STAGE_batch,
                                                     [REFILL_PARTIAL] = STAGE_partial,
                                                     [REFILL_FRESH_SLAB] = STAGE_fresh_slab,
                                                     [REFILL_FRESH_SUPERSLAB] = STAGE_superslab,
                                                     [REFILL_LEGACY] = STAGE_legacy};
  return last[source];
}

#define FINE_CLOCK 500000000u /* ticks per second */

/* False if a stage may take less than a tick, or, as with an emulator, less than a step of the counter. */
static bool is_fine(void) {
  for (int i = 0; i < 1000; i++) {
    const uint64_t now = clock_ticks();
    if (clock_ticks() == now) return false;
  }
  return clock_ticks_per_second() >= FINE_CLOCK;
}

static void check_refill(const struct event_tls_sll_refill *e, bool timed) {
#define STAGE_VALUE(name, text) e->name##_ticks,
  const uint64_t ticks[] = {REFILL_STAGES(STAGE_VALUE)};
  uint64_t sum = 0;
  for (unsigned i = 0; i < STAGE_COUNT; i++) {
    sum += ticks[i];
    cr_assert(ticks[i] == 0 || i <= last_stage(e->source), "a refill from %u spent time in stage %u", e->source, i);
  }
  if (e->source == REFILL_SPARE) cr_assert_eq(sum, 0);
  else if (timed || last_stage(e->source) > STAGE_fresh_slab) cr_assert_eq(sum, e->ticks, "the stages are all of it");
  else cr_assert(sum == 0 || sum == e->ticks);
  if (e->source == REFILL_LEGACY && is_fine()) cr_assert(e->shared_fail_ticks > 0 && e->legacy_ticks > 0 && e->fresh_slab_ticks > 0);
}

static uint64_t of_source(enum refill_source source) {
  uint64_t count = 0;
  for (size_t i = 0; i < refill_count; i++) count += refills[i].source == source;
  return count;
}

static void work(void) {
  config.ss_limit = 4;
  cr_assert_eq(hak_event_sink_attach(&sink), 0);
  for (int round = 0; round < 3; round++) {
    fill(STRIDE - 1, MANY);
    empty(MANY);
  }
}

Test(stages, make_up_the_refill) {
  work();
  for (size_t i = 0; i < refill_count; i++) check_refill(&refills[i], false);
  cr_assert_gt(of_source(REFILL_LEGACY), 0);
  cr_assert_gt(of_source(REFILL_PARTIAL), 0);
  cr_assert_gt(of_source(REFILL_FRESH_SLAB), 0);
  cr_assert_gt(of_source(REFILL_FRESH_SUPERSLAB), 0);
  const struct stats_block *b = stats_block();
  cr_assert_eq(b->timings.head[STAGE_legacy].count, of_source(REFILL_LEGACY));
  cr_assert_lt(b->timings.head[STAGE_batch].count, refill_count / 2, "the first stage is timed now and then");
}

Test(stages, are_all_timed_in_full_tracing) {
  sll_go_slow(true);
  work();
  for (size_t i = 0; i < refill_count; i++) check_refill(&refills[i], true);
  const uint64_t counted = stats_block()->timings.head[STAGE_batch].count, due = refill_count - of_source(REFILL_SPARE);
  if (!is_fine()) cr_assert(counted > 0 && counted <= due);
  else cr_assert_eq(counted, due);
}

Test(shared_fail, by_the_limit) {
  work();
  cr_assert_gt(fail_count, 0);
  const uint32_t cls = class_of_size(STRIDE - 1);
  for (size_t i = 0; i < fail_count; i++) {
    const struct event_shared_fail *e = &fails[i];
    cr_assert(e->reason == FAIL_LIMIT && e->error == 0 && e->limit == 4);
    cr_assert(e->cls == cls && e->units == class_slab_units(cls));
    cr_assert(e->own == 0 && e->partial == 0 && e->batched == 0, "else they would have served");
    cr_assert_leq(e->idle_bytes, e->slab_bytes);
    cr_assert_leq(e->slab_bytes, 4 * config_superslab_size());
    cr_assert_leq(e->holder_idle + e->second_idle, e->idle_bytes);
    cr_assert_geq(e->holder_idle, e->second_idle);
  }
}

/* Blocks of one class hold its slabs, nearly empty, while another is refused. */
Test(shared_fail, knows_who_holds_free_capacity) {
  config.ss_limit = 4;
  cr_assert_eq(hak_event_sink_attach(&sink), 0);
  fill(500, 14000);
  for (size_t i = 0; i < 14000; i++) {
    if (i % 100 != 0) hak_free(blocks[i]);
  }
  hak_trim(0);
  fail_count = 0;
  for (size_t i = 0; i < 6000 && fail_count == 0; i++) cr_assert_not_null(hak_malloc(2000));
  cr_assert_gt(fail_count, 0);
  cr_assert_eq(fails[0].holder, class_of_size(500));
  cr_assert_gt(fails[0].holder_idle, fails[0].slab_bytes / 2);
}

Test(shared_fail, what_was_refused_stays_so_where_realloc_moves_it) {
  config.ss_limit = 1;
  cr_assert_eq(hak_event_sink_attach(&sink), 0);
  fill(8 * UNIT_SIZE, 40); /* but for three or four */
  for (size_t i = 0; i < 40; i++) cr_assert_not_null(blocks[i] = hak_realloc(blocks[i], 12 * UNIT_SIZE));
  cr_assert_not_null(hak_malloc(3 * MIB)); /* its event tells */
  cr_assert_geq(refused, 36 * 12 * UNIT_SIZE);
  cr_assert_leq(refused, 40 * 12 * UNIT_SIZE);
  for (size_t i = 0; i < 40; i++) hak_free(blocks[i]);
  cr_assert_not_null(hak_malloc(3 * MIB));
  cr_assert_eq(refused, 0);
}

static pthread_barrier_t at_rest;
static void *keep_in_lists(void *arg) {
  (void)arg;
  for (size_t i = 0; i < 60; i++) hak_free(blocks[i]);
  pthread_barrier_wait(&at_rest);
  pthread_barrier_wait(&at_rest);
  return NULL;
}

Test(shared_fail, knows_what_other_threads_hold) {
  config.ss_limit = 2;
  cr_assert_eq(hak_event_sink_attach(&sink), 0);
  fill(STRIDE - 1, 100);
  pthread_barrier_init(&at_rest, NULL, 2);
  pthread_t other;
  pthread_create(&other, NULL, keep_in_lists, NULL);
  pthread_barrier_wait(&at_rest);
  for (size_t i = 0; i < 6000 && fail_count == 0; i++) cr_assert_not_null(hak_malloc(STRIDE - 1));
  cr_assert_gt(fail_count, 0);
  cr_assert_geq(fails[0].others, 1);
  cr_assert_leq(fails[0].others, 60);
  cr_assert_eq(fails[0].free_blocks, fails[0].own + fails[0].others + fails[0].batched);
  pthread_barrier_wait(&at_rest);
  pthread_join(other, NULL);
}

Test(shared_fail, by_the_system) {
  cr_assert_eq(hak_event_sink_attach(&sink), 0);
  hak_free(hak_malloc(10));
  struct rlimit before;
  getrlimit(RLIMIT_AS, &before);
  setrlimit(RLIMIT_AS, &(struct rlimit){.rlim_cur = MIB, .rlim_max = before.rlim_max}); /* less than there is already */
  for (size_t i = 0; i < MANY && fail_count == 0; i++) {
    if (hak_malloc(STRIDE) == NULL) break;
  }
  setrlimit(RLIMIT_AS, &before);
  cr_assert_gt(fail_count, 0);
  cr_assert_neq(fails[0].reason, FAIL_LIMIT);
  cr_assert_eq(fails[0].error, ENOMEM);
}
