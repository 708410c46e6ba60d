/*
 * What threads do with each other, as often and as closely as they can; for the thread sanitizer (protocols.sh), with the core inside.
 *
 *   protocols threads   threads begin and end, allocate in a destructor, and inherit lists, while another one trims
 *   protocols batches   one thread allocates, two free: batches go from thread to thread
 *   protocols forks     two threads fork while two others allocate; each child allocates and forks itself
 *   protocols early     threads raise events while a tracer attaches
 *   protocols requests  requests through the statistics file (HAKMEM_STATS_FILE) while threads allocate
 *
 * Each ends with a check of every structure of the core, and prints what it did. tests/models/ has the models of the same protocols.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc/valid.h"
#include "hakmem.h"
#include "sinks/tracer.h"
#include "src/probe.h"
#include "statistics/control.h"
#include "statistics/stats.h"

#define SLOTS 500

static atomic_bool over;
static atomic_uint done;

_Noreturn static void wrong(const char *what) {
  fprintf(stderr, "protocols: %s\n", what);
  _exit(1);
}

static void check_core(void) {
  const char *broken = core_broken();
  if (broken != NULL) wrong(broken);
}

static pthread_t begin(void *(*what)(void *), void *arg) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, what, arg) != 0) wrong("pthread_create fails");
  return thread;
}

static void use_some(unsigned seed, unsigned operations) {
  void *p[SLOTS] = {NULL};
  for (unsigned i = 0; i < operations; i++) {
    seed = seed * 1664525 + 1013904223;
    void **const at = &p[(seed >> 8) % SLOTS];
    hak_free(*at);
    *at = hak_malloc(1 + (seed >> 4) % 2000);
    if (*at == NULL) wrong("malloc returns NULL");
    memset(*at, 1, 1);
  }
  for (unsigned i = 0; i < SLOTS; i++) hak_free(p[i]);
}

static void *use_on(void *seed) {
  while (!over) {
    use_some((unsigned)(uintptr_t)seed, 3000);
    done++;
  }
  return NULL;
}

/* ---- Threads. ---- */

static pthread_key_t key;

static void at_end(void *p) {
  hak_free(p);
  hak_free(hak_malloc(50)); /* perhaps after the thread's lists were given away */
}

static void *live_briefly(void *seed) {
  pthread_setspecific(key, hak_malloc(100));
  use_some((unsigned)(uintptr_t)seed, 400);
  return NULL;
}

static void *begin_and_end(void *seed) {
  for (uintptr_t i = 0; i < 40; i++) {
    const pthread_t a = begin(live_briefly, (void *)((uintptr_t)seed + i)), b = begin(live_briefly, (void *)i);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    done += 2;
  }
  return NULL;
}

static void *trim_on(void *unused) {
  while (!over) {
    hak_trim(0);
    usleep(2000);
  }
  return unused;
}

static void threads(void) {
  pthread_key_create(&key, at_end);
  const pthread_t trimmer = begin(trim_on, NULL), a = begin(begin_and_end, (void *)1), b = begin(begin_and_end, (void *)1000);
  pthread_join(a, NULL);
  pthread_join(b, NULL);
  over = true;
  pthread_join(trimmer, NULL);
}

/* ---- Batches. ---- */

#define RING 4096
static _Atomic(void *) ring[RING];

static void *free_from_ring(void *start) {
  for (unsigned i = (unsigned)(uintptr_t)start; !over; i++) {
    void *p = atomic_exchange(&ring[i % RING], NULL);
    if (p == NULL) continue;
    hak_free(p);
    done++;
  }
  return NULL;
}

static void batches(void) {
  const pthread_t a = begin(free_from_ring, (void *)0), b = begin(free_from_ring, (void *)(RING / 2));
  for (unsigned i = 0; i < 1000000 || done < 50000; i++) {
    void *p = hak_malloc(i % 8192 < 6000 ? 88 : 300), *none = NULL;
    if (!atomic_compare_exchange_strong(&ring[i % RING], &none, p)) hak_free(p);
  }
  over = true;
  pthread_join(a, NULL);
  pthread_join(b, NULL);
  for (unsigned i = 0; i < RING; i++) hak_free(ring[i]);
}

/* ---- Forks. ---- */

static void *fork_on(void *seed) {
  for (unsigned i = 0; i < 15; i++) {
    const pid_t child = fork();
    if (child == 0) {
      use_some((unsigned)(uintptr_t)seed + i, 200);
      const pid_t grandchild = i % 4 == 0 ? fork() : -1;
      if (grandchild == 0) use_some(i, 50);
      else if (grandchild > 0) waitpid(grandchild, NULL, 0);
      check_core();
      _exit(0);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) wrong("a child fails");
    use_some((unsigned)(uintptr_t)seed, 500);
    done++;
  }
  return NULL;
}

static void forks(void) {
  const pthread_t users[] = {begin(use_on, (void *)1), begin(use_on, (void *)2)}, a = begin(fork_on, (void *)3), b = begin(fork_on, (void *)4);
  pthread_join(a, NULL);
  pthread_join(b, NULL);
  over = true;
  for (unsigned i = 0; i < 2; i++) pthread_join(users[i], NULL);
}

/* ---- Early events. ---- */

#define EVENTS 2000

static void on_os_purge(const struct event_os_purge *e) {
  if ((uintptr_t)e->base != e->size) wrong("an event is not whole");
  done++;
}

static const struct hak_event_sink sink = {.version = HAK_EVENT_SINK_VERSION, .size = sizeof(sink), .os_purge = on_os_purge};
extern int hak_event_sink_attach(const struct hak_event_sink *);

static void *raise_events(void *first) {
  for (uintptr_t i = (uintptr_t)first; i < (uintptr_t)first + EVENTS; i++) hub_event_os_purge(&(struct event_os_purge){.base = (void *)i, .size = i});
  return NULL;
}

static uint64_t missed(void) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < MISSED_COUNTERS; i++) sum += __atomic_load_n(&tracer_missed[i].count, __ATOMIC_RELAXED);
  return sum;
}

static void early(void) {
  const uint64_t before = missed();
  __atomic_store_n(&tracer_early_over, false, __ATOMIC_RELAXED);
  const pthread_t a = begin(raise_events, (void *)0), b = begin(raise_events, (void *)100000);
  usleep(500);
  if (hak_event_sink_attach(&sink) != 0) wrong("the tracer cannot attach");
  pthread_join(a, NULL);
  pthread_join(b, NULL);
  /* A few events of other kinds are counted as missed, too. */
  if (done > 2 * EVENTS || done + missed() - before < 2 * EVENTS) wrong("an event came twice, or was lost and not counted");
}

/* ---- Requests. ---- */

#define AT(member) (off_t)(sizeof(struct stats_block) + offsetof(struct control, member))

static void request(int file, uint64_t number, const char *text) {
  struct control_request r = {.kind = CONTROL_SET, .cookie = (uint32_t)number};
  struct control_answer answer;
  uint64_t answered = 0;
  snprintf(r.text, sizeof(r.text), "%s", text);
  if (pwrite(file, &r, sizeof(r), AT(requests) + (off_t)(number % CONTROL_SLOTS * sizeof(r))) != (ssize_t)sizeof(r)) wrong("a request cannot be written");
  if (pwrite(file, &number, sizeof(number), AT(asked)) != (ssize_t)sizeof(number)) wrong("a request cannot be written");
  for (unsigned i = 0; answered < number; i++) {
    if (i == 60000) wrong("a request is not answered");
    usleep(1000);
    if (pread(file, &answered, sizeof(answered), AT(done)) != (ssize_t)sizeof(answered)) wrong("the answer cannot be read");
  }
  if (pread(file, &answer, sizeof(answer), AT(answers) + (off_t)(number % CONTROL_SLOTS * sizeof(answer))) != (ssize_t)sizeof(answer)) wrong("no answer");
  if (answer.cookie != r.cookie || answer.error != 0) wrong("another answer than was asked for");
}

static void requests(void) {
  const char *const path = getenv("HAKMEM_STATS_FILE");
  const int file = path != NULL ? open(path, O_RDWR) : -1;
  if (file < 0) wrong("HAKMEM_STATS_FILE must name the file of this process");
  const pthread_t users[] = {begin(use_on, (void *)1), begin(use_on, (void *)2)};
  static const char *const texts[] = {"PROFILE=64K", "GUARD=100", "STATS_INTERVAL=1", "PROFILE=0", "GUARD=0"};
  for (unsigned i = 0; i < 10; i++) request(file, i + 1, texts[i % 5]);
  over = true;
  for (unsigned i = 0; i < 2; i++) pthread_join(users[i], NULL);
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*run)(void);
  } kinds[] = {{"threads", threads}, {"batches", batches}, {"forks", forks}, {"early", early}, {"requests", requests}};
  for (unsigned i = 0; argc == 2 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
    if (strcmp(argv[1], kinds[i].name) != 0) continue;
    hak_free(hak_malloc(1));
    kinds[i].run();
    check_core();
    printf("%s: %u\n", argv[1], done);
    return 0;
  }
  fprintf(stderr, "usage: protocols threads|batches|forks|early|requests\n");
  return 2;
}
