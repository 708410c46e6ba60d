/*
 * What the kernel tells of the process, its memory and its threads: the functions of os.h that map nothing.
 */
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/sysinfo.h>

#include "layout.h"
#include "os.h"
#include "platform/file.h"
#include "platform/syscall.h"

/* ---- Memory. ---- */

size_t os_page_size(void) {
  static size_t size; /* atomic; every thread would store the same value */
  size_t known = __atomic_load_n(&size, __ATOMIC_RELAXED);
  if (UNLIKELY(known == 0)) {
    known = (size_t)getauxval(AT_PAGESZ);
    __atomic_store_n(&size, known, __ATOMIC_RELAXED);
  }
  return known;
}

size_t os_resident(const void *base, size_t size) {
  unsigned char pages[1024];
  const int saved = errno;
  const size_t page = os_page_size();
  size_t resident = 0;
  for (size_t done = 0, piece; done < size; done += piece) {
    piece = min_size(size - done, sizeof(pages) * page);
    if (sys_mincore((char *)(uintptr_t)base + done, piece, pages) != 0) memset(pages, 1, piece / page); /* unknown counts as resident */
    for (size_t i = 0; i < piece / page; i++) resident += (pages[i] & 1) * page;
  }
  errno = saved;
  return resident;
}

bool os_is_mapped(const void *base, size_t size) {
  unsigned char pages[1024];
  const int saved = errno;
  bool mapped = true;
  for (size_t done = 0, piece; done < size && mapped; done += piece) {
    piece = min_size(size - done, sizeof(pages) * os_page_size());
    mapped = sys_mincore((char *)(uintptr_t)base + done, piece, pages) == 0 || errno != ENOMEM;
  }
  errno = saved;
  return mapped;
}

static bool was_forked;

bool os_was_forked(void) { return was_forked; }

/* The `index`th number of the process's statm, in bytes; 0 if it cannot be read. */
static size_t statm(unsigned index) {
  char text[256];
  struct own_file file = file_open_process("statm");
  const ssize_t length = file_read_at(&file, text, sizeof(text), 0);
  file_close(&file);
  size_t number = 0;
  for (ssize_t i = 0; i < length; i++) {
    if (text[i] != ' ') number = number * 10 + (size_t)(text[i] - '0');
    else if (index-- == 0) return number * os_page_size();
    else number = 0;
  }
  return 0;
}

size_t os_resident_set(void) {
  const int saved = errno;
  const size_t resident = statm(1);
  errno = saved;
  return resident;
}

static size_t left_of(int resource, unsigned index) {
  struct rlimit limit;
  if (sys_getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  const size_t used = statm(index);
  return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

size_t os_left(void) {
  const int saved = errno;
  struct sysinfo machine;
  size_t left = SIZE_MAX;
  /* The kernel refuses more than this in its default overcommit mode. */
  if (sys_call(SYS_sysinfo, (long)&machine, 0, 0, 0, 0, 0) == 0) left = (machine.totalram + machine.totalswap) * machine.mem_unit;
  left = min_size(left, min_size(left_of(RLIMIT_AS, 0), left_of(RLIMIT_DATA, 5)));
  errno = saved;
  return left;
}

/* ---- Time, and threads. ---- */

uint64_t os_now_ms(void) {
  struct timespec now;
  sys_clock(CLOCK_MONOTONIC_COARSE, &now);
  return LAYOUT_MS_FIRST + (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static __thread uint32_t own_number __attribute__((tls_model("initial-exec")));

uint32_t os_thread(void) {
  if (own_number == 0) own_number = (uint32_t)sys_gettid();
  return own_number;
}

static bool barrier(int command) { return sys_raw(SYS_membarrier, command, 0, 0, 0, 0, 0) == 0; }

void os_barrier_start(void) { barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED); }

bool os_barrier(void) {
  static bool missing; /* atomic */
  if (__atomic_load_n(&missing, __ATOMIC_RELAXED)) return false;
  if (barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return true;
  os_barrier_start(); /* a forked child may have to register again */
  const bool done = barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
  if (!done) __atomic_store_n(&missing, true, __ATOMIC_RELAXED);
  return done;
}

void os_thread_ends(void) {
  if (os_thread() == (uint32_t)sys_getpid()) file_first_thread_ends();
}

void os_wait(uint32_t *word, uint32_t value) { sys_futex(word, FUTEX_WAIT_PRIVATE, value, NULL, 0); }
void os_wake(uint32_t *word) { sys_futex(word, FUTEX_WAKE_PRIVATE, 1, NULL, 0); }

void os_fork_child(void) {
  own_number = 0;
  was_forked = true;
}
