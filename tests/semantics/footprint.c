/*
 * footprint.c: what blocks take beside their own bytes.
 *
 *   footprint large SLACK TIMES  351 blocks of 60,000 bytes: resident at most 64 KiB each, and SLACK KiB; mapped at most TIMES as much
 *   footprint untouched SHARE    the same blocks, and as many of calloc, to which nothing is written: resident at most SHARE KiB each
 *   footprint sparse SHARE       1000 blocks of 70,000 bytes, with one byte written in each: resident at most SHARE KiB each
 *   footprint forks MAPPINGS DIRTY  about 1000 live blocks of up to 70,000 bytes, and some forks. Then the process has at most MAPPINGS mappings, and DIRTY
 *                                KiB of resident memory that are its own: a fork copies both
 *   footprint resized SHARE      200 blocks of up to 300,000 bytes are resized at random: resident at most SHARE percent of the most that was live
 *   footprint turns SHARE        6 MB of blocks of one size, then of another, for 41 sizes up to 2000 bytes: resident at most SHARE percent of what is live
 *   footprint threads KIB        1 GB of large blocks that are never written to, then bursts of small ones in 64 threads: resident KIB more, at most
 *   footprint aligned ROOM       small blocks at multiples of 2^12 to 2^30: resident a few pages each; mapped ROOM times the alignment, at most
 */
#define NAME "footprint"
#include "resident.h"

#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static long mapped_kib(void) {
  FILE *f = fopen("/proc/self/statm", "r");
  long pages = 0;
  if (f == NULL || fscanf(f, "%ld", &pages) != 1) fail("cannot read statm");
  fclose(f);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void large(long slack, long times) {
  enum { COUNT = 351, SIZE = 60000 };
  static void *block[COUNT];
  const long resident = resident_kib(), mapped = mapped_kib();
  for (unsigned i = 0; i < COUNT; i++) {
    block[i] = malloc(SIZE);
    if (block[i] == NULL) fail("no memory");
    memset(block[i], 1, SIZE);
  }
  const long grown = resident_kib() - resident, taken = mapped_kib() - mapped;
  for (unsigned i = 0; i < COUNT; i++) free(block[i]);
  printf("%d blocks of %d bytes: %ld KiB resident, %ld mapped\n", COUNT, SIZE, grown, taken);
  if (grown > COUNT * 64 + slack || taken > times * COUNT * 64 + slack) fail("blocks take more memory than they need");
}

static void untouched(long share) {
  enum { COUNT = 351, SIZE = 60000 };
  static void *block[2 * COUNT];
  const long resident = resident_kib();
  for (unsigned i = 0; i < 2 * COUNT; i++) {
    block[i] = i % 2 == 0 ? malloc(SIZE) : calloc(1, SIZE);
    if (block[i] == NULL) fail("no memory");
  }
  const long grown = resident_kib() - resident;
  for (unsigned i = 0; i < 2 * COUNT; i++) free(block[i]);
  printf("%d untouched blocks of %d bytes: %ld KiB resident\n", 2 * COUNT, SIZE, grown);
  if (grown > 2 * COUNT * share) fail("blocks to which nothing was written take memory");
}

static void aligned(long room) {
  void *first; /* what only the first block takes, of the library and of stdio, is not measured */
  if (posix_memalign(&first, 4096, 100) != 0) fail("no memory");
  free(first);
  printf("%ld KiB resident, %ld mapped at first\n", resident_kib(), mapped_kib());
  for (unsigned shift = 12; shift <= 30; shift++) {
    const size_t align = (size_t)1 << shift;
    const long resident = resident_kib(), mapped = mapped_kib();
    void *p;
    if (posix_memalign(&p, align, 100) != 0) fail("no memory for an aligned block");
    if ((uintptr_t)p % align != 0) fail("a block is not aligned");
    memset(p, 1, 100);
    const long grown = resident_kib() - resident, taken = mapped_kib() - mapped;
    printf("2^%u: %ld KiB resident, %ld mapped\n", shift, grown, taken);
    if (grown > 256) fail("resident memory grows with the alignment");
    if (taken > room * (long)(align / 1024) + 100000) fail("mapped memory grows with the alignment");
    free(p);
  }
}

static long mappings(void) {
  FILE *f = fopen("/proc/self/maps", "r");
  long lines = 0;
  if (f == NULL) fail("cannot read maps");
  for (int c; (c = getc(f)) != EOF;) lines += c == '\n';
  fclose(f);
  return lines;
}

static long dirty_kib(void) {
  FILE *f = fopen("/proc/self/smaps_rollup", "r");
  char line[256];
  long kib = -1;
  while (f != NULL && kib < 0 && fgets(line, sizeof line, f) != NULL) sscanf(line, "Private_Dirty: %ld", &kib);
  if (kib < 0) fail("cannot read smaps_rollup");
  fclose(f);
  return kib;
}

/* Whether the kernel can mark pages as closed. If not, each slot of a guarded block takes mappings. */
static int has_marks(void) {
  void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p != MAP_FAILED && madvise(p, 4096, 102 /* MADV_GUARD_INSTALL */) == 0;
}

static void forks(long most_mappings, long most_dirty) {
  enum { COUNT = 1009, FORKS = 9 };
  static void *block[COUNT];
  unsigned seed = 1;
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* a huge page is one to copy, and is dirty as a whole */
  for (unsigned i = 0; i < 20000; i++) {
    const int k = rand_r(&seed) % COUNT;
    free(block[k]);
    block[k] = malloc((size_t)rand_r(&seed) % 70000);
    if (block[k] == NULL) fail("no memory");
  }
  for (unsigned i = 0; i < FORKS; i++) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) fail("a child failed");
  }
  const long maps = mappings(), dirty = dirty_kib();
  printf("%ld mappings, %ld KiB dirty\n", maps, dirty);
  if (has_marks() && maps > most_mappings) fail("forks copy too many mappings");
  if (dirty > most_dirty) fail("forks copy too many pages");
}

static void resized(long share) {
  enum { COUNT = 200, MOST = 300000, TURNS = 20000 };
  static char *block[COUNT];
  static size_t size[COUNT];
  size_t live = 0, peak = 0;
  unsigned seed = 1;
  long most = 0;
  for (unsigned i = 0; i < TURNS; i++) {
    const int k = rand_r(&seed) % COUNT;
    const size_t wanted = 1 + (size_t)rand_r(&seed) % MOST;
    block[k] = realloc(block[k], wanted);
    if (block[k] == NULL) fail("no memory");
    memset(block[k], 1, wanted);
    live += wanted - size[k];
    size[k] = wanted;
    if (live > peak) peak = live;
    if (i % 100 == 0 && resident_kib() > most) most = resident_kib();
  }
  printf("%zu KiB live, %ld KiB resident\n", peak >> 10, most);
  fflush(stdout);
  if (most > share * (long)(peak >> 10) / 100) fail("blocks that change their sizes take too much memory");
}

static void turns(long share) {
  enum { LIVE = 6000000, LEAST = 40, STEP = 49, MOST = 2000 };
  static char *block[LIVE / LEAST];
  const long before = resident_kib() + (long)sizeof(block) / 1024;
  long most = 0;
  for (unsigned size = LEAST; size <= MOST; size += STEP) {
    const unsigned count = LIVE / size;
    for (unsigned i = 0; i < count; i++) {
      block[i] = malloc(size);
      if (block[i] == NULL) fail("no memory");
      memset(block[i], 1, size);
    }
    for (unsigned i = 0; i < count; i += 3) free(block[i]);
    for (unsigned i = 0; i < count; i += 3) block[i] = malloc(size);
    if (resident_kib() - before > most) most = resident_kib() - before;
    for (unsigned i = 0; i < count; i++) free(block[i]);
  }
  printf("%d KiB live, %ld KiB resident\n", LIVE / 1024, most);
  fflush(stdout);
  if (most > share * (LIVE / 1024) / 100) fail("lists of sizes that are no longer in use take too much memory");
}

static void *bursts(void *argument) {
  enum { BURSTS = 300, MOST = 2000, LEAST = 200, SIZES = 60 };
  static __thread char *block[MOST];
  uint64_t random = (uintptr_t)argument;
  for (unsigned n = 0; n < BURSTS; n++) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    const size_t size = 24 + (random >> 32) % SIZES * 16;
    const unsigned count = (unsigned)(LEAST + (random >> 48) % (MOST - LEAST));
    for (unsigned i = 0; i < count; i++) {
      block[i] = malloc(size);
      if (block[i] == NULL) fail("no memory");
      block[i][0] = 1;
    }
    for (unsigned i = 0; i < count; i++) free(block[i]);
  }
  return NULL;
}

static void threads(long kib) {
  enum { THREADS = 64, COUNT = 3500, SIZE = 300000 };
  static void *block[COUNT];
  pthread_t thread[THREADS];
  struct rusage usage;
  for (unsigned i = 0; i < COUNT; i++) {
    block[i] = malloc(SIZE);
    if (block[i] == NULL) fail("no memory");
  }
  const long before = resident_kib();
  for (uintptr_t i = 0; i < THREADS; i++) {
    if (pthread_create(&thread[i], NULL, bursts, (void *)i) != 0) fail("cannot start a thread");
  }
  for (unsigned i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  getrusage(RUSAGE_SELF, &usage);
  printf("%d threads: %ld KiB resident at most, %ld before\n", THREADS, usage.ru_maxrss, before);
  fflush(stdout);
  if (usage.ru_maxrss - before > kib) fail("lists of many threads hold more than the blocks in use justify");
  for (unsigned i = 0; i < COUNT; i++) free(block[i]);
}

static void sparse(long share) {
  enum { COUNT = 1000, SIZE = 70000 };
  static char *block[COUNT];
  const long resident = resident_kib();
  for (unsigned i = 0; i < COUNT; i++) {
    block[i] = malloc(SIZE);
    if (block[i] == NULL) fail("no memory");
    block[i][0] = 1;
  }
  const long grown = resident_kib() - resident;
  for (unsigned i = 0; i < COUNT; i++) free(block[i]);
  printf("%d blocks of %d bytes with one byte written: %ld KiB resident\n", COUNT, SIZE, grown);
  if (grown > COUNT * share) fail("what is not written to is resident");
}

int main(int argc, char **argv) {
  const char *what = argc >= 3 ? argv[1] : "";
  if (strcmp(what, "large") == 0) large(atol(argv[2]), argc > 3 ? atol(argv[3]) : 1);
  else if (strcmp(what, "aligned") == 0) aligned(atol(argv[2]));
  else if (strcmp(what, "untouched") == 0) untouched(atol(argv[2]));
  else if (strcmp(what, "sparse") == 0) sparse(atol(argv[2]));
  else if (strcmp(what, "forks") == 0 && argc > 3) forks(atol(argv[2]), atol(argv[3]));
  else if (strcmp(what, "resized") == 0) resized(atol(argv[2]));
  else if (strcmp(what, "turns") == 0) turns(atol(argv[2]));
  else if (strcmp(what, "threads") == 0) threads(atol(argv[2]));
  else fail("usage: footprint large|untouched|sparse|aligned|forks|resized|turns|threads NUMBER [NUMBER]");
  return 0;
}
