/*
 * start.c: the start, the end and the forks of the allocator: which lock is taken when.
 */
#include <pthread.h>
#include <sys/single_threaded.h>

#include "alloc.h"
#include "start.h"
#include "platform/config.h"
#include "platform/environment.h"
#include "modes/debug/debug.h"
#include "checks/end_check.h"
#include "checker_hooks.h"
#include "probe.h"
#include "front.h"
#include "modes/guard.h"
#include "modes/modes.h"
#include "modes/secure/secure.h"
#include "slabs/legacy/legacy.h"
#include "slabs/legacy/seals.h"
#include "platform/message.h"
#include "memory/os.h"
#include "memory/soft_limit.h"
#include "checks/records.h"
#include "modes/recent.h"
#include "modes/retired.h"
#include "slabs/pool/shared_pool.h"
#include "slabs/superslabs.h"
#include "platform/syscall.h"

/* ---- Fork. ---- */

static const struct lock_row *const locks[] = {
  &sll_locks,     &pool_locks,   &superslabs_locks, &legacy_locks, &seal_locks,   &directory_locks,  &os_metadata_locks, &os_own_locks,
#if HAKMEM_EVENTS
  &retired_locks, &record_locks, &guard_locks,      &debug_locks,  &recent_locks, &hub_stacks_locks, &hub_modules_locks,
#endif
};

static uint64_t forked_ms; /* 0 if this process was not forked through our handlers */

/* Whether the thread is outside of hakmem. Not so in a signal handler that interrupted it while it held a lock, or had begun what others wait for. */
static bool is_outside(void) { return sll_is_outside() && !hub_is_inside() && !locks_any_held(locks, ARRAY_LENGTH(locks)); }

/* What a fork in progress holds. If a signal handler forks in the middle of it, that fork finds some of it held already. */
static __thread struct {
  uint32_t stdio;
  uint64_t signals;
} forking;

/* glibc's lock of the list of its FILEs, which is recursive. glibc's own fork takes it, after all handlers. */
extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));

static bool take_stdio(void) {
  if (__libc_single_threaded || _IO_list_lock == NULL) return false;
  _IO_list_lock();
  forking.stdio++;
  return true;
}

static void release_stdio(void) {
  forking.stdio--;
  _IO_list_unlock();
}

#define CHILD_AUDIT_MS 3
#define FORK_PAUSE_NS 1000000 /* with nothing held, so that two forks that wait for each other's locks can proceed */

/*
 * A thread that holds stdio's locks may allocate, so these locks come before ours, as in the C library. If we did not take them here, glibc's fork would
 * take them after ours. Its other locks are no danger: while it holds those, it neither allocates nor uses stdio.
 *
 * From then on to the end of the fork, signals are blocked: a handler on this thread would find all locks held, or fork itself.
 */
static void fork_prepare(void) {
  if (MODE(debug) && is_outside()) debug_fork_prepare();
  hub_fork_prepare();
  for (;;) {
    const bool stdio = take_stdio();
    forking.signals = sys_block_signals();
    sll_fork_prepare();
    if (locks_take_all(locks, ARRAY_LENGTH(locks))) {
      hub_fork_locked();
      return;
    }
    sll_fork_parent();
    sys_restore_signals(forking.signals);
    if (stdio) release_stdio();
    sys_sleep_ns(FORK_PAUSE_NS);
  }
}

static void fork_parent(void) {
  locks_release_all(locks, ARRAY_LENGTH(locks));
  sll_fork_parent();
  hub_fork_parent();
  if (forking.stdio > 0) release_stdio();
  sys_restore_signals(forking.signals);
}

/* The other threads are gone. With all locks released, their unfinished operations are completed or undone. */
static void fork_child(void) {
  forked_ms = os_now_ms();
  locks_release_all(locks, ARRAY_LENGTH(locks));
  os_fork_child();
  if (HAKMEM_EVENTS) debug_fork_child();
  if (MODE(secure)) secure_fork_child();
  units_fork_child();
  pool_fork_child();
  sll_fork_child();
  hub_fork_child();
  if (forking.stdio > 0) _IO_list_resetlock(); /* as the C library does: we may have taken it several times, once for each fork in progress */
  forking.stdio = 0;
  sys_restore_signals(forking.signals);
}

/*
 * The C library's own registration. pthread_atfork would give it this library as the object, and the handlers would be removed when the process ends: for
 * another thread that forks then, between fork_prepare and fork_parent. All locks would stay taken, that of the standard streams, too.
 */
extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *object);

void alloc_watch_forks(void) {
  static bool registered;
  if (registered) return;
  registered = true;
  __register_atfork(fork_prepare, fork_parent, fork_child, NULL);
}

/* ---- Trim. ---- */

/*
 * The handler may have interrupted a step of the fast path, so it does not drain the lists of its own thread. It claims those of others, as every thread
 * does; and its own ones while sll_self is empty, which is as safe: between any two steps of the owner. In the slow path, the thread may hold a lock or
 * have begun what others wait for.
 */
bool usage_trim_in_signal(void) {
  if (!is_outside()) return false;
  hub_call_begin();
  sll_release_all(NULL, 0);
  hub_call_none();
  return true;
}

/* ---- Start. ---- */

static bool options_read, started;

/*
 * One thread exists when the first block is allocated. But other libraries' constructors may run before ours, start threads, and fork. Until the C library
 * has an environment, each allocation tries again to read the options.
 */
void alloc_prepare(void) {
  if (options_read) return;
  static bool prepared;
  if (!prepared) {
    prepared = true;
    message_start_error();
    sll_start();
    alloc_watch_forks();
  }
  options_read = environment_read();
  os_barrier_start();
  const bool checked = hub_check();
  if (HAKMEM_EVENTS) front_start();
  sll_go_slow(config.trace != 0 || checked || MODE(leaks) || MODE(debug)); /* adjust_trace changes it later */
}

/* Opens files and libraries, which must not happen inside a malloc of the loader. So a constructor calls it: ours or a tracer's. */
void alloc_start(void) {
  if (started) return;
  started = true;
  alloc_prepare();
  if (config.help != 0) environment_help(STDERR_FILENO);
  soft_limit_set(config.soft_limit);
  hub_start();
}

__attribute__((constructor(102))) static void start(void) { alloc_start(); }

/*
 * The deadline of the audit at the end. A shell's children live for a moment, and inherit thousands of blocks that their parent audits, too. So the audit
 * of a child takes no longer than its life, or a few ms.
 */
static uint64_t audit_until(void) {
  const uint64_t now_ms = os_now_ms(), life_ms = now_ms - forked_ms;
  return forked_ms == 0 ? UINT64_MAX : now_ms + (life_ms > CHILD_AUDIT_MS ? life_ms : CHILD_AUDIT_MS);
}

__attribute__((destructor(101))) static void stop(void) {
  if (MODE(front)) front_audit(audit_until());
  sll_audit_ended();
  if (HAKMEM_EVENTS) end_check(sll_running() <= 1);
  hub_stop();
}
