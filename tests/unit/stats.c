/* The statistics: gauges that keep the design's inequalities, counters that agree with each other, the text, what a fork does. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc/alloc.h"
#include "base/clock.h"
#include "base/sink.h"
#include "platform/config.h"
#include "hakmem.h"
#include "statistics/stats.h"
#include "statistics/stats_pages.h"

/* Work that leaves blocks of all kinds alive. */
static void *kept[3000];
static void work(void) {
  for (size_t i = 0; i < 3000; i++) {
    const size_t size = i % 100 == 0 ? i * 3000 : i % 997 * 13;
    kept[i] = hak_malloc(size);
    memset(kept[i], 1, size);
  }
  for (size_t i = 0; i < 3000; i += 3) {
    hak_free(kept[i]);
    kept[i] = NULL;
  }
}

Test(stats, requested_allocated_active_committed_mapped) {
  work();
  struct hak_stats s;
  cr_assert_eq(hak_stats_read(&s, sizeof s), 0);
  cr_assert_gt(s.requested, 0);
  cr_assert_leq(s.requested, s.allocated);
  cr_assert_leq(s.allocated, s.active);
  cr_assert_leq(s.active, s.committed);
  cr_assert_leq(s.committed, s.mapped);
  cr_assert_eq(s.live, s.allocs - s.frees);
  cr_assert_eq(s.allocs, 3000);
  cr_assert_eq(s.frees, 1000);
  cr_assert_gt(s.refills, 0);
  cr_assert_gt(s.superslabs, 0);
}

Test(stats, live_is_exact_per_class) {
  work();
  hak_stats_read(&(struct hak_stats){0}, 0);
  sll_publish_all();
  const struct stats_block *b = stats_block();
  for (uint32_t row = 0; row < CLASS_ROWS; row++) {
    const struct stats_class_gauges *g = &b->gauge[row];
    cr_assert_eq(b->cls[row].allocs - b->cls[row].frees, g->live, "row %u", row);
    if (row < CLASS_COUNT) {
      cr_assert_eq(g->allocated, g->live * class_stride(row));
      cr_assert_eq(g->capacity, g->live + g->cached_tls + g->cached_pool + g->partial, "row %u: every block is somewhere", row);
    }
    cr_assert_leq(g->allocated, g->active);
    uint64_t slabs = 0;
    for (int i = 0; i < STATS_UTILISATION_BINS; i++) slabs += b->utilisation[row][i];
    if (row < CLASS_COUNT) cr_assert_eq(slabs, g->slabs, "row %u: every slab has a utilisation", row);
  }
}

Test(stats, the_buckets_add_up) {
  work();
  hak_stats_read(&(struct hak_stats){0}, 0);
  const struct stats_block *b = stats_block();
  uint64_t sum = 0;
#define ADD(name, text) sum += b->buckets.name;
  STATS_BUCKETS(ADD)
  cr_assert_eq(sum, b->committed);
  cr_assert_leq(b->committed, b->mapped + sizeof(struct stats_block) + MIB);
  cr_assert_leq(b->untouched, b->committed);
  cr_assert_gt(b->rss, 0);
}

Test(stats, an_older_program_gets_the_members_that_it_knows) {
  struct hak_stats s;
  memset(&s, 0x55, sizeof s);
  cr_assert_eq(hak_stats_read(&s, 2 * sizeof(uint64_t)), 0);
  cr_assert_neq(s.allocs, 0x5555555555555555u);
  cr_assert_eq(s.live, 0x5555555555555555u);
}

Test(stats, refills_drains_and_histograms_agree) {
  config.sample = 1;
  work();
  for (int i = 0; i < 3000; i++) hak_free(kept[i]);
  struct stats_block *b = stats_block();
  uint64_t lookups = 0;
  for (uint32_t row = 0; row < CLASS_ROWS; row++) {
    const struct stats_class_counters *c = &b->cls[row];
    const uint64_t refills = c->refill_spare + c->refill_batch + c->refill_partial + c->refill_fresh_slab + c->refill_fresh_superslab + c->refill_legacy;
    cr_assert_eq(b->refill.head[row].count, refills);
    cr_assert_eq(b->drain.head[row].count, stats_drains(c));
    struct stats_spans *spans[] = {&b->refill, &b->drain, &b->lookup};
    for (int i = 0; i < 3; i++) {
      struct histogram whole = {0};
      histogram_merge_row(&whole, stats_span(spans[i], row));
      cr_assert(histogram_is_valid(&whole));
    }
    lookups += b->lookup.head[row].count;
    if (row < CLASS_COUNT) cr_assert_leq(c->request_bytes, c->request_samples * class_stride(row));
  }
  cr_assert_eq(lookups, b->counters.lookup_hit + b->counters.lookup_legacy);
  cr_assert_gt(lookups, 0);
  cr_assert_eq(b->counters.lookup_probes, lookups + b->counters.lookup_foreign);
}

Test(stats, the_text_has_every_part) {
  work();
  const int fd = memfd_create("dump", 0);
  errno = 77;
  cr_assert_eq(hak_stats_dump(fd), 0);
  cr_assert_eq(errno, 77);
  static char text[1 << 20];
  const ssize_t n = pread(fd, text, sizeof text - 1, 0);
  cr_assert_gt(n, 1000);
  static const char *const parts[] = {"requested", "allocated", "live",   "cached",      "capacity", "util%",
                                      "refill",    "drain",     "lookup", "shared_fail", "legacy",   "headers found wrong",
                                      "residual",  "metadata",  "p99.9"};
  for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    cr_assert_not_null(strstr(text, parts[i]), "the text does not mention '%s'", parts[i]);
  }
  cr_assert_eq(hak_stats_dump(-1), EBADF);
}

Test(stats, the_clock_runs_forward_and_knows_its_cost) {
  clock_start();
  usleep(20000);
  const uint64_t from = clock_ticks();
  usleep(50000);
  const uint64_t ns = clock_to_ns(clock_ticks() - from);
  cr_assert(ns >= 49000000 && ns < 1000000000, "50 ms took %llu ns", (unsigned long long)ns);
  const uint64_t fenced = clock_ticks_fenced();
  cr_assert_lt(clock_ticks_fenced() - fenced, clock_ticks_per_second() / 10);
  cr_assert_lt(clock_to_ns(clock_cost_ticks()), 10000);
}

/* In a child, which has one thread: only then is the checksum that of the memory. The test itself has threads of Criterion's, also for its messages. */
static int write_with_a_map_begun(void) {
  static struct stats_block copy;
  struct stats_block *const b = stats_block();
  b->maps[STATS_MAPS - 1].time_ns = 1;
  b->exited = 1;
  __libc_single_threaded = true;
  const int fd = memfd_create("file", 0);
  const struct own_file file = file_adopt(fd);
  pages_none();
  if (file_resize(&file, STATS_FILE_SIZE) != 0 || pages_write(&file, b, false) != 0) return 1;
  if (pread(fd, &copy, sizeof copy, 0) != sizeof copy) return 2;
  const uint64_t checksum = copy.checksum;
  copy.checksum = 0;
  if (checksum == 0) return 3;
  return stats_checksum(0, (const uint64_t *)(const void *)&copy, sizeof copy / sizeof(uint64_t), 0) == checksum ? 0 : 4;
}

/* A signal handler that calls _exit may have interrupted a thread that makes a map. */
Test(stats, the_checksum_is_that_of_the_file_if_a_map_was_begun_and_not_ended) {
  work();
  hak_stats_read(&(struct hak_stats){0}, 0);
  const pid_t child = fork();
  cr_assert_geq(child, 0);
  if (child == 0) _exit(write_with_a_map_begun());
  int status;
  cr_assert_eq(waitpid(child, &status, 0), child);
  cr_assert(WIFEXITED(status));
  cr_assert_eq(WEXITSTATUS(status), 0);
}

/* ---- The end, while another thread still counts. ---- */

#define FREED 100
static void *to_free[FREED];
static pthread_barrier_t both;
static pthread_t freeing;
static bool end_is_seen;

static void *free_and_end(void *unused) {
  for (unsigned i = 0; i < FREED; i++) hak_free(to_free[i]);
  pthread_barrier_wait(&both);
  pthread_barrier_wait(&both);
  return unused;
}

/* The events of the last snapshot: meanwhile, the other thread publishes what it has counted, because it ends. */
static void on_fragmentation(const struct event_fragmentation *e) {
  (void)e;
  if (end_is_seen) return;
  end_is_seen = true;
  pthread_barrier_wait(&both);
  pthread_join(freeing, NULL);
}
static const void *listens(void) { return &end_is_seen; }
static const struct hak_event_sink at_end = {
  .version = HAK_EVENT_SINK_VERSION, .size = sizeof(at_end), .listeners = listens, .fragmentation = on_fragmentation};

Test(stats, at_the_end_no_operation_counts_twice, .timeout = 60) {
  const uint32_t cls = class_of_size(3000);
  config.fragmentation = 0; /* no other snapshot */
  for (unsigned i = 0; i < FREED; i++) to_free[i] = hak_malloc(3000);
  cr_assert_eq(pthread_barrier_init(&both, NULL, 2), 0);
  cr_assert_eq(pthread_create(&freeing, NULL, free_and_end, NULL), 0);
  pthread_barrier_wait(&both);
  uint64_t allocs, frees;
  sll_cached(cls, &allocs, &frees);
  cr_assert_gt(frees, 0);
  cr_assert_eq(hak_event_sink_attach(&at_end), 0);
  hub_on_stop();
  cr_assert(end_is_seen);
  cr_assert_eq(stats_block()->cls[cls].allocs, FREED);
  cr_assert_eq(stats_block()->cls[cls].frees, FREED);
}
