/*
 * descriptors.c: keeps LTTng's descriptors (sockets, shared memory, pipes) and the program's apart.
 *
 * LTTng writes to its descriptors by number, and does not notice if a number now belongs to another file. So if a program closes all descriptors and opens
 * its own files under their numbers, LTTng would write into them. LTTng keeps a list of its descriptors for this, and a library that checks it in close
 * (liblttng-ust-fd.so). In LTTng 2.13 that library lacks close_range, closefrom, dup2 and dup3. So these functions stand before the C library's:
 *
 *   lttng_ust_add_fd_to_tracker   LTTng adds a new descriptor: it gets a high number, where programs do not expect one of theirs
 *   close                         of one of LTTng's: EBADF, unless LTTng itself closes it
 *   close_range, closefrom        leave LTTng's open
 *   dup2, dup3                    onto one of LTTng's: EBUSY
 *
 * All of these are signal safe, and safe in a child of vfork: they read a set of bits, without a lock.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* Of liblttng-ust-common, which installs no header for them. */
extern int lttng_ust_safe_close_fd(int fd, int (*close_it)(int fd)); /* checks LTTng's list, unless the thread is inside LTTng */
EXPORT int lttng_ust_add_fd_to_tracker(int fd);
EXPORT void lttng_ust_delete_fd_from_tracker(int fd);

/* ---- LTTng's numbers. ---- */

#define WORD_BITS 64u
#define NUMBERS 65536u                                    /* higher ones are not protected */
static const int lowest[] = {240, 10, STDERR_FILENO + 1}; /* the lowest number to ask for, in this order; RLIMIT_NOFILE may allow only low ones */
static uint64_t tracers[NUMBERS / WORD_BITS];             /* atomic; a bit for each number */

static uint64_t bit_of(unsigned fd) { return UINT64_C(1) << (fd % WORD_BITS); }

static bool is_tracers(unsigned fd) { return fd < NUMBERS && (__atomic_load_n(&tracers[fd / WORD_BITS], __ATOMIC_RELAXED) & bit_of(fd)) != 0; }

/* The first of LTTng's numbers from `fd` on, up to `last`; else last + 1. */
static uint64_t next_tracers(uint64_t fd, unsigned last) {
  while (fd <= last && fd < NUMBERS) {
    if (__atomic_load_n(&tracers[fd / WORD_BITS], __ATOMIC_RELAXED) == 0) fd = (fd / WORD_BITS + 1) * WORD_BITS;
    else if (is_tracers((unsigned)fd)) return fd;
    else fd++;
  }
  return (uint64_t)last + 1;
}

/* ---- The next functions of the same names. ---- */

static void *behind(const char *name, void **kept) {
  void *function = __atomic_load_n(kept, __ATOMIC_RELAXED);
  if (function == NULL) {
    function = dlsym(RTLD_NEXT, name);
    __atomic_store_n(kept, function, __ATOMIC_RELAXED);
  }
  return function;
}
static void *kept_close, *kept_close_range, *kept_dup2, *kept_dup3, *kept_add, *kept_delete;
#define BEHIND(name) ((__typeof__(&name))behind(#name, &kept_##name))

/* Looks them up before the program calls them, perhaps in a signal handler. */
__attribute__((constructor)) static void look_up(void) {
  (void)BEHIND(close);
  (void)BEHIND(close_range);
  (void)BEHIND(dup2);
  (void)BEHIND(dup3);
}

/* ---- LTTng's list. ---- */

EXPORT int lttng_ust_add_fd_to_tracker(int fd) {
  int (*const add)(int) = (int (*)(int))behind("lttng_ust_add_fd_to_tracker", &kept_add);
  int high = -1;
  for (unsigned i = 0; i < sizeof(lowest) / sizeof(lowest[0]) && high < 0 && fd >= 0; i++) high = fcntl(fd, F_DUPFD_CLOEXEC, lowest[i]);
  if (high < 0) high = fd;
  const int listed = add(high);
  if (listed < 0) {
    if (high != fd) syscall(SYS_close, high);
    return listed;
  }
  if (high != fd) syscall(SYS_close, fd);
  if ((unsigned)listed < NUMBERS) __atomic_fetch_or(&tracers[(unsigned)listed / WORD_BITS], bit_of((unsigned)listed), __ATOMIC_RELAXED);
  return listed;
}

EXPORT void lttng_ust_delete_fd_from_tracker(int fd) {
  void (*const delete)(int) = (void (*)(int))behind("lttng_ust_delete_fd_from_tracker", &kept_delete);
  if ((unsigned)fd < NUMBERS) __atomic_fetch_and(&tracers[(unsigned)fd / WORD_BITS], ~bit_of((unsigned)fd), __ATOMIC_RELAXED);
  delete (fd);
}

/* ---- The functions that programs call. ---- */

EXPORT int close(int fd) { return is_tracers((unsigned)fd) ? lttng_ust_safe_close_fd(fd, BEHIND(close)) : BEHIND(close)(fd); }

EXPORT int close_range(unsigned first, unsigned last, int flags) {
  if (first > last || next_tracers(first, last) > last) return BEHIND(close_range)(first, last, flags);
  for (uint64_t from = first; from <= last;) {
    const uint64_t to = next_tracers(from, last);
    if (to > from && BEHIND(close_range)((unsigned)from, (unsigned)to - 1, flags) != 0) return -1;
    from = to + 1;
  }
  return 0;
}

EXPORT void closefrom(int first) {
  const int saved = errno;
  const unsigned from = first > 0 ? (unsigned)first : 0;
  if (close_range(from, UINT_MAX, 0) != 0) { /* the kernel, or a seccomp filter, does not have it */
    for (long fd = from, end = sysconf(_SC_OPEN_MAX); fd < end; fd++) close((int)fd);
  }
  errno = saved;
}

EXPORT int dup2(int from, int to) {
  if (from != to && is_tracers((unsigned)to)) {
    errno = EBUSY;
    return -1;
  }
  return BEHIND(dup2)(from, to);
}

EXPORT int dup3(int from, int to, int flags) {
  if (from != to && is_tracers((unsigned)to)) {
    errno = EBUSY;
    return -1;
  }
  return BEHIND(dup3)(from, to, flags);
}
