/* debug_mode.c: what memory reads as, how long freed blocks wait, impossible sizes, exit, threads and forks; see debug_mode.h. */
#include "debug_mode.h"

/* ---- What new and freed memory reads as. ---- */

static void filled(const char *p, size_t from, size_t to, int byte, const char *what) {
  for (size_t i = from; i < to; i++) {
    if (p[i] != (char)byte) wrong("%s: byte %zu of %zu is 0x%02x", what, i, to, (unsigned char)p[i]);
  }
}

static void filling(void) {
  const char *text = getenv("HAKMEM_DEBUG_FILL");
  const int fill = text != NULL ? (int)strtol(text, NULL, 0) : 0;
  for (size_t size = 0; size != SIZE_MAX; size = next_size(size, 101)) {
    for (enum kind kind = 0; kind < KINDS; kind++) {
      if (!is_kind(kind, size)) continue;
      if (kind == GROWN && size > 1) { /* what is kept, and what is new */
        char *p = use_malloc(size / 2);
        memset(p, 0x66, size / 2);
        p = use_realloc(p, size);
        filled(p, 0, size / 2, 0x66, "kept by realloc");
        filled(p, size / 2, size, fill, "new by realloc");
        use_free(p);
        continue;
      }
      char *p = block_of(kind, size);
      filled(p, 0, size, kind == CALLOC ? 0 : fill, "new");
      memset(p, 0x66, size);
      use_free(p);
      if (size == 0) continue;
      if (can_read(p)) {
        filled(p, 0, size, fill, "freed");
      } else {
        expect(&(struct damage){p, size, 0, HDR_USE_AFTER_FREE}, "a read of what was freed");
      }
      if (kind % 4 == 0) flush(); /* and the next block lies where this one was */
    }
  }
  expect_none("filling");
}

/* ---- The quarantine: a freed block is not handed out before so much was freed, and is then. ---- */

static void quarantine_bytes(void) {
  for (unsigned round = 0; round < 20; round++) {
    const size_t size = 50 * round + 60;
    char *p = use_malloc(size);
    use_free(p);
    for (size_t waiting = size; waiting + size <= QUARANTINE; waiting += size) {
      char *q = use_malloc(size);
      if (q == p) wrong("a block of %zu bytes comes again after %zu", size, waiting);
      use_free(q);
    }
    use_free(use_malloc(size)); /* one more than fits */
    CHECK(use_malloc(size) == p);
  }
}

/* They leave in the order in which they came, also if the ring of their places became longer while it began in its middle. */
static void quarantine_order(void) {
  enum { BLOCKS = 3000, SIZE = 16 }; /* the quarantine has room for just these */
  static char *block[BLOCKS];
  for (unsigned i = 0; i < 700; i++) use_free(use_malloc(1000));
  for (unsigned i = 0; i < BLOCKS; i++) block[i] = use_malloc(SIZE);
  for (unsigned i = 0; i < BLOCKS; i++) use_free(block[i]);
  for (unsigned i = 0; i < BLOCKS; i++) {
    use_free(use_malloc(SIZE));
    if (use_malloc(SIZE) != block[i]) wrong("quarantine_order: block %u of %u does not leave in its turn", i, BLOCKS);
  }
  expect_none("quarantine_order");
}

/* ---- Sizes: impossible ones, and those told to a sized free. ---- */

static void sizes(void) {
  static const size_t impossible[] = {SIZE_MAX,          SIZE_MAX - 15,           SIZE_MAX - 63,    SIZE_MAX - 64,    SIZE_MAX - 128,
                                      SIZE_MAX - 4096,   (size_t)PTRDIFF_MAX + 1, PTRDIFF_MAX,      PTRDIFF_MAX - 63, PTRDIFF_MAX - 127,
                                      PTRDIFF_MAX - 128, PTRDIFF_MAX - 4096,      SIZE_MAX / 2 + 1, SIZE_MAX / 3};
#define REFUSED(call) \
  do { \
    errno = 0; \
    CHECK((call) == NULL); \
    CHECK(errno == ENOMEM); \
  } while (0)
  for (unsigned i = 0; i < sizeof impossible / sizeof *impossible; i++) {
    const volatile size_t size = impossible[i];
    REFUSED(use_malloc(size));
    REFUSED(use_calloc(1, size));
    REFUSED(use_calloc(size, 2 + size % 7));
    REFUSED(use_realloc(NULL, size));
    for (size_t align = 16; align <= 4096; align *= 4) {
      void *out = &out;
      REFUSED(memalign(align, size));
      REFUSED(aligned_alloc(align, size));
      CHECK(posix_memalign(&out, align, size) == ENOMEM && out == &out);
    }
    char *p = use_malloc(100);
    memset(p, 0x66, 100);
    REFUSED(use_realloc(p, size));
    REFUSED(reallocarray(p, size, 5));
    filled(p, 0, 100, 0x66, "after a realloc that was refused");
    CHECK(malloc_usable_size(p) == 100);
    use_free(p);
  }
  expect_none("impossible sizes");
  static const size_t some[] = {0, 1, 15, 16, 17, 100, 1000, 4096, 20480, 200000, 3000000};
  for (unsigned i = 0; i < sizeof some / sizeof *some; i++) {
    for (unsigned k = 0; k < sizeof some / sizeof *some; k++) {
      char *p = i % 2 == 0 ? use_malloc(some[i]) : memalign(64, some[i]);
      if (i % 2 == 0) free_sized(p, some[k]);
      else free_aligned_sized(p, 64, some[k]);
      if (i == k) {
        expect_none("a sized free");
      } else {
        CHECK(seen->event[0].told == some[k]);
        expect(&(struct damage){p, some[i], 0, HDR_WRONG_SIZE}, "a sized free");
      }
    }
  }
}

/* ---- At exit: everything that is wrong by then, however many. ---- */

#define LEFT 300
static int cmp(const void *a, const void *b) { return memcmp(a, b, sizeof(struct damage)); }

/* Whether these are what was reported, in any order. */
static void expect_all(struct damage *d, unsigned count, const char *when) {
  static struct damage got[SEEN_MAX];
  const unsigned reported = atomic_exchange(&seen->count, 0);
  CHECK(reported <= SEEN_MAX);
  memset(got, 0, sizeof got);
  for (unsigned i = 0; i < reported; i++) {
    const struct event_hdr_reset *e = &seen->event[i];
    got[i].block = e->base, got[i].size = e->size, got[i].over = e->over, got[i].verdict = e->verdict;
  }
  qsort(got, reported, sizeof *got, cmp);
  qsort(d, count, sizeof *d, cmp);
  unsigned found = 0;
  for (unsigned i = 0, k = 0; i < reported; i++) {
    while (k < count && memcmp(&d[k], &got[i], sizeof *d) < 0) k++;
    if (k < count && memcmp(&d[k], &got[i], sizeof *d) == 0) found++, k++;
  }
  if (reported != count || found != count) wrong("%s: %u reports of %u damages, %u of them right", when, reported, count, found);
}

/* All blocks are there before the first is damaged: the next allocation would find that. */
static void damage_some(struct damage *d) {
  memset(d, 0, LEFT * sizeof *d);
  for (unsigned i = 0; i < LEFT; i++) {
    d[i].size = i % 7 == 0 ? 40000u + i : i * 13 % 3000 + 1;
    d[i].block = use_malloc(d[i].size);
    d[i].verdict = i % 3 != 0 || i % 7 == 0 ? HDR_OVERFLOW : HDR_UNDERFLOW;
    if (i % 5 != 0 || i % 7 == 0 || d[i].verdict != HDR_OVERFLOW) continue;
    use_free((char *)d[i].block);
    d[i].verdict = HDR_WRITE_AFTER_FREE;
  }
  for (unsigned i = 0; i < LEFT; i++) {
    char *p = (char *)d[i].block;
    const size_t slack = (size_t) - (uintptr_t)(p + d[i].size) % 16; /* what a guard page leaves open */
    d[i].over = d[i].verdict == HDR_WRITE_AFTER_FREE ? d[i].size / 2 + 1 : i % 7 != 0 ? i % FAR + 1 : slack != 0 ? slack : 1;
    if (d[i].verdict == HDR_WRITE_AFTER_FREE) p[d[i].over - 1] = 0x55;
    else if (i % 7 == 0 && slack == 0) p[d[i].size - 1] = 1, d[i].size = 0; /* no damage can be done without a fault */
    else if (d[i].verdict == HDR_OVERFLOW) p[d[i].size + d[i].over - 1] = 0x55;
    else *(p - d[i].over) = 0x55;
  }
}

static unsigned without_none(struct damage *d) {
  unsigned count = 0;
  for (unsigned i = 0; i < LEFT; i++)
    if (d[i].size != 0) d[count++] = d[i];
  return count;
}

static int status_of(pid_t child) {
  int status = -1;
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  return status;
}

static void at_exit(void) { /* HAKMEM_DEBUG_QUARANTINE=16M, so that all that is freed is still there */
  static struct damage d[LEFT];
  damage_some(d);
  const unsigned count = without_none(d);
  CHECK(count > LEFT * 9 / 10);
  expect_none("no operation has looked yet");
  const pid_t child = fork();
  if (child == 0) {
    usleep(500000); /* its end may take as long as it has lived */
    exit(0);
  }
  CHECK(status_of(child) == 0);
  expect_all(d, count, "a child's exit");
  malloc_trim(0); /* the parent has the same damages still */
  expect_all(d, count, "one audit");
  malloc_trim(0);
  expect_none("a second audit");
}

/* ---- Threads that free each other's blocks, some of them damaged, while forks go on. ---- */

#define THREADS 4
#define PLACES 512
#define ROUNDS 30000u
#define DAMAGED 400

static struct { _Atomic(char *) block; } place[PLACES];
static atomic_uint damages;
static struct damage damaged[DAMAGED + THREADS];

static void *exchange(void *seed) {
  uint64_t state = (uintptr_t)seed;
  for (unsigned i = 0; i < ROUNDS; i++) {
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    const size_t size = (size_t)(state >> 40) % ((state >> 60) == 0 ? 60000 : 600) + 1;
    char *p = use_malloc(size);
    memset(p, 0x44, size);
    const bool wrongly = (state >> 33) % (ROUNDS * THREADS / DAMAGED) == 0 && size < 10000;
    const unsigned k = wrongly ? atomic_fetch_add(&damages, 1) : DAMAGED;
    if (k < DAMAGED) {
      const size_t off = (size_t)(state >> 20) % FAR + 1;
      const bool behind = (state & 1 << 15) != 0;
      *(behind ? p + size + off - 1 : p - off) = 0x55;
      damaged[k].block = p, damaged[k].size = size, damaged[k].over = off, damaged[k].verdict = behind ? HDR_OVERFLOW : HDR_UNDERFLOW;
    }
    use_free(atomic_exchange(&place[(state >> 25) % PLACES].block, p));
  }
  return NULL;
}

static void threads(void) {
  pthread_t thread[THREADS];
  for (uintptr_t i = 0; i < THREADS; i++) CHECK(pthread_create(&thread[i], NULL, exchange, (void *)(i + 1)) == 0);
  for (unsigned i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  for (unsigned i = 0; i < PLACES; i++) use_free(place[i].block);
  const unsigned count = damages < DAMAGED ? damages : DAMAGED;
  CHECK(count > DAMAGED / 2);
  expect_all(damaged, count, "threads");
}

static void forks(void) {
  char *p = use_malloc(100), *q = use_malloc(200);
  use_free(q);
  p[100] = 1; /* from here to the next operation, no thread looks */
  q[7] = 1;
  for (unsigned i = 0; i < 2; i++) { /* first in a child, then here */
    const pid_t child = i == 0 ? fork() : 0;
    if (child == 0 && i == 0) alarm(60);
    if (child != 0) {
      CHECK(status_of(child) == 0);
      continue;
    }
    use_free(p); /* finds what is wrong with p; a sweep may find at the same time what is wrong with q */
    flush();
    static struct damage both[2];
    memset(both, 0, sizeof both); /* padding is compared too */
    both[0].block = p, both[0].size = 100, both[0].over = 1, both[0].verdict = HDR_OVERFLOW;
    both[1].block = q, both[1].size = 200, both[1].over = 8, both[1].verdict = HDR_WRITE_AFTER_FREE;
    expect_all(both, 2, "forks");
    for (unsigned k = 0; k < 3000; k++) use_free(use_malloc(k));
    expect_none("forks: going on");
    if (i == 0) exit(0);
  }
  /* While threads allocate, free, and get the reports. */
  pthread_t thread[THREADS];
  for (uintptr_t i = 0; i < THREADS; i++) CHECK(pthread_create(&thread[i], NULL, exchange, (void *)(i + 9)) == 0);
  for (unsigned i = 0; i < 30; i++) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      for (unsigned k = 0; k < 2000; k++) use_free(use_malloc(k % 900));
      if (i % 2 == 0) malloc_trim(0);
      _exit(0);
    }
    CHECK(status_of(child) == 0);
  }
  for (unsigned i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
}

static bool is_resident(char *p) {
  unsigned char in = 0;
  CHECK(mincore((void *)((uintptr_t)p & ~(uintptr_t)4095), 4096, &in) == 0);
  return (in & 1) != 0;
}

/* After some forks, freed blocks need no memory. Still they are filled, and each write into them is found, of before and of after. */
static void many_forks(void) {
  enum { BLOCKS = 200, SIZE = 20000, FORKS = 9, WRITTEN = 9000 };
  const char *text = getenv("HAKMEM_DEBUG_FILL");
  const int fill = text != NULL ? (int)strtol(text, NULL, 0) : 0;
  static char *block[BLOCKS];
  for (unsigned i = 0; i < BLOCKS; i++) block[i] = use_malloc(SIZE);
  for (unsigned i = 0; i < BLOCKS; i++) {
    memset(block[i], 0x66, SIZE);
    use_free(block[i]);
  }
  block[0][WRITTEN] = 0x55;
  for (unsigned i = 0; i < FORKS; i++) {
    const pid_t child = fork();
    if (child == 0) {
      for (unsigned k = 0; k < 2; k++) filled(block[k + 1], 0, SIZE, fill, "freed, in a child");
      _exit(0);
    }
    CHECK(status_of(child) == 0);
  }
  unsigned resident = 0;
  for (unsigned i = 1; i < BLOCKS; i++) resident += is_resident(block[i] + WRITTEN);
  if (fill == 0 && resident > BLOCKS / 10) wrong("many_forks: %u of %u freed blocks are still resident", resident, BLOCKS);
  for (unsigned i = 2; i < BLOCKS; i++) filled(block[i], 0, SIZE, fill, "freed, after forks");
  block[1][WRITTEN] = 0x55;
  for (unsigned freed = 0; freed < 17 << 20; freed += 16384) use_free(use_malloc(16384)); /* the quarantine holds 16 MiB */
  static struct damage both[2];
  for (unsigned i = 0; i < 2; i++) {
    both[i].block = block[i], both[i].size = SIZE, both[i].over = WRITTEN + 1, both[i].verdict = HDR_WRITE_AFTER_FREE;
  }
  expect_all(both, 2, "many_forks");
}

int main(int argc, char **argv) {
  static const struct test all[] = {
    {"filling", filling},
    {"quarantine_bytes", quarantine_bytes},
    {"quarantine_order", quarantine_order},
    {"sizes", sizes},
    {"at_exit", at_exit},
    {"threads", threads},
    {"forks", forks},
    {"many_forks", many_forks},
  };
  return run_test(argc, argv, all, sizeof all / sizeof *all);
}
