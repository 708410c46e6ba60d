/*
 * gate.c: which threads may call the dynamic loader's lists, and libunwind, which walks them.
 *
 * A stack may be taken at any allocation, whatever locks the program holds. Two other parties must neither wait for it nor make it wait:
 *
 *   - a fork: the child could never take a lock that another thread held in libunwind or in the loader;
 *   - a callback of dl_iterate_phdr, which runs under the loader's lock. It may wait for a lock of the program, and the holder of that lock
 *     may allocate (LTTng's listener threads do). The holder's stack would wait for the loader's lock: a deadlock.
 *
 * So both bar the gate, and wait until no other thread is inside. Meanwhile a thread that needs a stack uses frame pointers only. Each side writes
 * its own word before it reads the other's: so the thread sees the bar, or the bar sees the thread.
 */
#include "src/platform/syscall.h"
#include "gate.h"

#define YIELDS 100   /* before it sleeps: the thread inside may have a lower priority than this one */
#define SLEEPS 20000 /* of 50 us: a thread that stays longer was stopped, or lost in a fork without handlers */

static uint32_t inside;                                                          /* atomic; threads inside */
static uint32_t bars;                                                            /* running forks and callbacks */
static __thread uint32_t inside_here __attribute__((tls_model("initial-exec"))); /* a signal handler may fork */
static __thread uint32_t bars_here __attribute__((tls_model("initial-exec")));   /* a callback may allocate */

static bool closed; /* for ever: in a child that a thread inside has forked */

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

void gate_bar(void) {
  bars_here++;
  __atomic_add_fetch(&bars, 1, __ATOMIC_SEQ_CST);
  for (unsigned i = 0; i < YIELDS + SLEEPS && __atomic_load_n(&inside, __ATOMIC_SEQ_CST) > inside_here; i++) {
    if (i < YIELDS) sys_yield();
    else sys_sleep_ns(50000);
  }
}

void gate_unbar(void) {
  __atomic_sub_fetch(&bars, 1, __ATOMIC_SEQ_CST);
  bars_here--;
}

/*
 * A signal handler may fork while it interrupts a thread inside. The child then inherits the loader's lock as held by a thread that does not exist
 * in it. It can neither release nor take the lock.
 */
void gate_fork_child(void) {
  if (inside_here > 0) __atomic_store_n(&closed, true, __ATOMIC_RELAXED);
  /* Other threads do not exist in the child, inside or barring. Its own bar is over. */
  bars_here--;
  __atomic_store_n(&bars, bars_here, __ATOMIC_SEQ_CST);
  __atomic_store_n(&inside, inside_here, __ATOMIC_SEQ_CST);
}
