/*
 * signals.c: sigaction and signal of the C library, so that a handler that the program installs for SIGSEGV does not replace ours (fault.c).
 * Without guarded blocks each calls the C library's function. Part of libhakmem.so only, which the linker searches before the C library.
 *
 * sigset and sigignore, which X/Open withdrew long ago, are missing: after a call of them, the program alone handles its faults.
 */
#include <dlfcn.h>
#include <errno.h>

#include "src/platform/base.h"
#include "fault.h"

/* Finds the C library's function the first time. */
AT_START static void *libc_own(void **function, const char *name) {
  void *found = __atomic_load_n(function, __ATOMIC_RELAXED);
  if (found == NULL) {
    found = dlsym(RTLD_NEXT, name);
    __atomic_store_n(function, found, __ATOMIC_RELAXED);
  }
  return found;
}

static void *own_sigaction, *own_signal, *own_sysv_signal;

/* Now, because dlsym takes a lock of the loader's: a signal handler may not call it. */
__attribute__((constructor)) static void start(void) {
  libc_own(&own_sigaction, "sigaction");
  libc_own(&own_signal, "signal");
  libc_own(&own_sysv_signal, "__sysv_signal");
}

EXPORT int sigaction(int number, const struct sigaction *restrict act, struct sigaction *restrict old) {
  if (fault_is_ours(number)) return fault_sigaction(number, act, old);
  int (*libc)(int, const struct sigaction *, struct sigaction *);
  *(void **)&libc = libc_own(&own_sigaction, "sigaction");
  return libc(number, act, old);
}

/* signal(number, handler) with these flags; `fallback` is the C library's. */
static sighandler_t set(int number, sighandler_t handler, int flags, void *fallback) {
  if (!fault_is_ours(number)) {
    sighandler_t (*libc)(int, sighandler_t);
    *(void **)&libc = fallback;
    return libc(number, handler);
  }
  struct sigaction act = {.sa_handler = handler, .sa_flags = flags}, old;
  if ((flags & SA_NODEFER) == 0) sigaddset(&act.sa_mask, number);
  return handler != SIG_ERR && fault_sigaction(number, &act, &old) == 0 ? old.sa_handler : (errno = EINVAL, SIG_ERR);
}

sighandler_t bsd_signal(int number, sighandler_t handler);
sighandler_t __sysv_signal(int number, sighandler_t handler);

EXPORT sighandler_t signal(int number, sighandler_t handler) { return set(number, handler, SA_RESTART, libc_own(&own_signal, "signal")); }
EXPORT sighandler_t bsd_signal(int number, sighandler_t handler) { return signal(number, handler); }
EXPORT sighandler_t ssignal(int number, sighandler_t handler) { return signal(number, handler); }

/* The meaning of signal in a program that asks for X/Open only. */
EXPORT sighandler_t __sysv_signal(int number, sighandler_t handler) {
  return set(number, handler, (int)SA_RESETHAND | SA_NODEFER, libc_own(&own_sysv_signal, "__sysv_signal"));
}
EXPORT sighandler_t sysv_signal(int number, sighandler_t handler) { return __sysv_signal(number, handler); }
