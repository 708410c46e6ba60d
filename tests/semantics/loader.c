/*
 * A library with a dl_iterate_phdr in front of the C library's. When the main thread has set loader_armed to 1, and comes here next, it gets SIGUSR1 under
 * the loader's lock.
 */
#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <unistd.h>

typedef int callback(struct dl_phdr_info *, size_t, void *);

volatile int loader_armed;
static int (*next)(callback *, void *);

struct call {
  callback *function;
  void *data;
};

static int on_object(struct dl_phdr_info *info, size_t size, void *data) {
  const struct call *call = data;
  if (loader_armed == 1 && gettid() == getpid()) {
    loader_armed = 2;
    usleep(100000); /* until the other threads wait for this one */
    raise(SIGUSR1);
  }
  return call->function(info, size, call->data);
}

__attribute__((constructor)) static void find_next(void) { next = (int (*)(callback *, void *))dlsym(RTLD_NEXT, "dl_iterate_phdr"); }

int dl_iterate_phdr(callback *function, void *data) { return next(on_object, &(struct call){function, data}); }
