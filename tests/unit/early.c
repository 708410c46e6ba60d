/* Threads raise events while a tracer attaches: each event is replayed to it, given to it, or counted as missed. */
#include "sinks/tracer.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/probe.h"

#define THREADS 3
#define EVENTS 300 /* of a thread */
#define ROUNDS 60

static uint32_t got[THREADS][EVENTS]; /* atomic */
static uint64_t damaged;              /* atomic */
static bool go;                       /* atomic */

/* Each event carries its thread and number, twice: one that was replayed too soon would differ. */
static void on_os_purge(const struct event_os_purge *e) {
  const uintptr_t n = (uintptr_t)e->base;
  if (n != e->size || n >= THREADS * EVENTS) __atomic_fetch_add(&damaged, 1, __ATOMIC_RELAXED);
  else __atomic_fetch_add(&got[n / EVENTS][n % EVENTS], 1, __ATOMIC_RELAXED);
}

static const struct hak_event_sink sink = {.version = HAK_EVENT_SINK_VERSION, .size = sizeof(sink), .os_purge = on_os_purge};
extern int hak_event_sink_attach(const struct hak_event_sink *);

static void *raise_events(void *number) {
  while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE)) {}
  for (uintptr_t i = 0; i < EVENTS; i++) {
    const uintptr_t n = (uintptr_t)number * EVENTS + i;
    hub_event_os_purge(&(struct event_os_purge){.base = (void *)n, .size = n});
  }
  return NULL;
}

static uint64_t missed(void) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < MISSED_COUNTERS; i++) sum += __atomic_load_n(&tracer_missed[i].count, __ATOMIC_RELAXED);
  return sum;
}

/* A process at its start, before a tracer attaches. */
static void begin_again(void) {
  tracer_sink = NULL;
  tracer_early_over = false;
  go = false;
  memset(got, 0, sizeof(got));
  tracer_fork_child();
}

Test(early, no_event_is_lost_while_a_tracer_attaches, .timeout = 60) {
  /* The ring gets all its pieces now: to make one may map memory, which is an event of its own. */
  begin_again();
  for (unsigned i = 0; i < THREADS * EVENTS; i++) hub_event_os_purge(&(struct event_os_purge){.base = NULL, .size = 0});
  for (unsigned round = 0; round < ROUNDS; round++) {
    pthread_t thread[THREADS];
    begin_again();
    for (uintptr_t t = 0; t < THREADS; t++) cr_assert_eq(pthread_create(&thread[t], NULL, raise_events, (void *)t), 0);
    const uint64_t before = missed();
    __atomic_store_n(&go, true, __ATOMIC_RELEASE);
    for (volatile unsigned i = 0; i < round * 200; i++) {}
    cr_assert_eq(hak_event_sink_attach(&sink), 0);
    for (unsigned t = 0; t < THREADS; t++) pthread_join(thread[t], NULL);
    uint64_t once = 0;
    for (unsigned t = 0; t < THREADS; t++) {
      for (unsigned i = 0; i < EVENTS; i++) {
        cr_assert_leq(got[t][i], 1, "round %u: event %u of thread %u came %u times", round, i, t, got[t][i]);
        once += got[t][i];
      }
    }
    cr_assert_eq(damaged, 0, "round %u: the tracer got %lu events that were not whole", round, damaged);
    cr_assert_eq(once + missed() - before, THREADS * EVENTS, "round %u: %lu events came and %lu were counted as missed, of %u", round, once, missed() - before,
                 THREADS * EVENTS);
  }
}

/* The order that a slow thread makes: the tracer attaches while its slot is taken and not yet filled in. */
Test(early, an_event_that_the_replay_passed_is_given_by_its_thread) {
  begin_again();
  struct early *const slot = tracer_early_slot();
  cr_assert_not_null(slot);
  cr_assert_eq(hak_event_sink_attach(&sink), 0);
  slot->event.os_purge = (struct event_os_purge){.base = NULL, .size = 0};
  cr_assert_eq(tracer_early_filled(slot, EVENT_ID_os_purge + 1), &sink);
  cr_assert_null(tracer_early_filled(slot, 0), "the event was taken already");
}

Test(early, a_child_does_not_replay_its_parents_events) {
  begin_again();
  hub_event_os_purge(&(struct event_os_purge){.base = NULL, .size = 0});
  const pid_t child = fork();
  if (child == 0) {
    struct early *const slot = tracer_early_slot(); /* taken, not yet filled in */
    hak_event_sink_attach(&sink);
    _exit(slot != NULL && got[0][0] == 0 ? 0 : 1);
  }
  int status;
  cr_assert_eq(waitpid(child, &status, 0), child);
  cr_assert_eq(status, 0, "the child replayed its parent's event");
}
