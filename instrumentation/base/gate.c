/*
 * gate.c: which threads may call the dynamic loader's lists, and libunwind, which walks them.
 *
 * A stack may be taken at any allocation, whatever locks the program holds. Three other parties must neither wait for it nor make it wait:
 *
 *   - a fork: the child could never take a lock that another thread held in libunwind or in the loader;
 *   - a callback of dl_iterate_phdr, which runs under the loader's lock. It may wait for a lock of the program, and the holder of that lock
 *     may allocate (LTTng's listener threads do). The holder's stack would wait for the loader's lock: a deadlock;
 *   - a signal handler that interrupts a thread inside. It may wait for another thread, for example by a fork, which takes stdio's locks.
 *
 * So a fork and a callback bar the gate, and wait until no other thread is inside. Meanwhile a thread that needs a stack uses frame pointers only.
 * Each side writes its own word before it reads the other's: so the thread sees the bar, or the bar sees the thread. And a thread inside waits for the
 * loader's lock a short time only: the lock's holder may be in a signal handler.
 */
#include "src/platform/syscall.h"
#include "gate.h"

#define YIELDS 100     /* before it sleeps: the thread inside may have a lower priority than this one */
#define SLEEP_NS 50000 /* between two looks */
#define BAR_MS 1000    /* a thread that stays longer was stopped, is in a signal handler, or was lost in a fork without handlers */
#define ASK_WAIT_MS 100

static uint32_t inside;                                                          /* atomic; threads inside */
static uint32_t bars;                                                            /* running forks and callbacks */
static uint32_t callbacks;                                                       /* atomic; of the bars, those of callbacks */
static pthread_mutex_t *loader_lock;                                             /* NULL: unknown; see loader.c */
static __thread uint32_t inside_here __attribute__((tls_model("initial-exec"))); /* a signal handler may fork */
static __thread uint32_t bars_here __attribute__((tls_model("initial-exec")));   /* a callback may allocate */
static __thread uint32_t callbacks_here __attribute__((tls_model("initial-exec")));
static __thread uint32_t asking_here __attribute__((tls_model("initial-exec"))); /* calls of the loader, from inside */
static __thread bool gave_up __attribute__((tls_model("initial-exec")));         /* this fork, waiting */

static bool closed; /* for ever: in a child that cannot take the loader's lock */

bool gate_is_closed(void) { return __atomic_load_n(&closed, __ATOMIC_RELAXED); }

bool gate_enter(void) {
  inside_here++;
  __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
  return __atomic_load_n(&bars, __ATOMIC_SEQ_CST) == bars_here && !gate_is_closed();
}

void gate_leave(void) {
  __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
  inside_here--;
}

bool gate_is_inside(void) { return inside_here > 0; }

void gate_know_loader_lock(pthread_mutex_t *lock) { loader_lock = lock; }

/* The lock is recursive. */
static bool take_loader_lock(void) {
  if (pthread_mutex_trylock(loader_lock) == 0) return true;
  struct timespec until;
  sys_clock(CLOCK_MONOTONIC, &until);
  until.tv_nsec += ASK_WAIT_MS * 1000000;
  until.tv_sec += until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  return pthread_mutex_clocklock(loader_lock, CLOCK_MONOTONIC, &until) == 0;
}

bool gate_ask(void) {
  if (gate_is_closed()) return false;
  asking_here++;
  if (loader_lock == NULL || take_loader_lock()) return true;
  asking_here--;
  return false;
}

void gate_answered(void) {
  if (loader_lock != NULL) pthread_mutex_unlock(loader_lock);
  asking_here--;
}

static uint64_t now_ms(void) {
  struct timespec now;
  sys_clock(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * False: another thread stayed inside. If this thread itself is in the loader, it waits for none: the others may wait for it, and a child cannot use the
 * loader anyway.
 */
static bool bar(void) {
  bars_here++;
  __atomic_add_fetch(&bars, 1, __ATOMIC_SEQ_CST);
  const uint64_t start = now_ms();
  for (unsigned i = 0; __atomic_load_n(&inside, __ATOMIC_SEQ_CST) > inside_here && asking_here == 0; i++) {
    if (i < YIELDS) sys_yield();
    else if (now_ms() - start > BAR_MS) return false;
    else sys_sleep_ns(SLEEP_NS);
  }
  return true;
}

static void unbar(void) {
  __atomic_sub_fetch(&bars, 1, __ATOMIC_SEQ_CST);
  bars_here--;
}

void gate_bar_callback(void) {
  bar();
  callbacks_here++;
  __atomic_add_fetch(&callbacks, 1, __ATOMIC_SEQ_CST);
}

void gate_unbar_callback(void) {
  __atomic_sub_fetch(&callbacks, 1, __ATOMIC_SEQ_CST);
  callbacks_here--;
  unbar();
}

/* A callback of another thread is mostly over soon. It may also wait for a lock that this thread holds. */
void gate_bar_fork(void) {
  gave_up = !bar();
  for (unsigned i = 0; i < YIELDS && __atomic_load_n(&callbacks, __ATOMIC_SEQ_CST) > callbacks_here; i++) sys_yield();
}

void gate_unbar_fork(void) { unbar(); }

/*
 * The loader's lock may be held by a thread that does not exist in the child: by any in a callback, or by this one, which has another number now. The child
 * can neither release nor take the lock then. If another thread stayed inside, it may hold a lock of libunwind's.
 */
void gate_fork_child(void) {
  if (callbacks > 0 || asking_here > 0 || gave_up) __atomic_store_n(&closed, true, __ATOMIC_RELAXED);
  /* Other threads do not exist in the child, inside or barring. Its own bar is over. */
  bars_here--;
  __atomic_store_n(&callbacks, callbacks_here, __ATOMIC_SEQ_CST);
  __atomic_store_n(&bars, bars_here, __ATOMIC_SEQ_CST);
  __atomic_store_n(&inside, inside_here, __ATOMIC_SEQ_CST);
}
