/*
 * gate.c: which threads may be in the dynamic loader's lists and in libunwind, which walks them.
 *
 * A stack may be taken whenever a block is handed out, whatever locks the program holds. Two things must not wait for it, nor it for them:
 *
 *   - a fork: the child could never again take a lock that another thread held in libunwind or in the loader at the fork;
 *   - a callback of dl_iterate_phdr, which runs with the loader's lock held. It may wait for a lock of the program whose holder
 *     allocates (LTTng's listener threads do). That holder's stack would wait for the loader's lock, for ever.
 *
 * So both bar the gate, and wait until no other thread is inside. A thread that needs a stack meanwhile uses frame pointers only.
 * Both sides write their own word before they read the other's: so either the thread sees the bar, or the bar sees the thread.
 */
#include "src/platform/syscall.h"
#include "gate.h"

#define YIELDS 100    /* before it sleeps: the thread inside may have a lower priority than this one */
#define SLEEPS 20000  /* of 50 us: a thread that is inside for longer was stopped, or was lost in a fork that ran no handlers */

static uint32_t inside; /* atomic; threads inside */
static uint32_t bars;   /* atomic; forks and callbacks under way */
static __thread uint32_t inside_here __attribute__((tls_model("initial-exec"))); /* a signal handler may fork */
static __thread uint32_t bars_here __attribute__((tls_model("initial-exec")));   /* a callback may allocate */

static bool closed; /* atomic; for ever, in a child that was forked by a thread inside */

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
 * A signal handler that interrupts a thread inside may fork. The child then inherits the loader's lock as held, by a thread number that it does not have:
 * it can neither release the lock nor take it again.
 */
void gate_fork_child(void) {
  if (inside_here > 0) __atomic_store_n(&closed, true, __ATOMIC_RELAXED);
  /* Other threads, inside or barring, do not exist in the child; the fork's own bar is over. */
  bars_here--;
  __atomic_store_n(&bars, bars_here, __ATOMIC_SEQ_CST);
  __atomic_store_n(&inside, inside_here, __ATOMIC_SEQ_CST);
}
