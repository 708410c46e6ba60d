/*
 * loader.c: dl_iterate_phdr of the C library, behind the gate. Part of libhakmem.so only, which the linker searches before the C library.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

#include "src/platform/base.h"
#include "base/gate.h"

typedef int callback(struct dl_phdr_info *, size_t, void *);

static int (*libc_dl_iterate_phdr)(callback *, void *); /* atomic */

static void unbar(void *unused) {
  (void)unused;
  gate_unbar();
}

static bool find_libc(void) {
  if (__atomic_load_n(&libc_dl_iterate_phdr, __ATOMIC_RELAXED) != NULL) return true;
  void *found = dlsym(RTLD_NEXT, "dl_iterate_phdr");
  __atomic_store_n(&libc_dl_iterate_phdr, (int (*)(callback *, void *))found, __ATOMIC_RELAXED);
  return found != NULL;
}

/* Now, because dlsym takes a lock of the loader's. Later a constructor that waits for this thread may hold that lock. */
__attribute__((constructor)) static void start(void) { find_libc(); }

EXPORT int dl_iterate_phdr(callback *function, void *data) {
  if (gate_is_inside()) { /* called by libunwind or modules.c: dlsym itself may have called malloc, and must not be called again */
    int (*libc)(callback *, void *) = __atomic_load_n(&libc_dl_iterate_phdr, __ATOMIC_RELAXED);
    return libc == NULL || gate_is_closed() ? 0 : libc(function, data);
  }
  if (!find_libc()) return -1;
  int result;
  gate_bar();
  pthread_cleanup_push(unbar, NULL); /* a callback may be cancelled */
  result = libc_dl_iterate_phdr(function, data);
  pthread_cleanup_pop(1);
  return result;
}
