/*
 * atfork.c: stands before the C library's pthread_atfork, so that hakmem's handlers are registered before all others.
 *
 * Prepare handlers run in the reverse order. A handler registered before hakmem's would run while hakmem holds all its locks. If it
 * allocated, or waited for a mutex whose holder allocates, the fork would never end. The C library takes its own malloc's locks after all handlers.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "alloc/alloc.h"

typedef int register_function(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *object);

/* The function of this name in the C library: every object has its own pthread_atfork, which calls this. */
EXPORT int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *object);

static register_function *libc_register_atfork; /* atomic */

int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *object) {
  alloc_watch_forks();
  register_function *next = __atomic_load_n(&libc_register_atfork, __ATOMIC_RELAXED);
  if (next == NULL) {
    next = (register_function *)dlsym(RTLD_NEXT, "__register_atfork");
    if (next == NULL) abort(); /* the process has no C library, or not glibc */
    __atomic_store_n(&libc_register_atfork, next, __ATOMIC_RELAXED);
  }
  return next(prepare, parent, child, object);
}
