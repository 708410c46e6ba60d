/* What other threads may take of a thread's lists, whatever their owner is at; and what all lists share. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc/alloc.h"
#include "platform/config.h"
#include "base/sink.h"
#include "statistics/stats.h"
#include "memory/os.h"
#include "threads/tls_lists.h"
#include "slabs/superslabs.h"
#include "lists.h"

enum { SIZE = 500, BLOCKS = 50 };

/* A thread that fills its list, does `before`, rests until the test has collected, does `after`, and allocates and frees again. */
struct owner {
  void (*before)(struct owner *owner);
  void (*after)(struct owner *owner);
  pthread_barrier_t barrier;
  pthread_t thread;
  uint32_t cls;
  struct block *block;
};

static void use(unsigned blocks) {
  static __thread void *p[4 * BLOCKS];
  for (unsigned i = 0; i < blocks; i++) memset(p[i] = alloc_fast(SIZE), 1, SIZE);
  for (unsigned i = 0; i < blocks; i++) free_fast(p[i]);
}

static void *own(void *arg) {
  struct owner *o = arg;
  use(BLOCKS);
  if (o->before != NULL) o->before(o);
  pthread_barrier_wait(&o->barrier);
  pthread_barrier_wait(&o->barrier);
  if (o->after != NULL) o->after(o);
  use(4 * BLOCKS);
  return NULL;
}

static void start(struct owner *o) {
  if (!SLL_CAN_COLLECT || !os_barrier()) cr_skip_test("threads cannot collect others' lists here");
  config.release_delay = 1000000;
  o->cls = class_of_size(SIZE);
  pthread_barrier_init(&o->barrier, NULL, 2);
  pthread_create(&o->thread, NULL, own, o);
  pthread_barrier_wait(&o->barrier);
}

static void end(struct owner *o) {
  pthread_barrier_wait(&o->barrier);
  pthread_join(o->thread, NULL);
  const struct stats_class_counters c = counted(o->cls);
  cr_assert_eq(c.allocs, 5 * BLOCKS + (o->block != NULL));
  cr_assert_eq(c.frees, 5 * BLOCKS + (o->block != NULL));
}

static void collect(void) { sll_collect_idle(UINT64_MAX, DRAIN_TRIM); }

Test(tls_idle, what_a_resting_thread_has_is_collected) {
  struct owner o = {0};
  start(&o);
  cr_assert_gt(cached(o.cls), 4);
  collect();
  cr_assert_eq(cached(o.cls), 0);
  cr_assert_eq(stats_block()->cls[o.cls].drain_trim, 1);
  collect(); /* finds nothing */
  end(&o);
}

static void enter(struct owner *o) { sll_hold(sll_self), (void)o; }
static void leave(struct owner *o) { sll_let_go(sll_self), (void)o; }

Test(tls_idle, a_thread_in_its_slow_path_keeps_its_lists) {
  struct owner o = {.before = enter, .after = leave};
  start(&o);
  const uint64_t before = cached(o.cls);
  collect();
  cr_assert_eq(cached(o.cls), before);
  end(&o);
}

/* The first half of pop_fast, and the second one. */
static void begin_pop(struct owner *o) {
  o->block = sll_self->head[o->cls];
  cr_assert(block_can_pop(o->block));
  cr_assert_not(budget_step(&sll_self->budget[o->cls].alloc));
}

static void end_pop(struct owner *o) {
  cr_assert_eq(sll_self->head[o->cls], o->block, "somebody took the block that this thread has");
  sll_self->head[o->cls] = block_next(o->block);
  header_set(o->block, sll_self->live[o->cls]);
  free_fast(o->block);
}

Test(tls_idle, a_thread_within_malloc_keeps_the_list) {
  struct owner o = {.before = begin_pop, .after = end_pop};
  start(&o);
  collect();
  end(&o);
}

/* The same of push_fast. */
static void begin_push(struct owner *o) {
  o->block = alloc_fast(SIZE);
  cr_assert_not(budget_step(&sll_self->budget[o->cls].free));
  header_set(o->block, HEADER_FREE);
  block_link(o->block, sll_self->head[o->cls]);
}

static void end_push(struct owner *o) {
  cr_assert_eq(sll_self->head[o->cls], block_next(o->block), "the block's link leads into what somebody took");
  sll_self->head[o->cls] = o->block;
}

Test(tls_idle, a_thread_within_free_keeps_the_list) {
  struct owner o = {.before = begin_push, .after = end_push};
  start(&o);
  collect();
  end(&o);
}

/* Before the step, the owner has read the head. It reads the head's header only after all blocks were returned. */
static void begin_early(struct owner *o) { o->block = sll_self->head[o->cls]; }

static void end_early(struct owner *o) {
  if (block_can_pop(o->block)) cr_assert(budget_step(&sll_self->budget[o->cls].alloc), "the budget is not used up");
  o->block = NULL;
}

Test(tls_idle, what_a_thread_is_about_to_read_stays_mapped) {
  struct owner o = {.before = begin_early, .after = end_early};
  start(&o);
  collect();
  cr_assert_eq(cached(o.cls), 0);
  alloc_trim(0);
  cr_assert_null(directory_slab(o.block), "its slab went");
  end(&o);
}

Test(tls_idle, nothing_stays_mapped_for_a_thread_that_a_fork_left_behind) {
  struct owner o = {0};
  start(&o);
  collect();
  const pid_t pid = fork();
  if (pid == 0) {
    struct superslabs_totals units;
    alloc_trim(0);
    superslabs_totals(&units);
    _exit(units.active != 0);
  }
  int status;
  cr_assert_eq(waitpid(pid, &status, 0), pid);
  cr_expect_eq(status, 0, "a SuperSlab stays, and there is no thread that would let it go");
  end(&o);
}

/* ---- Events. ---- */

static pthread_barrier_t raised;

/* What was found is given back: meanwhile all owners go on, and through their slow paths. */
static void on_drain(const struct event_tls_sll_drain *e) {
  static bool once;
  if (e->reason != DRAIN_TRIM || once) return;
  once = true;
  pthread_barrier_wait(&raised);
  pthread_barrier_wait(&raised);
}

static void *rest_until_raised(void *unused) {
  use(BLOCKS);
  pthread_barrier_wait(&raised);
  pthread_barrier_wait(&raised);
  use(4 * BLOCKS);
  pthread_barrier_wait(&raised);
  return unused;
}

Test(tls_idle, no_owner_waits_for_an_event, .timeout = 60) {
  enum { OWNERS = 3 };
  static const struct hak_event_sink sink = {.version = HAK_EVENT_SINK_VERSION, .size = sizeof(sink), .tls_sll_drain = on_drain};
  pthread_t t[OWNERS];
  if (!SLL_CAN_COLLECT || !os_barrier()) cr_skip_test("threads cannot collect others' lists here");
  config.release_delay = 1000000;
  cr_assert_eq(hak_event_sink_attach(&sink), 0);
  pthread_barrier_init(&raised, NULL, OWNERS + 1);
  for (unsigned i = 0; i < OWNERS; i++) pthread_create(&t[i], NULL, rest_until_raised, NULL);
  pthread_barrier_wait(&raised);
  collect();
  for (unsigned i = 0; i < OWNERS; i++) pthread_join(t[i], NULL);
}

/* ---- What all lists share. ---- */

static void use_all(unsigned rounds) {
  static __thread void *p[400];
  for (unsigned round = 0; round < rounds; round++) {
    for (size_t size = 16; size < SMALL_MAX; size += size / 8) {
      const unsigned n = size < 500 ? 400 : 60;
      for (unsigned i = 0; i < n; i++) p[i] = alloc_fast(size);
      for (unsigned i = 0; i < n; i++) free_fast(p[i]);
    }
  }
}

static void *use_all_and_rest(void *arg) {
  use_all(6);
  pthread_barrier_wait(arg);
  pthread_barrier_wait(arg);
  return NULL;
}

Test(tls_idle, all_lists_together_hold_little) {
  enum { THREADS = 60 };
  pthread_t t[THREADS];
  pthread_barrier_t barrier;
  config.release_delay = 1000000;
  pthread_barrier_init(&barrier, NULL, THREADS + 1);
  use_all(1);
  const size_t one = sll_shared();
  for (unsigned i = 0; i < THREADS; i++) pthread_create(&t[i], NULL, use_all_and_rest, &barrier);
  pthread_barrier_wait(&barrier);
  uint64_t bytes = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) bytes += cached(cls) * class_stride(cls);
  cr_expect_leq(sll_shared(), 34 * MIB);
  cr_expect_leq(bytes, 34 * MIB + THREADS * MIB);
  pthread_barrier_wait(&barrier);
  for (unsigned i = 0; i < THREADS; i++) pthread_join(t[i], NULL);
  sll_trim_ended();
  cr_expect_leq(sll_shared(), one, "what ended threads had is the others' again");
}
