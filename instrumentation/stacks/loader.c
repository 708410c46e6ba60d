/*
 * loader.c: dl_iterate_phdr of the C library, behind the gate. Part of libhakmem.so only, which the linker searches before the C library.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

#include "src/platform/base.h"
#include "src/platform/syscall.h"
#include "base/gate.h"

typedef int callback(struct dl_phdr_info *, size_t, void *);

static int (*libc_dl_iterate_phdr)(callback *, void *); /* atomic */

static void unbar(void *unused) {
  (void)unused;
  gate_unbar_callback();
}

static bool find_libc(void) {
  if (__atomic_load_n(&libc_dl_iterate_phdr, __ATOMIC_RELAXED) != NULL) return true;
  void *found = dlsym(RTLD_NEXT, "dl_iterate_phdr");
  __atomic_store_n(&libc_dl_iterate_phdr, (int (*)(callback *, void *))found, __ATOMIC_RELAXED);
  return found != NULL;
}

/*
 * The lock that dl_iterate_phdr takes is a recursive mutex in the loader's variables, _rtld_global. Its place differs between versions of the C library. But
 * under dl_iterate_phdr it is the one that this thread holds, and afterwards nobody holds it.
 */
struct search {
  char *from, *end;
  pthread_mutex_t *found;
};

static bool is_held_once(const pthread_mutex_t *mutex, pid_t holder) {
  return mutex->__data.__owner == holder && mutex->__data.__count == 1 && mutex->__data.__kind == PTHREAD_MUTEX_RECURSIVE && mutex->__data.__lock != 0;
}

static int find_held(struct dl_phdr_info *info, size_t size, void *data) {
  (void)info, (void)size;
  struct search *search = data;
  const pid_t me = sys_gettid();
  for (char *at = search->from; at + sizeof(pthread_mutex_t) <= search->end && search->found == NULL; at += _Alignof(pthread_mutex_t)) {
    if (is_held_once((pthread_mutex_t *)at, me)) search->found = (pthread_mutex_t *)at;
  }
  return 1;
}

static void find_lock(void) {
  Dl_info info;
  const ElfW(Sym) *symbol = NULL;
  char *const variables = dlsym(RTLD_DEFAULT, "_rtld_global");
  if (variables == NULL || dladdr1(variables, &info, (void **)&symbol, RTLD_DL_SYMENT) == 0 || symbol == NULL) return;
  struct search search = {.from = variables, .end = variables + symbol->st_size};
  libc_dl_iterate_phdr(find_held, &search);
  if (search.found != NULL && search.found->__data.__owner == 0) gate_know_loader_lock(search.found);
}

/* Now, because dlsym takes a lock of the loader's. Later a constructor that waits for this thread may hold that lock. */
__attribute__((constructor)) static void start(void) {
  if (find_libc()) find_lock();
}

EXPORT int dl_iterate_phdr(callback *function, void *data) {
  if (gate_is_inside()) { /* called by libunwind or modules.c: dlsym itself may have called malloc, and must not be called again */
    int (*libc)(callback *, void *) = __atomic_load_n(&libc_dl_iterate_phdr, __ATOMIC_RELAXED);
    if (libc == NULL || !gate_ask()) return 0;
    const int result = libc(function, data);
    gate_answered();
    return result;
  }
  if (!find_libc()) return -1;
  int result;
  gate_bar_callback();
  pthread_cleanup_push(unbar, NULL); /* a callback may be cancelled */
  result = libc_dl_iterate_phdr(function, data);
  pthread_cleanup_pop(1);
  return result;
}
