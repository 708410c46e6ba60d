/* What a forked child's counts begin with: also if two threads fork at the same time, and what threads had counted that do not exist in it. */
#include "statistics/stats.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hakmem.h"
#include "src/alloc/usage.h"
#include "src/platform/config.h"
#include "src/slabs/size_class.h"

#define FORKS 80

static const size_t sizes[] = {100, 3000}; /* only one thread uses each of the classes */
static pthread_barrier_t both;

/* In the child. */
static int check(uint32_t cls, uint64_t made) {
  const struct stats_block *const b = stats_block();
  return b->inherited_allocs[cls] == made && b->inherited_frees[cls] == made ? 0 : 1;
}

static void *fork_often(void *number) {
  const size_t size = sizes[(uintptr_t)number];
  uint64_t made = 0;
  for (unsigned n = 0; n < FORKS; n++) {
    for (uintptr_t i = 0; i < 1 + (uintptr_t)number; i++, made++) hak_free(hak_malloc(size));
    pthread_barrier_wait(&both);
    const pid_t child = fork();
    if (child == 0) _exit(check(class_of_size(size), made));
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0, "fork %u of thread %zu: the child inherited other counts than its parent's %lu", n, (uintptr_t)number, made);
  }
  return NULL;
}

Test(child, inherits_what_its_own_thread_had_counted, .timeout = 60) {
  config.stats = 1; /* or children keep no statistics */
  pthread_t thread[ARRAY_LENGTH(sizes)];
  cr_assert_eq(pthread_barrier_init(&both, NULL, ARRAY_LENGTH(sizes)), 0);
  for (uintptr_t t = 0; t < ARRAY_LENGTH(sizes); t++) cr_assert_eq(pthread_create(&thread[t], NULL, fork_often, (void *)t), 0);
  for (unsigned t = 0; t < ARRAY_LENGTH(sizes); t++) pthread_join(thread[t], NULL);
  config.stats = 0;
}

/* ---- Blocks of a thread that the child does not have. ---- */

#define KEPT 100
static void *kept[KEPT];

static void *keep(void *unused) {
  for (unsigned i = 0; i < KEPT; i++) kept[i] = hak_malloc(2000);
  pthread_barrier_wait(&both);
  pthread_barrier_wait(&both);
  return unused;
}

static int free_kept(uint32_t cls) {
  for (unsigned i = 0; i < KEPT; i++) hak_free(kept[i]);
  struct hak_stats s;
  hak_stats_read(&s, sizeof(s));
  return stats_block()->inherited_allocs[cls] == KEPT && s.live < KEPT ? 0 : 1;
}

Test(child, inherits_what_threads_had_counted_that_it_does_not_have, .timeout = 60) {
  config.stats = 1;
  const uint32_t cls = class_of_size(2000);
  pthread_t thread;
  cr_assert_eq(pthread_barrier_init(&both, NULL, 2), 0);
  cr_assert_eq(pthread_create(&thread, NULL, keep, NULL), 0);
  pthread_barrier_wait(&both);
  cr_assert_gt(usage_unpublished(cls).allocs, 0);
  const pid_t child = fork();
  if (child == 0) _exit(free_kept(cls));
  int status;
  cr_assert_eq(waitpid(child, &status, 0), child);
  cr_assert_eq(status, 0, "the child counts more frees than allocations");
  pthread_barrier_wait(&both);
  pthread_join(thread, NULL);
  config.stats = 0;
}
