/*
 * What the malloc family answers to every kind of argument, one line a call: for comparing hakmem with the C library. Lines that versions of glibc
 * differ on begin with the version from which on it is as printed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The compiler must not see which function it is, or what it is asked for. */
static void *(*volatile use_malloc)(size_t) = malloc, *(*volatile use_calloc)(size_t, size_t) = calloc, *(*volatile use_realloc)(void *, size_t) = realloc,
                        *(*volatile use_reallocarray)(void *, size_t, size_t) = reallocarray, *(*volatile use_aligned_alloc)(size_t, size_t) = aligned_alloc,
                        *(*volatile use_memalign)(size_t, size_t) = memalign, *(*volatile use_valloc)(size_t) = valloc,
                        *(*volatile use_pvalloc)(size_t) = pvalloc;
static int (*volatile use_posix_memalign)(void **, size_t, size_t) = posix_memalign;

#define MOST ((size_t)PTRDIFF_MAX)
static const size_t sizes[] = {
  0, 1, 15, 16, 24, 25, 100, 4095, 4096, 100000, 2000000, MOST - 4096, MOST - 1, MOST, MOST + 1, SIZE_MAX / 2 + 4096, SIZE_MAX - 4096, SIZE_MAX - 1, SIZE_MAX};
static const size_t alignments[] = {0, 1, 2, 3, 8, 16, 24, 48, 64, 100, 4096, 5000, 1 << 20, (size_t)1 << 40, MOST / 2 + 1, MOST, MOST + 1, MOST + 2, SIZE_MAX};
#define EACH(table, name) for (size_t i_##name = 0, name; i_##name < sizeof table / sizeof *table && (name = table[i_##name], 1); i_##name++)

static const char *number(size_t n) {
  static char text[8][40];
  static unsigned turn;
  char *t = text[turn++ % 8];
  if (n > MOST) sprintf(t, "MOST+%zu", n - MOST);
  else if (n > MOST / 2 + 1) sprintf(t, "MOST-%zu", MOST - n);
  else sprintf(t, "%zu", n);
  return t;
}

/* What came of a call, whose block is freed: how far it is aligned, up to what was asked for, and whether what was asked for is there. */
static void tell(void *p, size_t align, size_t size) {
  const int error = errno;
  if (p == NULL) {
    printf("NULL, errno %s\n", error == 0 ? "kept" : strerrorname_np(error));
    return;
  }
  size_t aligned = 16;
  while (aligned < align && ((uintptr_t)p & (2 * aligned - 1)) == 0) aligned *= 2;
  printf("a block, aligned to %zu, %s, errno %s\n", (uintptr_t)p % 16 != 0 ? 1 : aligned, malloc_usable_size(p) >= size ? "large enough" : "too small",
         error == 0 ? "kept" : strerrorname_np(error));
  errno = 0;
  free(p);
  if (errno != 0) printf("free sets errno to %d\n", errno);
}

#define CALL(p, align, size, ...) \
  do { \
    printf(__VA_ARGS__); \
    errno = 0; \
    void *result = (p); \
    tell(result, align, size); \
  } while (0)

static void by_size(void) {
  EACH(sizes, size) {
    CALL(use_malloc(size), 16, size, "malloc(%s): ", number(size));
    CALL(use_calloc(1, size), 16, size, "calloc(1, %s): ", number(size));
    CALL(use_calloc(size, 1), 16, size, "calloc(%s, 1): ", number(size));
    CALL(use_calloc(size, 0), 16, 0, "calloc(%s, 0): ", number(size));
    if (size > MOST) CALL(use_calloc(size, 3), 16, size, "calloc(%s, 3): ", number(size));
    CALL(use_realloc(NULL, size), 16, size, "realloc(NULL, %s): ", number(size));
    CALL(use_reallocarray(NULL, size, 1), 16, size, "reallocarray(NULL, %s, 1): ", number(size));
    if (size > MOST) CALL(use_reallocarray(NULL, 3, size), 16, size, "reallocarray(NULL, 3, %s): ", number(size));
    CALL(use_valloc(size), 4096, size, "valloc(%s): ", number(size));
    CALL(use_pvalloc(size), 4096, (size + 4095) & ~(size_t)4095, "pvalloc(%s): ", number(size));
    void *old = use_malloc(100);
    strcpy(old, "old");
    errno = 0;
    void *new = use_realloc(old, size);
    const int error = errno;
    printf("realloc(p, %s): %s, errno %s, %s\n", number(size), new != NULL ? "a block" : "NULL", error == 0 ? "kept" : strerrorname_np(error),
           size == 0 ? "freed"
           : strncmp(new != NULL ? new : old, "old", size < 4 ? size : 4) == 0 ? "the contents are there"
                                                                               : "the contents are gone");
    if (new != NULL) free(new);
    else if (size != 0) free(old);
  }
  void *p = use_malloc(10);
  CALL(use_reallocarray(p, 0, 10), 16, 0, "reallocarray(p, 0, 10): ");
  p = use_malloc(10);
  CALL(use_reallocarray(p, 10, 0), 16, 0, "reallocarray(p, 10, 0): ");
}

static void by_alignment(void) {
  EACH(alignments, align) EACH(sizes, size) {
    /* Whether so much can be had is a matter of the address space: more than all of it cannot. */
    if (align == (size_t)1 << 40 || (align > (size_t)1 << 40 && align <= MOST && size < MOST - 4096)) continue;
    CALL(use_memalign(align, size), align, size, "memalign(%s, %s): ", number(align), number(size));
    const char *since = (align & (align - 1)) != 0 || align == 0 ? "2.38 " : "";
    CALL(use_aligned_alloc(align, size), align, size, "%saligned_alloc(%s, %s): ", since, number(align), number(size));
    void *out = &out;
    errno = 0;
    const int result = use_posix_memalign(&out, align, size);
    printf("posix_memalign(%s, %s): %s, %s, ", number(align), number(size), result == 0 ? "0" : strerrorname_np(result),
           result == 0   ? "done"
           : out == &out ? "pointer kept"
                         : "pointer changed");
    tell(result == 0 ? out : NULL, align, size);
  }
}

static void others(void) {
  printf("malloc_usable_size(NULL): %zu\n", malloc_usable_size(NULL));
  static const struct {
    int parameter, value;
  } settings[] = {{M_MXFAST, 64},
                  {M_MXFAST, 160},
                  {M_MXFAST, 161},
                  {M_MXFAST, -1},
                  {M_TRIM_THRESHOLD, 100000},
                  {M_TOP_PAD, 0},
                  {M_MMAP_THRESHOLD, 1 << 20},
                  {M_MMAP_THRESHOLD, 1 << 30},
                  {M_MMAP_THRESHOLD, -1},
                  {M_MMAP_MAX, 100},
                  {M_CHECK_ACTION, 3},
                  {M_PERTURB, 0},
                  {M_ARENA_TEST, 2},
                  {M_ARENA_TEST, 0},
                  {M_ARENA_MAX, 2},
                  {M_ARENA_MAX, 0},
                  {-77, 1},
                  {77, 1}};
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    printf("mallopt(%d, %d): %d\n", settings[i].parameter, settings[i].value, mallopt(settings[i].parameter, settings[i].value));
  }
  errno = 0;
  printf("malloc_info(1): %d\n", malloc_info(1, stdout));
}

int main(void) {
  by_size();
  by_alignment();
  others();
  return 0;
}
