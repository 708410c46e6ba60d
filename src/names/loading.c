/*
 * loading.c: stands before the C library's dlopen and dlmopen, and removes RTLD_DEEPBIND.
 *
 * A library that is opened with RTLD_DEEPBIND resolves names in its own dependencies first, and finds the C library's malloc there. But the C library
 * itself still calls hakmem's. So a string from strdup would be freed by an allocator that does not know it. Therefore the flag is
 * removed, an event says so, and the library resolves names as all others do.
 *
 * The C library takes the caller's RUNPATH and namespace from the return address. So these functions must end in a jump, not in a
 * call, to leave the program's return address in place.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "probe.h"

#if defined(__clang__)
#define ENDS_IN_A_JUMP
#define JUMP __attribute__((musttail)) return
#else
#define ENDS_IN_A_JUMP __attribute__((optimize("O2"))) /* even in a build for debugging */
#define JUMP return
#endif

typedef void *open_function(const char *path, int flags);
typedef void *open_in_function(Lmid_t space, const char *path, int flags);

static open_function *libc_dlopen; /* both are atomic */
static open_in_function *libc_dlmopen;

/* If the C library's function is missing, the program has no dlopen at all, so it cannot get here. */
static NOINLINE void *find(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (found == NULL) abort();
  return found;
}

static NOINLINE int without_deepbind(const char *path, int flags) {
  EVENT(deepbind, .path = path != NULL ? path : "the program itself");
  (void)path; /* unused in a build without events */
  return flags & ~RTLD_DEEPBIND;
}

EXPORT ENDS_IN_A_JUMP void *dlopen(const char *path, int flags) {
  open_function *open = __atomic_load_n(&libc_dlopen, __ATOMIC_RELAXED);
  if (UNLIKELY(open == NULL)) {
    open = (open_function *)find("dlopen");
    __atomic_store_n(&libc_dlopen, open, __ATOMIC_RELAXED);
  }
  hub_opening();
  if (UNLIKELY((flags & RTLD_DEEPBIND) != 0)) flags = without_deepbind(path, flags);
  JUMP open(path, flags);
}

/* Only in the base namespace: a library in another one has a C library and a malloc of its own. */
EXPORT ENDS_IN_A_JUMP void *dlmopen(Lmid_t space, const char *path, int flags) {
  open_in_function *open = __atomic_load_n(&libc_dlmopen, __ATOMIC_RELAXED);
  if (UNLIKELY(open == NULL)) {
    open = (open_in_function *)find("dlmopen");
    __atomic_store_n(&libc_dlmopen, open, __ATOMIC_RELAXED);
  }
  hub_opening();
  if (UNLIKELY((flags & RTLD_DEEPBIND) != 0 && space == LM_ID_BASE)) flags = without_deepbind(path, flags);
  JUMP open(space, path, flags);
}
