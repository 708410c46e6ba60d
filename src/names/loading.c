/*
 * loading.c: dlopen and dlmopen of the C library, without RTLD_DEEPBIND.
 *
 * A library that is opened with RTLD_DEEPBIND looks for names in its own dependencies first, and finds the C library's malloc there. The C library itself
 * goes on calling hakmem's: a string that strdup made for the library would be freed by an allocator that does not know it. So the flag is left
 * out, an event says so, and the library looks for names where all others do.
 *
 * The C library finds out from the return address who calls: a RUNPATH and a namespace are the caller's. So these functions must end in a jump, not in a
 * call: the return address stays the program's.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "probe.h"

#if defined(__clang__)
#define ENDS_IN_A_JUMP
#define JUMP __attribute__((musttail)) return
#else
#define ENDS_IN_A_JUMP __attribute__((optimize("O2"))) /* also in a build for a debugger */
#define JUMP return
#endif

typedef void *open_function(const char *path, int flags);
typedef void *open_in_function(Lmid_t space, const char *path, int flags);

static open_function *libc_dlopen;       /* atomic, as the next */
static open_in_function *libc_dlmopen;

/* Only where there is no dlopen at all is there none of the C library's, and then nobody comes here. */
static NOINLINE void *find(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (found == NULL) abort();
  return found;
}

static NOINLINE int without_deepbind(const char *path, int flags) {
  EVENT(deepbind, .path = path != NULL ? path : "the program itself");
  (void)path; /* of a build without events */
  return flags & ~RTLD_DEEPBIND;
}

EXPORT ENDS_IN_A_JUMP void *dlopen(const char *path, int flags) {
  open_function *open = __atomic_load_n(&libc_dlopen, __ATOMIC_RELAXED);
  if (UNLIKELY(open == NULL)) {
    open = (open_function *)find("dlopen");
    __atomic_store_n(&libc_dlopen, open, __ATOMIC_RELAXED);
  }
  if (UNLIKELY((flags & RTLD_DEEPBIND) != 0)) flags = without_deepbind(path, flags);
  JUMP open(path, flags);
}

/* In a namespace of its own a library has a C library of its own, whose malloc it shares with nobody. */
EXPORT ENDS_IN_A_JUMP void *dlmopen(Lmid_t space, const char *path, int flags) {
  open_in_function *open = __atomic_load_n(&libc_dlmopen, __ATOMIC_RELAXED);
  if (UNLIKELY(open == NULL)) {
    open = (open_in_function *)find("dlmopen");
    __atomic_store_n(&libc_dlmopen, open, __ATOMIC_RELAXED);
  }
  if (UNLIKELY((flags & RTLD_DEEPBIND) != 0 && space == LM_ID_BASE)) flags = without_deepbind(path, flags);
  JUMP open(space, path, flags);
}
