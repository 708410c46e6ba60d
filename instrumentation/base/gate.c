/*
 * gate.c: who may be in the dynamic loader's lists and in libunwind, which walks them.
 *
 * A stack is taken wherever a block is handed out, whatever the program holds at that moment. Two things must not wait for it, nor
 * it for them:
 *
 *   - a fork: the child could never take a lock again that another thread held in libunwind or in the loader at the fork;
 *   - a callback of dl_iterate_phdr, which runs with the loader's lock held. Where it waits for a lock of the program's whose holder
 *     allocates (LTTng's listener threads do), that holder's stack would wait for the loader's lock, for ever.
 *
 * So both bar the gate, and wait until nobody is inside; who comes by meanwhile gets no more than frame pointers can tell.
 * A thread is inside and may not be, or sees no bar: both sides write their word before they read the other's.
 */
#include "src/platform/syscall.h"
#include "gate.h"

#define YIELDS 100    /* before it sleeps: who is inside may have a lower priority than who waits */
#define SLEEPS 20000  /* of 50 us: who is inside so long was stopped, or was lost in a fork that ran no handlers */

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
 * A signal handler that interrupts a thread inside may fork. The child then has the loader's lock as the thread held it, for a holder with another number:
 * it can neither be given back nor be taken again.
 */
void gate_fork_child(void) {
  if (inside_here > 0) __atomic_store_n(&closed, true, __ATOMIC_RELAXED);
  /* Who was inside, or barred the gate, on other threads does not exist here; the fork's own bar is over. */
  bars_here--;
  __atomic_store_n(&bars, bars_here, __ATOMIC_SEQ_CST);
  __atomic_store_n(&inside, inside_here, __ATOMIC_SEQ_CST);
}
