/*
 * jemalloc's extended interface, as jemalloc describes it. Each check prints what was wrong and goes on; exit status 1 if any was. With `libjemalloc`
 * as its argument it leaves out what is hakmem's own, and holds over jemalloc as well.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Declared here: jemalloc's header need not be installed. Weak: the program is linked with neither. */
#define WEAK __attribute__((weak))
extern void *mallocx(size_t, int) WEAK;
extern void *rallocx(void *, size_t, int) WEAK;
extern size_t xallocx(void *, size_t, size_t, int) WEAK;
extern size_t sallocx(const void *, int) WEAK;
extern void dallocx(void *, int) WEAK;
extern void sdallocx(void *, size_t, int) WEAK;
extern size_t nallocx(size_t, int) WEAK;
extern int mallctl(const char *, void *, size_t *, void *, size_t) WEAK;
extern int mallctlnametomib(const char *, size_t *, size_t *) WEAK;
extern int mallctlbymib(const size_t *, size_t, void *, size_t *, void *, size_t) WEAK;
extern void malloc_stats_print(void (*)(void *, const char *), void *, const char *) WEAK;

#define LG_ALIGN(n) ((int)(n))
#define ZERO 0x40
#define TCACHE(n) (((n) + 2) << 8)
#define TCACHE_NONE TCACHE(-1)
#define ARENA(n) (((n) + 1) << 20)

static int wrong;
#define CHECK(condition) \
  do { \
    if (!(condition)) { \
      fprintf(stderr, "jemalloc.c:%d: not so: %s\n", __LINE__, #condition); \
      wrong = 1; \
    } \
  } while (0)

static volatile size_t too_much = (size_t)PTRDIFF_MAX + 1;

static bool is_filled(const unsigned char *p, unsigned char with, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (p[i] != with) return false;
  }
  return true;
}

static void blocks(void) {
  for (size_t size = 1; size < 3000000; size = size < 300 ? size + 7 : size * 5 / 4) {
    for (int lg = 0; lg <= 16; lg += 4) {
      const int flags = LG_ALIGN(lg) | (size % 3 == 0 ? TCACHE_NONE : size % 3 == 1 ? ARENA(0) | TCACHE(0) : 0);
      unsigned char *p = mallocx(size, flags & ~TCACHE(0));
      CHECK(p != NULL && (uintptr_t)p % ((size_t)1 << lg) == 0);
      const size_t usable = sallocx(p, flags);
      CHECK(usable >= size && usable == malloc_usable_size(p));
      CHECK(nallocx(size, LG_ALIGN(lg)) >= size && nallocx(size, LG_ALIGN(lg)) <= usable); /* a program may use all of them */
      memset(p, 0xee, usable);
      if (size % 2 == 0) free(p); /* the two families go together */
      else if (size % 5 == 0) sdallocx(p, usable, LG_ALIGN(lg));
      else if (size % 5 == 1) sdallocx(p, size, LG_ALIGN(lg));
      else dallocx(p, LG_ALIGN(lg));
      p = mallocx(size, LG_ALIGN(lg) | ZERO); /* most likely the same memory */
      CHECK(p != NULL && (uintptr_t)p % ((size_t)1 << lg) == 0 && is_filled(p, 0, sallocx(p, 0)));
      /* Growing clears from the end of what was usable on. */
      size_t old = sallocx(p, 0), to = size + size / 2 + 1;
      memset(p, 7, old);
      p = rallocx(p, to, LG_ALIGN(lg) | ZERO);
      CHECK(p != NULL && (uintptr_t)p % ((size_t)1 << lg) == 0 && is_filled(p, 7, old < to ? old : to));
      if (sallocx(p, 0) > old) CHECK(is_filled(p + old, 0, sallocx(p, 0) - old));
      old = sallocx(p, 0);
      CHECK(xallocx(p, old, 0, LG_ALIGN(lg)) >= old && xallocx(p, size, 0, LG_ALIGN(lg)) >= size);
      memset(p, 7, old);
      p = rallocx(p, size / 9 + 1, LG_ALIGN(lg) | ZERO); /* the usable bytes of the new block are the old ones, too */
      CHECK(p != NULL && (uintptr_t)p % ((size_t)1 << lg) == 0 && is_filled(p, 7, old < sallocx(p, 0) ? old : sallocx(p, 0)));
      const size_t shrunk = sallocx(p, 0);
      p = rallocx(p, size, LG_ALIGN(lg) | ZERO);
      CHECK(p != NULL && is_filled(p, 7, shrunk < size ? shrunk : size) && (shrunk >= size || is_filled(p + shrunk, 0, size - shrunk)));
      memset(p, 7, size);
      p = rallocx(p, size / 3 + 1, LG_ALIGN(lg));
      CHECK(p != NULL && (uintptr_t)p % ((size_t)1 << lg) == 0 && is_filled(p, 7, size / 3 + 1));
      dallocx(p, 0);
    }
    CHECK(nallocx(nallocx(size, 0), 0) == nallocx(size, 0));
  }
  dallocx(malloc(10), 0);
  CHECK(nallocx(too_much, 0) == 0);
  errno = 77;
  CHECK(mallocx(too_much, 0) == NULL && errno == 77);
  char *kept = mallocx(100, 0);
  strcpy(kept, "kept");
  CHECK(rallocx(kept, too_much, 0) == NULL && strcmp(kept, "kept") == 0);
  CHECK(rallocx(kept, too_much, LG_ALIGN(6)) == NULL && strcmp(kept, "kept") == 0 && errno == 77);
  free(kept);
}

static size_t number(const char *name) {
  size_t value = 0, size = sizeof value;
  const int error = mallctl(name, &value, &size, NULL, 0);
  if (error != 0) fprintf(stderr, "%s: %s\n", name, strerror(error)), wrong = 1;
  return value;
}

static void refresh(void) {
  uint64_t epoch = 1;
  size_t size = sizeof epoch;
  CHECK(mallctl("epoch", &epoch, &size, &epoch, sizeof epoch) == 0 && epoch > 0);
}

/* As Redis does: memory in use, and what is free in slabs. */
static size_t free_in_slabs(void) {
  uint32_t bins = 0, blocks;
  size_t size = sizeof bins, sum = 0, width, live, slabs;
  CHECK(mallctl("arenas.nbins", &bins, &size, NULL, 0) == 0 && bins > 0 && size == sizeof bins);
  for (uint32_t i = 0; i < bins; i++) {
    char name[64];
    snprintf(name, sizeof name, "arenas.bin.%u.size", i), width = number(name);
    snprintf(name, sizeof name, "stats.arenas.4096.bins.%u.curregs", i), live = number(name);
    snprintf(name, sizeof name, "stats.arenas.4096.bins.%u.curslabs", i), slabs = number(name);
    snprintf(name, sizeof name, "arenas.bin.%u.nregs", i);
    size = sizeof blocks;
    CHECK(mallctl(name, &blocks, &size, NULL, 0) == 0);
    CHECK(live <= blocks * slabs && width > 0);
    sum += (blocks * slabs - live) * width;
  }
  return sum;
}

static void figures(bool own) {
  enum { COUNT = 20000 };
  static void *keep[COUNT];
  refresh();
  const size_t before = number("stats.allocated");
  for (int i = 0; i < COUNT; i++) keep[i] = mallocx(1000, 0);
  CHECK(!own || number("stats.allocated") == before); /* as of the epoch */
  refresh();
  const size_t allocated = number("stats.allocated"), active = number("stats.active"), resident = number("stats.resident");
  CHECK(allocated >= before + COUNT * 1000 && allocated <= before + COUNT * 2000);
  CHECK(allocated <= active && active <= resident && number("stats.mapped") >= active && number("stats.retained") < (size_t)1 << 40);
  CHECK(number("stats.arenas.4096.pactive") * number("arenas.page") <= resident && number("stats.arenas.4096.pmuzzy") == 0);
  CHECK(number("stats.arenas.4096.small.allocated") + number("stats.arenas.4096.large.allocated") <= allocated + 1000);
  const size_t holes = free_in_slabs();
  for (int i = 0; i < COUNT; i++) {
    if (i % 50 != 0) dallocx(keep[i], 0);
  }
  CHECK(mallctl("thread.tcache.flush", NULL, NULL, NULL, 0) == 0);
  refresh();
  CHECK(number("stats.allocated") < allocated - COUNT * 900);
  CHECK(!own || free_in_slabs() > holes + COUNT * 800); /* few blocks hold most slabs */
  for (int i = 0; i < COUNT; i += 50) dallocx(keep[i], 0);
  CHECK(mallctl("thread.tcache.flush", NULL, NULL, NULL, 0) == 0 && mallctl("arena.4096.purge", NULL, NULL, NULL, 0) == 0);
  refresh();
  CHECK(number("stats.resident") < resident - COUNT * 500);
}

static int failing(const char *name, void *old, size_t old_size, void *new, size_t new_size) {
  return mallctl(name, old, old != NULL ? &old_size : NULL, new, new_size);
}

static void controls(bool own) {
  const char *version = NULL;
  size_t size = sizeof version;
  CHECK(mallctl("version", &version, &size, NULL, 0) == 0 && version[0] == '5');
  bool thread = true;
  size = sizeof thread;
  CHECK(mallctl("background_thread", &thread, &size, NULL, 0) == 0 && !thread);
  CHECK(mallctl("background_thread", NULL, NULL, &thread, sizeof thread) == 0); /* off, as it is */
  uint32_t arenas = 0, arena = 0, cache = 0;
  size = sizeof arenas;
  CHECK(mallctl("arenas.narenas", &arenas, &size, NULL, 0) == 0 && arenas > 0);
  char name[64];
  snprintf(name, sizeof name, "arena.%u.purge", arenas); /* Redis */
  CHECK(mallctl(name, NULL, NULL, NULL, 0) == 0);
  size = sizeof arena;
  CHECK(mallctl("arenas.create", &arena, &size, NULL, 0) == 0 && arena > 0);
  size = sizeof cache;
  CHECK(mallctl("tcache.create", &cache, &size, NULL, 0) == 0);
  void *p = mallocx(100, ARENA((int)arena) | TCACHE((int)cache));
  CHECK(p != NULL);
  dallocx(p, TCACHE((int)cache));
  CHECK(mallctl("tcache.destroy", NULL, NULL, &cache, sizeof cache) == 0);

  char old[64];
  uint64_t one = 1;
  CHECK(failing("no.such.name", old, 8, NULL, 0) == ENOENT && failing("stats", old, 8, NULL, 0) == ENOENT);
  CHECK(failing("stats.allocatedx", old, 8, NULL, 0) == ENOENT && failing("", old, 8, NULL, 0) == ENOENT);
  CHECK(failing("arenas.bin.99999999999999999999999.size", old, 8, NULL, 0) == ENOENT && failing("arenas.bin..size", old, 8, NULL, 0) == ENOENT);
  CHECK(failing("stats.allocated", old, 4, NULL, 0) == EINVAL && failing("epoch", NULL, 0, &one, 4) == EINVAL);
  CHECK(failing("stats.allocated", NULL, 0, &one, sizeof one) == EPERM && failing("version", NULL, 0, &one, sizeof one) == EPERM);
  if (own) {
    thread = true;
    CHECK(failing("background_thread", NULL, 0, &thread, sizeof thread) == EPERM); /* there is none to switch on */
    CHECK(failing("stats.arenas.1.small.allocated", old, 8, NULL, 0) == 0 && failing("stats.arenas.77.pactive", old, 8, NULL, 0) == ENOENT);
    CHECK(failing("stats.arenas.0.bins.5000.curregs", old, 8, NULL, 0) == ENOENT);
  }

  size_t mib[7], parts = 4, width = 0;
  size = sizeof width;
  CHECK(mallctlnametomib("arenas.bin.0.size", mib, &parts) == 0 && parts == 4);
  CHECK(mallctlbymib(mib, parts, &width, &size, NULL, 0) == 0 && width == number("arenas.bin.0.size"));
  mib[2] = 5; /* numbers in it may be changed */
  CHECK(mallctlbymib(mib, parts, &width, &size, NULL, 0) == 0 && width == number("arenas.bin.5.size"));
  mib[2] = 5000;
  CHECK(mallctlbymib(mib, parts, &width, &size, NULL, 0) == ENOENT);
  mib[0] = 5000;
  CHECK(mallctlbymib(mib, parts, &width, &size, NULL, 0) == ENOENT);
  CHECK(mallctlnametomib("no.such.name", mib, &parts) == ENOENT);
}

static void add_text(void *context, const char *text) { strncat(context, text, 1000); }

static void *in_thread(void *unused) {
  (void)unused;
  for (int i = 0; i < 2000; i++) {
    void *p = mallocx((size_t)(i % 3000) + 1, i % 2 != 0 ? ZERO : 0);
    if (i % 100 == 0) refresh(), number("stats.allocated");
    dallocx(p, 0);
  }
  return NULL;
}

int main(int argc, char **argv) {
  const bool own = argc < 2 || strcmp(argv[1], "libjemalloc") != 0;
  if (mallocx == NULL) return fputs("no library has jemalloc's names\n", stderr), 2;
  blocks();
  controls(own);
  if (own && argc == 1) figures(own);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, in_thread, NULL);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  char *text = calloc(1, 300000);
  malloc_stats_print(add_text, text, own ? NULL : "gblmaxa");
  CHECK(strstr(text, "llocated") != NULL && text[strlen(text) - 1] == '\n');
  free(text);
  return wrong;
}
