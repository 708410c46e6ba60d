/* Two threads fork at the same time: each child begins with what its own thread had counted. */
#include "statistics/stats.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hakmem.h"
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
