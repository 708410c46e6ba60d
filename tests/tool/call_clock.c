/*
 * call_clock.c: a library that takes the time of each call of malloc and its family, by the clock of the processor, before it hands the call on to the
 * library behind it. It is preloaded before libhakmem.so, so that both see the same calls. At the end of the process it writes, to the file
 * $CALL_CLOCK.PID:
 *
 *   NAME count COUNT p50 NS p99 NS p99.9 NS max NS        for malloc, calloc, realloc, free, aligned, and "null", free(NULL)
 *   moved count COUNT                                     reallocs that moved their block
 *   taken count COUNT, given count COUNT                  blocks of jemalloc's extended interface; no time is taken of it
 *
 * The smallest time between two readings of the clock is subtracted. The histograms are added to by atomic instructions: the wrapper neither allocates nor
 * locks in a call.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "statistics/histogram.h"

enum kind { MALLOC, CALLOC, REALLOC, FREE, ALIGNED, NULL_FREE, KINDS };
static const char *const names[] = {"malloc", "calloc", "realloc", "free", "aligned", "null"};
static struct histogram times[KINDS];      /* ticks; atomic */
static uint64_t cost, moved, taken, given; /* atomic */

static void *(*next_malloc)(size_t), *(*next_calloc)(size_t, size_t), *(*next_realloc)(void *, size_t);
static void (*next_free)(void *);
static int (*next_posix_memalign)(void **, size_t, size_t);
static void *(*next_mallocx)(size_t, int), *(*next_rallocx)(void *, size_t, int);
static void (*next_dallocx)(void *, int), (*next_sdallocx)(void *, size_t, int);
static void *(*next_aligned_alloc)(size_t, size_t), *(*next_memalign)(size_t, size_t);

/* Fenced on both sides: otherwise the processor executes most of a short call before or after the reading, and half of all mallocs seem to take 0 ns. */
static inline uint64_t ticks(void) {
#if defined(__x86_64__)
  __builtin_ia32_lfence();
  const uint64_t now = __builtin_ia32_rdtsc();
  __builtin_ia32_lfence();
  return now;
#else
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
#endif
}

static void find(void) {
  if (next_malloc != NULL) return;
  next_calloc = dlsym(RTLD_NEXT, "calloc");
  next_realloc = dlsym(RTLD_NEXT, "realloc");
  next_free = dlsym(RTLD_NEXT, "free");
  next_posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
  next_aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
  next_memalign = dlsym(RTLD_NEXT, "memalign");
  next_mallocx = dlsym(RTLD_NEXT, "mallocx");
  next_rallocx = dlsym(RTLD_NEXT, "rallocx");
  next_dallocx = dlsym(RTLD_NEXT, "dallocx");
  next_sdallocx = dlsym(RTLD_NEXT, "sdallocx");
  cost = UINT64_MAX;
  for (int i = 0; i < 1000; i++) {
    const uint64_t a = ticks(), b = ticks();
    if (b - a < cost) cost = b - a;
  }
  next_malloc = dlsym(RTLD_NEXT, "malloc");
}

static void add(enum kind kind, uint64_t start) {
  const uint64_t span = ticks() - start;
  histogram_record(&times[kind], span > cost ? span - cost : 0);
}

void *malloc(size_t size) {
  find();
  const uint64_t start = ticks();
  void *p = next_malloc(size);
  add(MALLOC, start);
  return p;
}

void *calloc(size_t count, size_t size) {
  find();
  const uint64_t start = ticks();
  void *p = next_calloc(count, size);
  add(CALLOC, start);
  return p;
}

/* As hakmem counts: realloc of NULL is a malloc, realloc to 0 bytes a free. */
void *realloc(void *old, size_t size) {
  find();
  const uint64_t start = ticks();
  void *p = next_realloc(old, size);
  add(old == NULL ? MALLOC : size == 0 ? FREE : REALLOC, start);
  if (old != NULL && p != NULL && p != old) __atomic_fetch_add(&moved, 1, __ATOMIC_RELAXED);
  return p;
}

void free(void *p) {
  find();
  const uint64_t start = ticks();
  next_free(p);
  add(p != NULL ? FREE : NULL_FREE, start);
}

int posix_memalign(void **out, size_t align, size_t size) {
  find();
  const uint64_t start = ticks();
  const int error = next_posix_memalign(out, align, size);
  add(ALIGNED, start);
  return error;
}

void *aligned_alloc(size_t align, size_t size) {
  find();
  const uint64_t start = ticks();
  void *p = next_aligned_alloc(align, size);
  add(ALIGNED, start);
  return p;
}

void *memalign(size_t align, size_t size) {
  find();
  const uint64_t start = ticks();
  void *p = next_memalign(align, size);
  add(ALIGNED, start);
  return p;
}

static void count(uint64_t *counter, bool counts) {
  if (counts) __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

void *mallocx(size_t size, int flags) {
  find();
  void *p = next_mallocx(size, flags);
  count(&taken, p != NULL);
  return p;
}

void *rallocx(void *old, size_t size, int flags) {
  find();
  void *p = next_rallocx(old, size, flags);
  count(&moved, p != NULL && p != old);
  return p;
}

void dallocx(void *p, int flags) {
  find();
  next_dallocx(p, flags);
  count(&given, true);
}

void sdallocx(void *p, size_t size, int flags) {
  find();
  next_sdallocx(p, size, flags);
  count(&given, true);
}

static struct timespec began;
static uint64_t began_ticks;
static char path[400]; /* a copy: redis-server writes over its environment */

__attribute__((constructor)) static void begin(void) {
  find();
  const char *const wanted = getenv("CALL_CLOCK");
  if (wanted != NULL) snprintf(path, sizeof(path), "%s", wanted);
  clock_gettime(CLOCK_MONOTONIC, &began);
  began_ticks = ticks();
}

/* hakmem's destructor runs after this one: a library that is loaded before another ends before it. */
__attribute__((destructor)) static void end(void) {
  struct timespec now;
  char text[200], file[512];
  clock_gettime(CLOCK_MONOTONIC, &now);
  const double each = ((double)(now.tv_sec - began.tv_sec) * 1e9 + (double)(now.tv_nsec - began.tv_nsec)) / (double)(ticks() - began_ticks);
  if (path[0] == '\0') return;
  snprintf(file, sizeof(file), "%s.%d", path, (int)getpid());
  const int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  for (int kind = 0; kind < KINDS && fd >= 0; kind++) {
    const struct histogram *h = &times[kind];
#define NS(quantile) ((double)histogram_quantile(h, quantile) * each)
    const int length = snprintf(text, sizeof(text), "%s count %llu p50 %.0f p99 %.0f p99.9 %.0f max %.0f\n", names[kind], (unsigned long long)h->count, NS(0.5),
                                NS(0.99), NS(0.999), (double)h->max * each);
    if (write(fd, text, (size_t)length) != length) _exit(99);
  }
  const int length = snprintf(text, sizeof(text), "moved count %llu\ntaken count %llu\ngiven count %llu\n", (unsigned long long)moved,
                              (unsigned long long)taken, (unsigned long long)given);
  if (fd >= 0 && write(fd, text, (size_t)length) != length) _exit(99);
  if (fd >= 0) close(fd);
}
