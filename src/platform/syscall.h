/*
 * syscall.h: the system calls that the library makes. It makes them itself, because another library may have replaced the C library's functions by ones
 * that allocate.
 *
 * They behave as the C library's functions, errno included, but are no cancellation points. In a build with a sanitizer, those that the sanitizer must
 * see are the C library's.
 */
#ifndef HAKMEM_SYSCALL_H
#define HAKMEM_SYSCALL_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base.h"

#if HAKMEM_FAULTS
#include "platform/refuse/refuse.h"
#endif

/* Returns the kernel's answer as it is: an error is a negative errno. */
ALWAYS_INLINE long sys_raw(long number, long a, long b, long c, long d, long e, long f) {
#if HAKMEM_FAULTS
  const long refused = refuse_answer(number);
  if (refused != 0) return refused;
#endif
#if defined(__x86_64__)
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#else
  const int saved = errno;
  const long result = syscall(number, a, b, c, d, e, f);
  const int error = errno;
  errno = saved;
  return result == -1 ? -error : result;
#endif
}

/* The same, but an error is -1 with errno set. */
ALWAYS_INLINE long sys_call(long number, long a, long b, long c, long d, long e, long f) {
  const long result = sys_raw(number, a, b, c, d, e, f);
  if (LIKELY((unsigned long)result < -4095UL)) return result;
  errno = (int)-result;
  return -1;
}

/* ---- Memory. ---- */

#if BUILT_WITH_SANITIZER
#define sys_mmap mmap
#define sys_munmap munmap
#define sys_mremap mremap
#define sys_madvise madvise
#define sys_mprotect mprotect
#else
static inline void *sys_mmap(void *at, size_t size, int access, int flags, int fd, off_t offset) {
  return (void *)sys_call(SYS_mmap, (long)at, (long)size, access, flags, fd, offset);
}
static inline int sys_munmap(void *base, size_t size) { return (int)sys_call(SYS_munmap, (long)base, (long)size, 0, 0, 0, 0); }
static inline void *sys_mremap(void *base, size_t old_size, size_t new_size, int flags, void *to) {
  return (void *)sys_call(SYS_mremap, (long)base, (long)old_size, (long)new_size, flags, (long)to, 0);
}
static inline int sys_madvise(void *base, size_t size, int advice) { return (int)sys_call(SYS_madvise, (long)base, (long)size, advice, 0, 0, 0); }
static inline int sys_mprotect(void *base, size_t size, int access) { return (int)sys_call(SYS_mprotect, (long)base, (long)size, access, 0, 0, 0); }
#endif
static inline int sys_mincore(void *base, size_t size, unsigned char *pages) {
  return (int)sys_call(SYS_mincore, (long)base, (long)size, (long)pages, 0, 0, 0);
}

/* ---- Files. ---- */

static inline int sys_openat(int folder, const char *path, int flags, mode_t mode) {
  return (int)sys_call(SYS_openat, folder, (long)path, flags, (long)mode, 0, 0);
}
static inline int sys_open(const char *path, int flags, mode_t mode) { return sys_openat(AT_FDCWD, path, flags, mode); }
static inline int sys_close(int fd) { return (int)sys_call(SYS_close, fd, 0, 0, 0, 0, 0); }
static inline ssize_t sys_write(int fd, const void *from, size_t size) { return sys_call(SYS_write, fd, (long)from, (long)size, 0, 0, 0); }
static inline ssize_t sys_pread(int fd, void *to, size_t size, off_t at) { return sys_call(SYS_pread64, fd, (long)to, (long)size, at, 0, 0); }
static inline int sys_fcntl(int fd, int command, long argument) { return (int)sys_call(SYS_fcntl, fd, command, argument, 0, 0, 0); }
static inline ssize_t sys_pwrite(int fd, const void *from, size_t size, off_t at) { return sys_call(SYS_pwrite64, fd, (long)from, (long)size, at, 0, 0); }
static inline int sys_fstat(int fd, struct stat *status) { return (int)sys_call(SYS_fstat, fd, (long)status, 0, 0, 0, 0); }
static inline int sys_stat(const char *path, struct stat *status, int flags) {
  return (int)sys_call(SYS_newfstatat, AT_FDCWD, (long)path, (long)status, flags, 0, 0);
}
static inline int sys_flock(int fd, int operation) { return (int)sys_call(SYS_flock, fd, operation, 0, 0, 0, 0); }
static inline int sys_unlink(const char *path) { return (int)sys_call(SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0, 0); }
static inline int sys_mkdir(const char *path, mode_t mode) { return (int)sys_call(SYS_mkdirat, AT_FDCWD, (long)path, (long)mode, 0, 0, 0); }
static inline int sys_rename(const char *from, const char *to) { return (int)sys_call(SYS_renameat2, AT_FDCWD, (long)from, AT_FDCWD, (long)to, 0, 0); }
static inline int sys_access(const char *path, int mode) { return (int)sys_call(SYS_faccessat, AT_FDCWD, (long)path, mode, 0, 0, 0); }
static inline int sys_ioctl(int fd, unsigned long request, void *argument) { return (int)sys_call(SYS_ioctl, fd, (long)request, (long)argument, 0, 0, 0); }
static inline ssize_t sys_getcwd(char *to, size_t size) { return sys_call(SYS_getcwd, (long)to, (long)size, 0, 0, 0, 0); }
static inline int sys_ftruncate(int fd, off_t size) { return (int)sys_call(SYS_ftruncate, fd, size, 0, 0, 0, 0); }

/* ---- Processes, threads, signals. ---- */

static inline pid_t sys_getpid(void) { return (pid_t)sys_raw(SYS_getpid, 0, 0, 0, 0, 0, 0); }
static inline pid_t sys_getppid(void) { return (pid_t)sys_raw(SYS_getppid, 0, 0, 0, 0, 0, 0); }
static inline pid_t sys_gettid(void) { return (pid_t)sys_raw(SYS_gettid, 0, 0, 0, 0, 0, 0); }
static inline int sys_getrlimit(int resource, struct rlimit *limit) {
  static_assert(sizeof(limit->rlim_cur) == sizeof(uint64_t), "rlimit is as the kernel's, of 64 bits");
  return (int)sys_call(SYS_prlimit64, 0, resource, 0, (long)limit, 0, 0);
}
static inline int sys_setrlimit(int resource, const struct rlimit *limit) { return (int)sys_call(SYS_prlimit64, 0, resource, (long)limit, 0, 0, 0); }
static inline int sys_getrusage(int who, struct rusage *usage) { return (int)sys_call(SYS_getrusage, who, (long)usage, 0, 0, 0, 0); }
static inline int sys_uname(struct utsname *machine) { return (int)sys_call(SYS_uname, (long)machine, 0, 0, 0, 0, 0); }
static inline uid_t sys_geteuid(void) { return (uid_t)sys_raw(SYS_geteuid, 0, 0, 0, 0, 0, 0); }
static inline ssize_t sys_process_vm_readv(pid_t process, const struct iovec *here, const struct iovec *there) {
  return sys_call(SYS_process_vm_readv, process, (long)here, 1, (long)there, 1, 0);
}

/* Returns futex's answer; an error is a negative errno. `until` is on the monotonic clock. */
static inline long sys_futex(uint32_t *word, int operation, uint32_t value, const struct timespec *until, uint32_t bits) {
  return sys_raw(SYS_futex, (long)word, operation, value, (long)until, 0, bits);
}
static inline void sys_yield(void) { sys_raw(SYS_sched_yield, 0, 0, 0, 0, 0, 0); }
/* Sleeps `ns` nanoseconds, less than a second; a signal may end it early. */
static inline void sys_sleep_ns(long ns) {
  const struct timespec span = {.tv_nsec = ns};
  sys_raw(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&span, 0, 0, 0);
}

#define SIGNAL_BIT(number) (UINT64_C(1) << ((number)-1)) /* in the kernel's sets */
/* The signals by which the kernel tells a thread what it just did. If they are blocked then, the kernel ends the process. (They may also be sent.) */
#define SIGNALS_OF_FAULTS (SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGSYS))

/* Blocks all signals except the C library's own two and those of `but`. Returns the set that was blocked before. */
static inline uint64_t sys_block_signals_but(uint64_t but) {
  const uint64_t all = ~(UINT64_C(3) << 31) & ~but;
  uint64_t before = 0;
  sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&before, sizeof(all), 0, 0);
  return before;
}
static inline uint64_t sys_block_signals(void) { return sys_block_signals_but(0); }
static inline void sys_restore_signals(uint64_t blocked) { sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, (long)&blocked, 0, sizeof(blocked), 0, 0); }

/* As clock_gettime, by the kernel's own code in the process (its vDSO). It cannot fail for the clocks that this library reads. */
void sys_clock(clockid_t clock, struct timespec *now);

/* The time-stamp counter of the processor; ns if it has none. Read in place, because the code of a call may be in no cache. */
ALWAYS_INLINE uint64_t sys_ticks(void) {
#if defined(__x86_64__)
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return (uint64_t)high << 32 | low;
#elif defined(__aarch64__)
  uint64_t value;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value) : : "memory");
  return value;
#else
  struct timespec t;
  sys_clock(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
#endif
}

#endif
