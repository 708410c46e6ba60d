/*
 * loader.c: functions of the dynamic loader that the program calls, behind the gate. Part of libhakmem.so only, which the linker searches before the C
 * library.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

#include "src/platform/base.h"
#include "src/platform/syscall.h"
#include "base/gate.h"
#include "modules.h"

typedef int callback(struct dl_phdr_info *, size_t, void *);

static int (*libc_dl_iterate_phdr)(callback *, void *); /* both are atomic */
static int (*libc_dlclose)(void *);
static pthread_key_t callbacks; /* set in a thread that is in a callback, so that its end is noticed */
static bool has_key;

static bool find_libc(void) {
  if (__atomic_load_n(&libc_dl_iterate_phdr, __ATOMIC_RELAXED) != NULL) return true;
  void *found = dlsym(RTLD_NEXT, "dl_iterate_phdr");
  __atomic_store_n(&libc_dl_iterate_phdr, (int (*)(callback *, void *))found, __ATOMIC_RELAXED);
  return found != NULL;
}

static bool find_dlclose(void) {
  if (__atomic_load_n(&libc_dlclose, __ATOMIC_RELAXED) != NULL) return true;
  void *found = dlsym(RTLD_NEXT, "dlclose");
  __atomic_store_n(&libc_dlclose, (int (*)(void *))found, __ATOMIC_RELAXED);
  return found != NULL;
}

/*
 * The lock that dl_iterate_phdr takes is a recursive mutex in the loader's variables, _rtld_global. Its place differs between versions of the C library. But
 * under dl_iterate_phdr this thread holds it, and afterwards it does not. (It may hold another one: that of dlopen.)
 */
#define HELD_MOST 4
struct search {
  const char *from, *end;
  pid_t me;
  const pthread_mutex_t *held[HELD_MOST];
  uint32_t count;
};

static bool is_held_by(const pthread_mutex_t *mutex, pid_t thread) {
  return mutex->__data.__owner == thread && mutex->__data.__count > 0 && mutex->__data.__kind == PTHREAD_MUTEX_RECURSIVE && mutex->__data.__lock != 0;
}

static int find_held(struct dl_phdr_info *info, size_t size, void *data) {
  (void)info, (void)size;
  struct search *search = data;
  for (const char *at = search->from; at + sizeof(pthread_mutex_t) <= search->end && search->count < HELD_MOST; at += _Alignof(pthread_mutex_t)) {
    if (is_held_by((const pthread_mutex_t *)at, search->me)) search->held[search->count++] = (const pthread_mutex_t *)at;
  }
  return 1;
}

static void find_lock(void) {
  Dl_info info;
  const ElfW(Sym) *symbol = NULL;
  const char *const variables = dlsym(RTLD_DEFAULT, "_rtld_global");
  if (variables == NULL || dladdr1(variables, &info, (void **)&symbol, RTLD_DL_SYMENT) == 0 || symbol == NULL) return;
  struct search search = {.from = variables, .end = variables + symbol->st_size, .me = sys_gettid()};
  libc_dl_iterate_phdr(find_held, &search);
  for (uint32_t i = 0; i < search.count; i++) {
    if (!is_held_by(search.held[i], search.me)) gate_set_loader_lock(search.held[i]);
  }
}

static void end_thread(void *unused) {
  (void)unused;
  gate_unbar_thread();
}

/*
 * Now, because dlsym takes a lock of the loader's. Later a constructor that waits for this thread may hold that lock. It runs before our other
 * constructors, because these ask the loader.
 */
__attribute__((constructor(101))) static void start(void) {
  has_key = pthread_key_create(&callbacks, end_thread) == 0;
  if (find_libc()) find_lock();
  if (find_dlclose()) modules_watch_loads();
}

struct call {
  callback *function;
  void *data;
  const void *frame;
};

static int on_object(struct dl_phdr_info *info, size_t size, void *data) {
  const struct call *call = data;
  gate_callback_runs(call->frame);
  return call->function(info, size, call->data);
}

EXPORT int dl_iterate_phdr(callback *function, void *data) {
  if (gate_is_asking()) { /* called by libunwind or modules.c: dlsym itself may have called malloc, and must not be called again */
    int (*libc)(callback *, void *) = __atomic_load_n(&libc_dl_iterate_phdr, __ATOMIC_RELAXED);
    return libc != NULL && !gate_is_closed() ? libc(function, data) : 0;
  }
  if (!find_libc()) return -1;
  const void *const frame = __builtin_frame_address(0);
  gate_bar_callback(frame);
  if (has_key) pthread_setspecific(callbacks, frame);
  const int result = libc_dl_iterate_phdr(on_object, &(struct call){function, data, frame});
  gate_unbar_callback(frame);
  return result;
}

/* Objects may go while it runs, and have gone when it returns. */
EXPORT int dlclose(void *handle) {
  if (!find_dlclose()) return -1;
  modules_note_unload();
  const int result = libc_dlclose(handle);
  modules_note_unload();
  return result;
}
