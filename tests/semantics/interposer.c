/* A library in front of the C library and of hakmem: every function allocates, looks up the next one, and calls it. -DONLY_name: that one alone. */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static void *next(void **known, const char *name) {
  free(strdup(name));
  free(calloc(3, 100));
  if (*known == NULL) *known = dlsym(RTLD_NEXT, name);
  return *known;
}

#define INSTEAD(result, name, parameters, arguments) \
  result name parameters { \
    static void *known; \
    result(*function) parameters; \
    *(void **)&function = next(&known, #name); \
    return function arguments; \
  }

INSTEAD(void *, mmap, (void *at, size_t size, int access, int flags, int fd, off_t offset), (at, size, access, flags, fd, offset))
INSTEAD(int, munmap, (void *base, size_t size), (base, size))
INSTEAD(int, madvise, (void *base, size_t size, int advice), (base, size, advice))
INSTEAD(int, mprotect, (void *base, size_t size, int access), (base, size, access))
INSTEAD(int, open, (const char *path, int flags, ...), (path, flags, 0600))
INSTEAD(int, close, (int fd), (fd))
INSTEAD(ssize_t, read, (int fd, void *to, size_t size), (fd, to, size))
INSTEAD(ssize_t, write, (int fd, const void *from, size_t size), (fd, from, size))
INSTEAD(int, ftruncate, (int fd, off_t size), (fd, size))
INSTEAD(int, clock_gettime, (clockid_t clock, struct timespec *now), (clock, now))
INSTEAD(long, sysconf, (int name), (name))
INSTEAD(pid_t, getpid, (void), ())
INSTEAD(char *, getenv, (const char *name), (name))
INSTEAD(int, pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex))
INSTEAD(int, pthread_mutex_unlock, (pthread_mutex_t * mutex), (mutex))
INSTEAD(int, pthread_mutex_trylock, (pthread_mutex_t * mutex), (mutex))
