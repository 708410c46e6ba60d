/*
 * fault.c: the handler of SIGSEGV that reports accesses to guarded memory (src/modes/guard.h), and to closed memory behind large and huge blocks, in front
 * of the program's own handler.
 *
 *   in the kernel:      our handler, with the mask and the flags of the program's handler, or an empty mask if it has none
 *   for the program:    `own`: the handler that it last set; sigaction (signals.c) sets and returns it
 *
 * So the kernel applies the program's mask, stack and nesting to both handlers. Ours works on a stack of its own, with all signals blocked, one
 * thread at a time. Then the program's handler runs in its place, with the same arguments, or the kernel's default action follows. Our handler
 * leaves no state behind, so a handler that jumps out does no harm.
 *
 * Only SIGSEGV: an access to a page without permissions never raises SIGBUS. A system call that gets such an address fails with EFAULT, without a
 * report.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "src/checks/misuse.h"
#include "src/modes/guard.h"
#include "src/memory/os.h"
#include "src/platform/message.h"
#include "src/platform/syscall.h"
#include "fault.h"

#define STACK_SIZE (128 * KIB)
#define WAITS 100000 /* of 50 us: for another thread's report */

extern int __sigaction(int signal, const struct sigaction *act, struct sigaction *old); /* glibc's other name of it */
static int (*libc_sigaction)(int, const struct sigaction *, struct sigaction *);
static bool installed; /* atomic */
static pid_t process;  /* the process that installed the handler; a child of vfork shares this memory */
static struct sigaction own;
static bool own_busy; /* held with all signals blocked; no code under it can fault */

static uint64_t hold(void) {
  const uint64_t before = sys_block_signals();
  while (__atomic_exchange_n(&own_busy, true, __ATOMIC_ACQUIRE)) sys_yield();
  return before;
}

static void release(uint64_t before) {
  __atomic_store_n(&own_busy, false, __ATOMIC_RELEASE);
  sys_restore_signals(before);
}

/* ---- The report, on a stack of its own. ---- */

static struct report {
  uint32_t thread; /* the thread that reports; 0: none */
  char *stack;
  ucontext_t here, there;
  const void *address;
  enum access_way way;
  void *context;
} report;

static void on_stack(void) {
  if (guard_owns(report.address)) guard_fault(report.address, report.way, report.context);
  else misuse_behind(report.address, report.way, report.context);
}

static enum access_way way_of(const ucontext_t *context) {
#if defined(__x86_64__)
  return (context->uc_mcontext.gregs[REG_ERR] & 2) != 0 ? ACCESS_WRITE : ACCESS_READ; /* the page fault's error code */
#else
  (void)context;
  return ACCESS_ANY;
#endif
}

/* False: another thread does not finish its report, or this thread is already reporting, so the fault is our own. */
static bool take_report(void) {
  const uint32_t self = os_thread();
  for (unsigned i = 0; i < WAITS; i++) {
    uint32_t nobody = 0;
    if (__atomic_compare_exchange_n(&report.thread, &nobody, self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return true;
    if (nobody == self) return false;
    sys_sleep_ns(50000);
  }
  return false;
}

static void tell(const void *address, void *context) {
  if (!take_report()) return;
  report.address = address;
  report.way = way_of(context);
  report.context = context;
  if (getcontext(&report.there) == 0) {
    report.there.uc_stack.ss_sp = report.stack;
    report.there.uc_stack.ss_size = STACK_SIZE;
    report.there.uc_link = &report.here;
    sigfillset(&report.there.uc_sigmask);
    makecontext(&report.there, on_stack, 0);
    swapcontext(&report.here, &report.there);
  }
  __atomic_store_n(&report.thread, 0, __ATOMIC_RELEASE);
}

/* ---- The program's handler. ---- */

/* Repeats the signal with the default action, so that the core has the same siginfo and registers. It takes effect when our handler returns. */
static void end_by_default(int signal, siginfo_t *info) {
  const struct sigaction by_default = {.sa_handler = SIG_DFL};
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, signal);
  pthread_sigmask(SIG_BLOCK, &mask, NULL);
  libc_sigaction(signal, &by_default, NULL);
  sys_raw(SYS_rt_tgsigqueueinfo, sys_getpid(), sys_gettid(), signal, (long)info, 0, 0);
}

static void pass_on(int signal, siginfo_t *info, void *context) {
  const uint64_t before = hold();
  const struct sigaction to = own;
  if (((unsigned)to.sa_flags & SA_RESETHAND) != 0 && to.sa_handler != SIG_IGN) own.sa_handler = SIG_DFL;
  release(before);
  const bool by_kernel = info->si_code > 0; /* a fault cannot be ignored */
  if (to.sa_handler == SIG_DFL || (to.sa_handler == SIG_IGN && by_kernel)) end_by_default(signal, info);
  else if (to.sa_handler == SIG_IGN) return;
  else if ((to.sa_flags & SA_SIGINFO) != 0) to.sa_sigaction(signal, info, context);
  else to.sa_handler(signal);
}

static void on_fault(int signal, siginfo_t *info, void *context) {
  const int saved = errno;
  if (info->si_code > 0 && (guard_owns(info->si_addr) || misuse_is_behind(info->si_addr))) tell(info->si_addr, context);
  errno = saved;
  pass_on(signal, info, context);
}

/* The kernel's handler if the program's is `act`. */
static struct sigaction in_front_of(const struct sigaction *act) {
  const bool handled = act->sa_handler != SIG_DFL && act->sa_handler != SIG_IGN;
  struct sigaction ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  if (!handled) return ours;
  ours.sa_mask = act->sa_mask;
  ours.sa_flags = SA_SIGINFO | (int)((unsigned)act->sa_flags & ~SA_RESETHAND);
  return ours;
}

bool fault_is_ours(int signal) { return signal == SIGSEGV && __atomic_load_n(&installed, __ATOMIC_ACQUIRE); }

int fault_sigaction(int signal, const struct sigaction *act, struct sigaction *old) {
  const struct sigaction wanted = act != NULL ? *act : (struct sigaction){.sa_flags = 0}; /* a bad pointer faults here */
  const bool foreign = sys_getpid() != process;                                           /* the parent's memory, the child's handlers */
  struct sigaction before, ours = in_front_of(&wanted);
  const uint64_t mask = hold();
  const int result = libc_sigaction(signal, act == NULL ? NULL : foreign ? &wanted : &ours, &before);
  if (result == 0 && (before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction == on_fault) before = own;
  if (result == 0 && act != NULL && !foreign) own = wanted;
  release(mask);
  if (result == 0 && old != NULL) *old = before;
  return result;
}

/* ---- Start. ---- */

AT_START void fault_start(void) {
  /* At the start, also if GUARD comes later: then another thread may hold the loader's lock, and wait for this one. */
  if (libc_sigaction == NULL) *(void **)&libc_sigaction = dlsym(RTLD_NEXT, "sigaction");
  if (libc_sigaction == NULL) libc_sigaction = __sigaction; /* in a static program, nothing stands before the C library's */
  if (guard_region.size == 0 || fault_is_ours(SIGSEGV)) return;
  int error;
  if (report.stack == NULL) report.stack = os_map(STACK_SIZE, os_page_size(), &error);
  if (libc_sigaction == NULL || report.stack == NULL || libc_sigaction(SIGSEGV, NULL, &own) != 0) {
    message_say("HAKMEM_GUARD: cannot install the handler of SIGSEGV; a fault at a guard page ends the program without a report");
    return;
  }
  const struct sigaction ours = in_front_of(&own);
  process = sys_getpid();
  const uint64_t mask = hold();
  struct sigaction before;
  if (libc_sigaction(SIGSEGV, &ours, &before) == 0) {
    own = before; /* the program may have changed it meanwhile */
    __atomic_store_n(&installed, true, __ATOMIC_RELEASE);
  }
  release(mask);
}

void fault_fork_child(void) {
  process = sys_getpid();
  report.thread = 0; /* the thread that reported, or held `own`, does not exist in the child */
  own_busy = false;
}
