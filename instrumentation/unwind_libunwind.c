/*
 * unwind_libunwind.c: stacks by libunwind, the only file that knows it.
 *
 * libunwind is opened privately (RTLD_LOCAL), never linked: a preloaded library that needs libunwind.so would put libunwind's
 * _Unwind_RaiseException before libgcc's for the whole program, and change how C++ exceptions run.
 *
 * Locks: a malloc may come from within dl_iterate_phdr, the loader's lock held, and libunwind calls dl_iterate_phdr. So libunwind must hold no
 * lock of its own then, or two threads wait for each other for ever: its shared cache of register states, which has one, is off. What
 * makes a backtrace fast is each thread's own cache of frames, which stays.
 */
#include <dlfcn.h>
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include "hub.h"

#define TEXT_OF(x) #x
#define NAME_OF(x) TEXT_OF(x)

static int (*backtrace)(void **, int); /* atomic */

bool unwind_open(void) {
  if (__atomic_load_n(&backtrace, __ATOMIC_ACQUIRE) != NULL) return true;
  void *library = dlopen("libunwind.so.8", RTLD_LAZY | RTLD_LOCAL);
  if (library == NULL) return false;
  int (*function)(void **, int);
  *(void **)&function = dlsym(library, NAME_OF(unw_backtrace));
  int (*set_policy)(unw_addr_space_t, unw_caching_policy_t);
  *(void **)&set_policy = dlsym(library, NAME_OF(unw_set_caching_policy));
  const unw_addr_space_t *local = dlsym(library, NAME_OF(unw_local_addr_space));
  if (function == NULL || set_policy == NULL || local == NULL || set_policy(*local, UNW_CACHE_NONE) != 0) return false;
  /* The first call makes libunwind's own tables: here, where no lock is held. */
  void *frames[4];
  function(frames, 4);
  __atomic_store_n(&backtrace, function, __ATOMIC_RELEASE);
  return true;
}

uint32_t unwind_capture(uintptr_t *frames, uint32_t most) {
  int (*function)(void **, int) = __atomic_load_n(&backtrace, __ATOMIC_ACQUIRE);
  if (function == NULL) return 0;
  const int count = function((void **)frames, (int)most);
  return count > 0 ? (uint32_t)count : 0;
}
