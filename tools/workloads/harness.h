/*
 * harness.h: the shared part of the benchmark programs: random numbers, clocks, memory that does not come from the allocator under test, and the
 * name of that allocator. Header only: the random numbers are in the measured loops.
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Marsaglia's xorshift64: 9 instructions. `x` is never 0. Use the two halves for two choices. */
static inline uint64_t next_random(uint64_t x) {
  x ^= x << 13;
  x ^= x >> 7;
  return x ^ x << 17;
}

/* `half` (32 random bits) scaled to 0..range-1, with no division. */
static inline uint64_t below(uint64_t half, uint64_t range) { return half * range >> 32; }

/* splitmix64: spreads neighbouring seeds apart; never 0. */
static inline uint64_t spread(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  x ^= x >> 31;
  return x != 0 ? x : 1;
}

struct seconds {
  double wall, cpu;
}; /* cpu: of all threads together */

static inline double clock_seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline struct seconds now(void) { return (struct seconds){clock_seconds(CLOCK_MONOTONIC), clock_seconds(CLOCK_PROCESS_CPUTIME_ID)}; }

static inline struct seconds since(struct seconds start) {
  const struct seconds end = now();
  return (struct seconds){end.wall - start.wall, end.cpu - start.cpu};
}

/* Zeroed memory, already faulted in; NULL and errno on failure. */
static inline void *map_memory(size_t size) {
  void *const p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  return p != MAP_FAILED ? p : NULL;
}

/* The file that malloc comes from. */
static inline const char *allocator_file(void) {
  Dl_info info;
  void *const address = dlsym(RTLD_DEFAULT, "malloc");
  return address != NULL && dladdr(address, &info) != 0 ? info.dli_fname : "unknown";
}

struct resident {
  unsigned long peak, now;
};

/* KiB of this process in memory, by /proc/self/status, read without malloc. (getrusage includes the process that this one was before exec.) */
static inline struct resident resident_kib(void) {
  char text[4096];
  struct resident r = {0, 0};
  const int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (file < 0) return r;
  const ssize_t length = read(file, text, sizeof(text) - 1);
  close(file);
  text[length > 0 ? length : 0] = '\0';
  const char *const peak = strstr(text, "VmHWM:"), *const current = strstr(text, "VmRSS:");
  if (peak != NULL) r.peak = strtoul(peak + strlen("VmHWM:"), NULL, 10);
  if (current != NULL) r.now = strtoul(current + strlen("VmRSS:"), NULL, 10);
  return r;
}

static inline void print_json_text(const char *text) {
  putchar('"');
  for (; *text; text++) {
    const unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\' || c < ' ') {
      printf("\\u%04x", c);
    } else {
      putchar(c);
    }
  }
  putchar('"');
}

#endif
