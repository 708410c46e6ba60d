/*
 * gate.c: which threads may ask the dynamic loader for its lists, and libunwind, which asks the loader.
 *
 * A stack may be taken at any allocation, whatever locks the program holds. Three other parties must neither wait for it nor make it wait:
 *
 *   - a fork: the child could never take a lock that another thread held in libunwind or in the loader;
 *   - a callback of dl_iterate_phdr, which runs under the loader's lock. It may wait for a lock of the program, and the holder of that lock
 *     may allocate (LTTng's listener threads do). The holder's stack would wait for the loader's lock: a deadlock;
 *   - a signal handler that interrupts a thread that asks. It may fork, or hold the thread there until another one has done something (garbage
 *     collectors do), which may need the loader.
 *
 * So a fork and a callback bar the gate, and wait until no other thread asks. Meanwhile a thread that needs a stack uses frame pointers only.
 * Each side writes its own word before it reads the other's: so the thread sees the bar, or the bar sees the thread. And signals are blocked while
 * a thread asks, except those of faults. That costs two system calls, so a stack asks only what is not known yet.
 */
#include "src/platform/base.h"
#include "src/platform/syscall.h"
#include "clock.h"
#include "gate.h"

#define TLS __thread __attribute__((tls_model("initial-exec")))
#define YIELDS 100                  /* before it sleeps: the thread that asks may have a lower priority than this one */
#define SLEEP_NS 50000              /* between two looks */
#define BAR_NS UINT64_C(1000000000) /* a thread that asks longer was stopped, or was lost in a fork without handlers */

static uint32_t asking;                    /* atomic; threads that ask */
static uint32_t bars;                      /* atomic; running forks and callbacks */
static bool closed;                        /* atomic; for ever */
static const pthread_mutex_t *loader_lock; /* NULL: unknown */

static TLS uint32_t asking_here;    /* nested calls */
static TLS uint64_t signals_before; /* gate_ask */
static TLS uint32_t bars_here;      /* a callback may allocate */
static TLS const void *callback_at; /* the frame that called the outermost running callback; NULL: there is none */
static TLS pid_t callback_by;       /* its thread; a child of vfork has the same variables, and another thread id */
static TLS bool callback_ran;       /* so the thread holds the loader's lock as long as it is in that frame */
static TLS bool gave_up;            /* this thread's fork stopped waiting for a thread that asks */

bool gate_is_closed(void) { return __atomic_load_n(&closed, __ATOMIC_RELAXED); }
void gate_set_loader_lock(const pthread_mutex_t *lock) { __atomic_store_n(&loader_lock, lock, __ATOMIC_RELEASE); }

/* ---- Bars. ---- */

static void unbar(void) {
  __atomic_sub_fetch(&bars, 1, __ATOMIC_SEQ_CST);
  bars_here--;
}

/* Whether a thread is in the loader: in any, or, with `by`, in that one. False if the lock is unknown. */
static bool loader_is_held(pid_t by) {
  const pthread_mutex_t *const lock = __atomic_load_n(&loader_lock, __ATOMIC_ACQUIRE);
  return lock != NULL && (by != 0 ? __atomic_load_n(&lock->__data.__owner, __ATOMIC_RELAXED) == by : lock->__data.__lock != 0);
}

/* Threads that ask, without this one: the handler of a fault may interrupt it. */
static uint32_t others_asking(void) { return __atomic_load_n(&asking, __ATOMIC_SEQ_CST) - (asking_here > 0); }

/*
 * False: other threads may still ask. A handler that interrupted the program in the loader waits for none of them, because they may wait for the loader's
 * lock.
 */
static bool bar(void) {
  bars_here++;
  __atomic_add_fetch(&bars, 1, __ATOMIC_SEQ_CST);
  if (others_asking() == 0) return true;
  const uint64_t start = clock_ns(CLOCK_MONOTONIC);
  const bool waits = !loader_is_held(sys_gettid());
  for (unsigned i = 0; waits && others_asking() != 0; i++) {
    if (i < YIELDS) sys_yield();
    else if (clock_ns(CLOCK_MONOTONIC) - start > BAR_NS) return false;
    else sys_sleep_ns(SLEEP_NS);
  }
  return waits;
}

/*
 * An exception may leave a callback, and releases the loader's lock. Then the bar falls when its thread is here again. A longjmp leaves the lock held, and so
 * the bar up. If the lock is unknown, the bar stays up until the thread ends.
 */
static void forget_left(void) {
  if (LIKELY(callback_at == NULL) || !callback_ran || __atomic_load_n(&loader_lock, __ATOMIC_ACQUIRE) == NULL || loader_is_held(callback_by)) return;
  callback_at = NULL;
  unbar();
}

void gate_bar_callback(const void *frame) {
  forget_left();
  if (callback_at != NULL) return;
  callback_at = frame;
  callback_by = sys_gettid();
  callback_ran = false;
  bar();
}

/* A signal handler may call one before the interrupted call has taken the loader's lock. */
void gate_callback_runs(const void *frame) {
  if (frame == callback_at) callback_ran = true;
}

void gate_unbar_callback(const void *frame) {
  if (callback_at != frame) return;
  callback_at = NULL;
  unbar();
}

void gate_unbar_thread(void) {
  if (callback_at != NULL) gate_unbar_callback(callback_at);
}

/* ---- Questions. ---- */

bool gate_ask(void) {
  if (asking_here > 0) return !gate_is_closed() && asking_here++ > 0;
  forget_left();
  if (gate_is_closed() || __atomic_load_n(&bars, __ATOMIC_RELAXED) != bars_here) return false;
  const uint64_t signals = sys_block_signals_but(SIGNALS_OF_FAULTS);
  __atomic_add_fetch(&asking, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&bars, __ATOMIC_SEQ_CST) == bars_here) {
    signals_before = signals;
    asking_here = 1;
    return true;
  }
  __atomic_sub_fetch(&asking, 1, __ATOMIC_SEQ_CST);
  sys_restore_signals(signals);
  return false;
}

void gate_ask_end(void) {
  if (--asking_here > 0) return;
  __atomic_sub_fetch(&asking, 1, __ATOMIC_SEQ_CST);
  sys_restore_signals(signals_before);
}

bool gate_is_asking(void) { return asking_here > 0; }

/* ---- Forks. ---- */

void gate_bar_fork(void) { gave_up = !bar(); }
void gate_unbar_fork(void) { unbar(); }

/*
 * The loader's lock may be held by a thread that does not exist in the child, or by this one, whose thread id in the lock is that of the parent. Nobody
 * can release it there.
 */
void gate_fork_child(void) {
  if (gave_up || loader_is_held(0)) __atomic_store_n(&closed, true, __ATOMIC_RELAXED);
  /* Other threads do not exist in the child, asking or barring. Its own bar is over. */
  bars_here--;
  __atomic_store_n(&bars, bars_here, __ATOMIC_SEQ_CST);
  __atomic_store_n(&asking, asking_here > 0, __ATOMIC_SEQ_CST);
}
