/*
 * debug_soon.c: a wrong write that no call is given is reported soon; see debug_mode.h.
 *
 *   recent: within 64 allocations, of which none is given the block
 *   swept:  of blocks that were used long before, within one sweep
 */
#include "debug_mode.h"

#define LIVE 1000     /* blocks beside the damaged one */
#define SWEEP_MS 5000 /* one sweep takes some ms; on a busy machine, more */

enum write { ONE_OVER, MANY_OVER, ONE_UNDER, MANY_UNDER, FIRST_FREED, LAST_FREED, WRITES };

static bool is_of_freed(enum write write) { return write == FIRST_FREED || write == LAST_FREED; }

/* Writes by memcpy, as programs do. */
static struct damage write_to(char *p, size_t size, enum write write) {
  static const char bytes[] = "an address book, 32 bytes of it.";
  const size_t length = write == MANY_OVER || write == MANY_UNDER ? 32 : 1;
  char *volatile to = write == ONE_OVER || write == MANY_OVER ? p + size : write == FIRST_FREED ? p : write == LAST_FREED ? p + size - 1 : p - length;
  memcpy(to, bytes, length);
  return (struct damage){p, size,
                         write == FIRST_FREED  ? 1
                         : write == LAST_FREED ? size
                                               : length,
                         is_of_freed(write)                        ? HDR_WRITE_AFTER_FREE
                         : write == ONE_OVER || write == MANY_OVER ? HDR_OVERFLOW
                                                                   : HDR_UNDERFLOW};
}

/* The report came from a check, and says between which checks the write lies. */
static void expect_check(const struct damage *d, unsigned most, const char *when) {
  expect(d, when);
  const struct event_hdr_reset *e = &seen->event[0];
  if (e->found == FOUND_BY_CHECK && e->checked_ago >= 1 && e->checked_ago <= most) return;
  wrong("%s: found by %d, written at most %u allocations ago and not within %u", when, (int)e->found, (unsigned)e->checked_ago, most);
}

/* ---- Recent blocks. ---- */

static void recent_of(enum kind kind, size_t size, enum write write, unsigned others) {
  char *p = block_of(kind, size), *other[64];
  if (is_of_freed(write)) use_free(p);
  for (unsigned i = 0; i < others; i++) other[i] = use_malloc(40);
  const struct damage d = write_to(p, size, write);
  unsigned n = 0;
  while (atomic_load(&seen->count) == 0 && n < 64) use_free(use_malloc(24)), n++;
  if (n == 64) wrong("write %d, block of %zu bytes, %u blocks after it: not reported within 64 allocations", write, size, others);
  expect_check(&d, is_of_freed(write) && size > 128 ? UINT32_MAX : 1, "a recent block"); /* of a large one, the sweep sees more */
  if (!is_of_freed(write)) use_free(p);
  for (unsigned i = 0; i < others; i++) use_free(other[i]);
  expect_none("what was reported is reported again");
}

static void recent(void) {
  static const size_t sizes[] = {1, 15, 16, 100, 1000, 5000, 20000};
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    for (enum write write = 0; write < WRITES; write++) {
      recent_of(MALLOC, sizes[i], write, 0);
      recent_of(CALLOC, sizes[i], write, 10);
      recent_of(ALIGNED + i, sizes[i], write, 62);
    }
  }
}

/* A large block lies at a guard page: what the page does not catch, up to its alignment, is found. */
static void recent_guarded(void) {
  for (size_t size = 100001; size < 100016; size++) {
    char *p = use_malloc(size);
    const struct damage d = write_to(p, size, size % 2 == 0 ? ONE_OVER : ONE_UNDER);
    use_free(use_malloc(24));
    expect_check(&d, 1, "a recent guarded block");
    use_free(p);
  }
  expect_none("behind the guarded blocks");
}

/* ---- Blocks that were used long ago. ---- */

static uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void use_others(void) {
  static char *others[128];
  static unsigned next;
  char **place = &others[next++ % 128];
  use_free(*place);
  *place = use_malloc(48);
}

static void swept_of(char *p, size_t size, enum write write) {
  if (is_of_freed(write)) use_free(p);
  for (unsigned i = 0; i < 200; i++) use_others();
  const struct damage d = write_to(p, size, write);
  const uint64_t end = now_ms() + SWEEP_MS;
  while (atomic_load(&seen->count) == 0 && now_ms() < end) use_others();
  if (atomic_load(&seen->count) == 0) wrong("write %d, block of %zu bytes: not reported within %d ms", write, size, SWEEP_MS);
  expect_check(&d, UINT32_MAX, "a block used long ago");
  if (!is_of_freed(write)) use_free(p);
}

static void swept(void) {
  for (unsigned i = 0; i < LIVE; i++) CHECK(use_malloc(i * 7 % 2000) != NULL);
  for (enum write write = 0; write < WRITES; write++) {
    swept_of(use_malloc(10), 10, write);
    swept_of(use_malloc(3000), 3000, write);
    swept_of(memalign(512, 700), 700, write);
  }
  /* The middle of a freed block: only the sweep looks there. */
  char *p = use_malloc(9000);
  use_free(p);
  p[4500] = 1;
  const uint64_t end = now_ms() + SWEEP_MS;
  while (atomic_load(&seen->count) == 0 && now_ms() < end) use_others();
  expect_check(&(struct damage){p, 9000, 4501, HDR_WRITE_AFTER_FREE}, UINT32_MAX, "the middle of a freed block");
  expect_none("behind the sweeps");
}

/* ---- Nothing wrong: threads write to their whole blocks, and free each other's, while every operation looks at all of them. ---- */

#define THREADS 4
static _Atomic(char *) shared[256];

static void *write_all(void *seed) {
  uint64_t state = (uintptr_t)seed;
  for (unsigned i = 0; i < 20000; i++) {
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    const size_t size = (size_t)(state >> 40) % ((state >> 60) == 0 ? 40000 : 500) + 1;
    char *p = use_malloc(size);
    memset(p, (int)state, size);
    if (i % 3 == 0) p = use_realloc(p, size + 33);
    use_free(atomic_exchange(&shared[(state >> 25) % 256], p));
  }
  return NULL;
}

static void nothing_wrong(void) {
  pthread_t thread[THREADS];
  for (uintptr_t i = 0; i < THREADS; i++) CHECK(pthread_create(&thread[i], NULL, write_all, (void *)(i + 5)) == 0);
  for (unsigned i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  malloc_trim(0);
  expect_none("nothing is wrong");
}

/*
 * ---- Nothing wrong: the program closes its blocks. The kernel closes whole pages: of a large block, which shares its pages with no other one, the bytes
 * behind it, too, which the checks look at. ----
 */

static void closed(void) {
  static const size_t sizes[] = {4096, 8192, 50000, 100000, 1000000};
  char *p[sizeof sizes / sizeof *sizes];
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    CHECK(posix_memalign((void **)&p[i], 4096, sizes[i]) == 0);
    CHECK(mprotect(p[i], sizes[i], PROT_NONE) == 0);
  }
  for (uint64_t end = now_ms() + 300; now_ms() < end;) use_free(use_malloc(24));
  malloc_trim(0);
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    CHECK(!can_read(p[i]));
    CHECK(mprotect(p[i], sizes[i], PROT_READ | PROT_WRITE) == 0);
    use_free(p[i]);
  }
  expect_none("closed blocks");
  char *q = block_of(ALIGNED + 7, 10000); /* and an open one is looked at as before */
  *(volatile char *)(q + 10000) = 'x';
  use_free(q);
  expect(&(struct damage){q, 10000, 1, HDR_OVERFLOW}, "an open block");
}

int main(int argc, char **argv) {
  static const struct test all[] = {
    {"recent", recent}, {"recent_guarded", recent_guarded}, {"swept", swept}, {"nothing_wrong", nothing_wrong}, {"closed", closed},
  };
  return run_test(argc, argv, all, sizeof all / sizeof *all);
}
