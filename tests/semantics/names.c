/*
 * Every name of the malloc family does what glibc's does. Each check prints what was wrong and goes on; exit status 1 if any was.
 * Runs over hakmem; the checks that are glibc's own promises hold without it, too.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* mallinfo: programs still call it */

static int wrong;

#define CHECK(condition) \
  do { \
    if (!(condition)) { \
      fprintf(stderr, "names.c:%d: not so: %s (errno %d)\n", __LINE__, #condition, errno); \
      wrong = 1; \
    } \
  } while (0)

/* The call leaves errno as it was. */
#define KEEPS_ERRNO(statement) \
  do { \
    errno = 77; \
    statement; \
    CHECK(errno == 77); \
  } while (0)

/* Volatile, so that the compiler cannot see what is asked for. */
static volatile size_t too_much = (size_t)PTRDIFF_MAX + 1, most = PTRDIFF_MAX, all = SIZE_MAX, quarter = SIZE_MAX / 4, half_bits = (size_t)1 << 32, odd = 24;
static void *(*volatile use_aligned_alloc)(size_t, size_t) = aligned_alloc;

static bool is_aligned(const void *p, size_t align) { return ((uintptr_t)p & (align - 1)) == 0; }

static bool is_filled(const unsigned char *p, unsigned char with, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (p[i] != with) return false;
  }
  return true;
}

static void check_malloc(void) {
  for (size_t size = 0; size < 5000000; size = size < 300 ? size + 1 : size * 9 / 8) {
    unsigned char *p;
    KEEPS_ERRNO(p = malloc(size));
    CHECK(p != NULL && is_aligned(p, 16));
    CHECK(malloc_usable_size(p) >= size);
    memset(p, 1, malloc_usable_size(p));
    KEEPS_ERRNO(free(p));
  }
  void *a = malloc(0), *b = malloc(0);
  CHECK(a != NULL && b != NULL && a != b);
  free(a), free(b);
  KEEPS_ERRNO(free(NULL));
  errno = 0;
  CHECK(malloc(too_much) == NULL && errno == ENOMEM);
  errno = 0;
  CHECK(malloc(all) == NULL && errno == ENOMEM);
  errno = 0;
  CHECK(malloc(most) == NULL && errno == ENOMEM);
  CHECK(malloc_usable_size(NULL) == 0);
}

static void check_calloc(void) {
  for (size_t size = 1; size < 5000000; size = size < 300 ? size + 1 : size * 9 / 8) {
    unsigned char *p = malloc(size);
    memset(p, 0xee, size);
    free(p);
    KEEPS_ERRNO(p = calloc(1, size));
    CHECK(p != NULL && is_aligned(p, 16) && is_filled(p, 0, size));
    memset(p, 0xee, malloc_usable_size(p));
    free(p);
  }
  void *p = calloc(0, 8), *q = calloc(8, 0);
  CHECK(p != NULL && q != NULL && p != q);
  free(p), free(q);
  errno = 0;
  CHECK(calloc(quarter, 5) == NULL && errno == ENOMEM);
  errno = 0;
  CHECK(calloc(too_much, 1) == NULL && errno == ENOMEM);
  errno = 0;
  CHECK(calloc(half_bits, half_bits) == NULL && errno == ENOMEM);
}

static void check_realloc(void) {
  unsigned char *p;
  KEEPS_ERRNO(p = realloc(NULL, 100));
  CHECK(p != NULL);
  memset(p, 5, 100);
  size_t size = 100;
  for (int i = 0; i < 60; i++) {
    const size_t to = i < 30 ? size + size / 2 : size * 2 / 3 + 1;
    unsigned char *q;
    KEEPS_ERRNO(q = realloc(p, to));
    CHECK(q != NULL && is_aligned(q, 16) && malloc_usable_size(q) >= to);
    CHECK(is_filled(q, 5, size < to ? size : to));
    memset(p = q, 5, size = to);
  }
  errno = 0;
  CHECK(realloc(p, too_much) == NULL && errno == ENOMEM);
  CHECK(is_filled(p, 5, size)); /* a failure leaves the block alone */
  errno = 77;
  CHECK(realloc(p, 0) == NULL && errno == 77); /* glibc frees */
  p = realloc(NULL, 0);
  CHECK(p != NULL);
  free(p);
  KEEPS_ERRNO(p = reallocarray(NULL, 10, 30));
  CHECK(p != NULL && malloc_usable_size(p) >= 300);
  memset(p, 6, 300);
  errno = 0;
  CHECK(reallocarray(p, quarter, 5) == NULL && errno == ENOMEM);
  KEEPS_ERRNO(p = reallocarray(p, 100, 30));
  CHECK(p != NULL && is_filled(p, 6, 300));
  free(p);
}

static void check_aligned(void) {
  for (size_t align = 1; align <= (size_t)64 << 20; align *= 2) {
    static const size_t sizes[] = {0, 1, 15, 16, 100, 4095, 65536, 300000};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
      const size_t size = sizes[i];
      void *p[3] = {NULL, NULL, NULL};
      KEEPS_ERRNO(p[0] = use_aligned_alloc(align, size));
      KEEPS_ERRNO(p[1] = memalign(align, size));
      if (align >= sizeof(void *)) {
        KEEPS_ERRNO(CHECK(posix_memalign(&p[2], align, size) == 0));
      } else {
        CHECK(posix_memalign(&p[2], align, size) == EINVAL);
      }
      for (unsigned k = 0; k < 3; k++) {
        if (k == 2 && align < sizeof(void *)) continue;
        CHECK(p[k] != NULL && is_aligned(p[k], align) && is_aligned(p[k], 16));
        CHECK(malloc_usable_size(p[k]) >= size);
        memset(p[k], (int)k + 1, malloc_usable_size(p[k]));
      }
      for (unsigned k = 0; k < 3; k++) {
        if (p[k] != NULL) CHECK(is_filled(p[k], (unsigned char)(k + 1), malloc_usable_size(p[k])));
        KEEPS_ERRNO(free(p[k]));
      }
    }
  }
  /* An aligned block can be resized; only its contents go along. */
  unsigned char *p = memalign(4096, 1000);
  memset(p, 9, 1000);
  p = realloc(p, 100000);
  CHECK(p != NULL && is_filled(p, 9, 1000));
  free(p);

  void *out = &out;
  CHECK(posix_memalign(&out, odd, 8) == EINVAL && out == &out);
  CHECK(posix_memalign(&out, odd - 24, 8) == EINVAL && out == &out);
  CHECK(posix_memalign(&out, odd - 20, 8) == EINVAL && out == &out);
  CHECK(posix_memalign(&out, 64, too_much) == ENOMEM && out == &out);
  errno = 0;
  CHECK(use_aligned_alloc(64, too_much) == NULL && errno == ENOMEM);
  errno = 0;
  CHECK(memalign(too_much + 1, 8) == NULL && errno == EINVAL);
  out = memalign(2 * odd, 10); /* rounded up */
  CHECK(out != NULL && is_aligned(out, 64));
  free(out);
  errno = 0;
  CHECK(use_aligned_alloc(0, 8) == NULL && errno == EINVAL);
  errno = 0;
  CHECK(use_aligned_alloc(odd, 48) == NULL && errno == EINVAL);

  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  for (size_t size = 0; size < 5 * page; size += 511) {
    void *v, *w;
    KEEPS_ERRNO(v = valloc(size));
    KEEPS_ERRNO(w = pvalloc(size));
    CHECK(v != NULL && is_aligned(v, page) && malloc_usable_size(v) >= size);
    CHECK(w != NULL && is_aligned(w, page) && malloc_usable_size(w) >= (size + page - 1) / page * page);
    free(v), free(w);
  }
  errno = 0;
  CHECK(valloc(too_much) == NULL && errno == ENOMEM);
  errno = 0;
  CHECK(pvalloc(SIZE_MAX) == NULL && errno == ENOMEM);
  errno = 0;
  CHECK(pvalloc(most) == NULL && errno == ENOMEM);
}

/* glibc of this age does not declare C23's names; the library has them. */
static void check_c23(void) {
  void (*free_sized)(void *, size_t) = (void (*)(void *, size_t))(uintptr_t)dlsym(RTLD_DEFAULT, "free_sized");
  void (*free_aligned_sized)(void *, size_t, size_t) = (void (*)(void *, size_t, size_t))(uintptr_t)dlsym(RTLD_DEFAULT, "free_aligned_sized");
  CHECK(free_sized != NULL && free_aligned_sized != NULL);
  if (wrong) return;
  KEEPS_ERRNO(free_sized(malloc(100), 100));
  KEEPS_ERRNO(free_sized(malloc(1000000), 1000000));
  KEEPS_ERRNO(free_sized(NULL, 0));
  KEEPS_ERRNO(free_aligned_sized(use_aligned_alloc(4096, 8192), 4096, 8192));
  KEEPS_ERRNO(free_aligned_sized(NULL, 64, 0));
}

static void check_reports(void) {
  CHECK(mallopt(M_ARENA_MAX, 2) == 1);
  CHECK(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1);
  void *keep[100];
  for (size_t size = 100; size <= 10000000; size *= 10) {
    const struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < 100; i++) keep[i] = malloc(size);
    const struct mallinfo2 with = mallinfo2();
    CHECK(with.uordblks + with.hblkhd >= before.uordblks + before.hblkhd + 100 * size);
    for (int i = 0; i < 100; i++) free(keep[i]);
  }
  for (int i = 0; i < 100; i++) keep[i] = malloc(100000);
  const struct mallinfo2 info = mallinfo2();
  CHECK(info.uordblks + info.hblkhd >= 100 * 100000);
  const struct mallinfo old = mallinfo();
  CHECK(old.arena > 0 || old.hblkhd > 0);
  for (int i = 0; i < 100; i++) free(keep[i]);
  const int trimmed = malloc_trim(0);
  CHECK(trimmed == 0 || trimmed == 1);
  FILE *f = tmpfile();
  CHECK(f != NULL && malloc_info(0, f) == 0);
  CHECK(f != NULL && ftell(f) > 20);
  rewind(f);
  char start[9] = "";
  CHECK(fread(start, 1, 8, f) == 8 && memcmp(start, "<malloc ", 8) == 0);
  fclose(f);
  CHECK(malloc_info(1, stdout) != 0);
}

/* All names must come from one library: a family that is half overridden frees blocks of another. */
static void check_one_library(void) {
  static const char *const names[] = {"malloc",
                                      "free",
                                      "calloc",
                                      "realloc",
                                      "reallocarray",
                                      "aligned_alloc",
                                      "memalign",
                                      "posix_memalign",
                                      "valloc",
                                      "pvalloc",
                                      "malloc_usable_size",
                                      "free_sized",
                                      "free_aligned_sized",
                                      "malloc_trim",
                                      "malloc_stats",
                                      "malloc_info",
                                      "mallinfo",
                                      "mallinfo2",
                                      "mallopt"};
  Dl_info home;
  CHECK(dladdr(dlsym(RTLD_DEFAULT, "malloc"), &home) != 0 && strstr(home.dli_fname, "libhakmem") != NULL);
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
    Dl_info info = {0};
    void *address = dlsym(RTLD_DEFAULT, names[i]);
    if (address == NULL || dladdr(address, &info) == 0 || strcmp(info.dli_fname, home.dli_fname) != 0) {
      fprintf(stderr, "%s comes from %s\n", names[i], info.dli_fname != NULL ? info.dli_fname : "nowhere");
      wrong = 1;
    }
  }
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--stats") == 0) {
    malloc_stats();
    return 0;
  }
  check_one_library();
  check_malloc();
  check_calloc();
  check_realloc();
  check_aligned();
  check_c23();
  check_reports();
  return wrong;
}
