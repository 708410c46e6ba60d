/*
 * The model test: threads call the whole API at random and keep a shadow of every live block.
 *
 *   model [-s SEED] [-t THREADS] [-r ROUNDS] [-n OPERATIONS] [-m MIB] [-e] [-c]
 *
 * Per round, THREADS fresh threads do OPERATIONS each and then end; their blocks live on, so that the next round's threads
 * free what exited threads allocated. Blocks also go from thread to thread within a round. -m bounds what is live; -e allows
 * a call to fail for lack of memory, for runs under a limit. With -c, PROFILE and GUARD are switched on and off meanwhile (not with the C library's names).
 *
 * Checked: alignment; usable size; the contents, over the whole usable size, when a block is freed or resized; zeroes from
 * calloc; errno kept on success and set on failure; and, between rounds, that no two live blocks overlap. The shadow's own
 * memory comes from mmap. Exit status 0, or 1 after a line with the seed and what went wrong.
 *
 * Built with MODEL_HAK it calls the hak_ names, else the C library's names. With MODEL_CORE it has the core inside. Then all threads meet after each 1000
 * operations, and between rounds, and every structure of the core must keep its invariants. With MODEL_FAULT, system calls fail as HAKMEM_FAULT says, until
 * the last round but one has ended. No call of the model may fail after that, and the memory must be returned to the kernel at the end.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef MODEL_HAK
#include "hakmem.h"
#define NAME(name) hak_##name
#define USABLE_SIZE hak_usable_size
#define TRIM hak_trim
#else
#define NAME(name) name
#define USABLE_SIZE malloc_usable_size
#define TRIM malloc_trim
/* C23; glibc does not declare them yet, and only hakmem has them: without it, free stands in. */
__attribute__((weak)) void free_sized(void *p, size_t size);
__attribute__((weak)) void free_aligned_sized(void *p, size_t alignment, size_t size);
#endif

#ifdef MODEL_FAULT
#include "memory/os.h"
#include "platform/refuse/refuse.h"
#endif

#ifdef MODEL_CORE
#include "alloc/valid.h"
#else
static const char *core_broken(void) { return NULL; }
#endif

#define SLOTS 4096      /* a thread's own blocks */
#define CHECK_EACH 1000 /* operations of a thread between two checks of the core */
#define EXCHANGE 256    /* places for blocks on their way to another thread */
#define THREADS_MAX 64

struct shadow {
  unsigned char *block; /* NULL: none */
  size_t size, usable, align;
  uint64_t pattern;
};

struct place {
  pthread_mutex_t lock;
  struct shadow shadow;
};

struct worker {
  unsigned index;
  uint64_t random;
  size_t live; /* bytes */
  struct shadow slot[SLOTS];
};

static uint64_t seed;
static unsigned threads = 4, rounds = 4;
static uint64_t operations = 100000;
static size_t live_max = 256u << 20;
static bool may_fail;
static struct worker *workers;
static struct place *exchange;
static atomic_uint_fast64_t failures_allowed, calls;

_Noreturn static void wrong(const char *what, const struct shadow *s) {
  fprintf(stderr, "model: seed %llu: %s: block %p size %zu usable %zu align %zu\n", (unsigned long long)seed, what, (void *)s->block, s->size, s->usable,
          s->align);
  _exit(1);
}

static uint64_t mix(uint64_t x) {
  x ^= x >> 30, x *= UINT64_C(0xbf58476d1ce4e5b9);
  x ^= x >> 27, x *= UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

static uint64_t next(struct worker *w) { return mix(w->random += UINT64_C(0x9e3779b97f4a7c15)); }
static size_t below(struct worker *w, size_t limit) { return (size_t)(next(w) % limit); }

/* ---- Contents. Of a large block only some bytes carry the pattern, to be quick. ---- */

static size_t step_after(size_t i, size_t usable) {
  if (usable <= 16384 || i < 4096 || i + 256 >= usable) return 1;
  const size_t left = usable - 256 - i;
  return left < 509 ? left : 509;
}

static unsigned char pattern_at(uint64_t pattern, size_t i) { return (unsigned char)(pattern >> (i % 57) ^ i * 31 ^ i >> 8); }

static void fill(const struct shadow *s) {
  for (size_t i = 0; i < s->usable; i += step_after(i, s->usable)) s->block[i] = pattern_at(s->pattern, i);
}

/* The first `length` bytes at `block` are those that fill(s) wrote. */
static void check(const struct shadow *s, const unsigned char *block, size_t length, const char *when) {
  for (size_t i = 0; i < length; i += step_after(i, s->usable)) {
    if (block[i] == pattern_at(s->pattern, i)) continue;
    char what[128];
    snprintf(what, sizeof what, "%s: byte %zu is 0x%02x, not 0x%02x (at %p)", when, i, block[i], pattern_at(s->pattern, i), (const void *)&block[i]);
    wrong(what, s);
  }
}

/* ---- Sizes. ---- */

static size_t random_size(struct worker *w) {
  const unsigned kind = (unsigned)below(w, 1000);
  if (kind < 550) return below(w, 1025);
  if (kind < 700) return below(w, 128);
  if (kind < 800) { /* around the edges of the classes and of the paths behind them */
    const unsigned shift = 4 + (unsigned)below(w, 13);
    const size_t step = (size_t)1 << shift >> 3, base = ((size_t)1 << shift) + step * below(w, 8);
    return base + below(w, 5) - 2;
  }
  if (kind < 960) return below(w, 40000);
  if (kind < 996) return below(w, 600000);
  return below(w, 6000000);
}

static size_t random_align(struct worker *w) {
  const unsigned kind = (unsigned)below(w, 100);
  const unsigned most = kind < 80 ? 9 : kind < 97 ? 16 : kind < 99 ? 21 : 26;
  return (size_t)1 << below(w, most + 1);
}

/* ---- One block. ---- */

/* A call is to keep errno: it is set to this before. */
static int arm_errno(struct worker *w) { return errno = (int)below(w, 4) == 0 ? 0 : (int)below(w, 120) + 1; }

/* Books a block that a call returned; false if it returned none. */
static bool take_in(struct worker *w, struct shadow *s, int before, const char *call) {
  const int after = errno;
  atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
  if (s->block == NULL) {
    if (!may_fail) wrong(call, s);
    if (after != ENOMEM && after != before) wrong("failed without ENOMEM", s);
    atomic_fetch_add_explicit(&failures_allowed, 1, memory_order_relaxed);
    return false;
  }
  if (after != before) wrong("a success changed errno", s);
  if ((uintptr_t)s->block % s->align != 0) wrong("misaligned", s);
  s->usable = USABLE_SIZE(s->block);
  if (s->usable < s->size) wrong("usable size is below the size", s);
  s->pattern = next(w);
  w->live += s->usable;
  fill(s);
  return true;
}

static void allocate(struct worker *w, struct shadow *s) {
  *s = (struct shadow){.size = random_size(w), .align = 16};
  const unsigned call = (unsigned)below(w, 16);
  if (call < 9) {
    const int before = arm_errno(w);
    s->block = NAME(malloc)(s->size);
    take_in(w, s, before, "malloc returned NULL");
  } else if (call < 12) {
    const size_t parts = s->size > 0 && below(w, 2) == 0 ? 1 + below(w, s->size < 64 ? s->size : 64) : 1;
    s->size = s->size / parts * parts;
    const int before = arm_errno(w);
    s->block = NAME(calloc)(parts, s->size / parts);
    const int after = errno;
    for (size_t i = 0; s->block != NULL && i<s->size; i += s->size> 262144 ? 61 : 1) {
      if (s->block[i] != 0) wrong("calloc did not zero", s);
    }
    errno = after;
    take_in(w, s, before, "calloc returned NULL");
  } else {
    size_t align = random_align(w);
    if (align > 1u << 20) s->size %= 100000; /* address space is not free under a limit */
    void *out = NULL;
    int before = arm_errno(w);
    switch (call) {
      case 12: s->block = NAME(aligned_alloc)(align, s->size); break;
      case 13: s->block = NAME(memalign)(align, s->size); break;
      default:
        align = align < sizeof(void *) ? sizeof(void *) : align;
        if (NAME(posix_memalign)(&out, align, s->size) == ENOMEM) errno = before;
        s->block = out;
    }
    s->align = align < 16 ? 16 : align;
    take_in(w, s, before, "an aligned allocation returned NULL");
  }
}

static void release(struct worker *w, struct shadow *s) {
  check(s, s->block, s->usable, "before free");
  if (USABLE_SIZE(s->block) != s->usable) wrong("the usable size changed", s);
  w->live -= s->usable;
  const int before = arm_errno(w);
  const unsigned call = (unsigned)below(w, 8);
#ifdef MODEL_HAK
  const bool sized = true;
#else
  const bool sized = free_sized != NULL && free_aligned_sized != NULL;
#endif
  if (call == 0 && sized && s->align == 16) NAME(free_sized)(s->block, s->size);
  else if (call <= 1 && sized) NAME(free_aligned_sized)(s->block, s->align, s->size);
  else NAME(free)(s->block);
  if (call == 2) NAME(free)(NULL);
  if (errno != before) wrong("free changed errno", s);
  s->block = NULL;
  atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
}

static void resize(struct worker *w, struct shadow *s) {
  check(s, s->block, s->usable, "before realloc");
  struct shadow to = {.size = below(w, 2) == 0 ? random_size(w) : s->size + below(w, s->size / 2 + 32) - s->size / 4, .align = 16};
  if (to.size == 0) to.size = 1;
  const int before = arm_errno(w);
  to.block = below(w, 4) == 0 ? NAME(reallocarray)(s->block, 1, to.size) : NAME(realloc)(s->block, to.size);
  if (to.block == NULL) {
    if (!may_fail) wrong("realloc returned NULL", s);
    if (errno != ENOMEM) wrong("realloc failed without ENOMEM", s);
    check(s, s->block, s->usable, "after a realloc that failed");
    return;
  }
  const int after = errno;
  check(s, to.block, s->size < to.size ? s->size : to.size, "after realloc");
  errno = after;
  w->live -= s->usable;
  take_in(w, &to, before, "realloc");
  *s = to;
}

/* Calls that must fail, and do so without touching anything. */
static void call_in_vain(struct worker *w) {
  static const struct shadow none;
  void *p;
  /* Volatile, so that the compiler does not see through it and warn. */
  volatile size_t too_much = (size_t)PTRDIFF_MAX + 1 + below(w, 1000000), much = SIZE_MAX / 7;
  errno = 0;
  switch (below(w, 6)) {
    case 0: p = NAME(malloc)(too_much); break;
    case 1: p = NAME(calloc)(much, 8 + below(w, 100)); break;
    case 2: p = NAME(realloc)(NULL, too_much); break;
    case 3: p = NAME(reallocarray)(NULL, much, 8); break;
    case 4: p = NAME(aligned_alloc)(64, too_much); break;
    default: {
      void *out = &p;
      if (NAME(posix_memalign)(&out, 24, 100) != EINVAL || out != &p) wrong("posix_memalign of a bad alignment", &none);
      return;
    }
  }
  if (p != NULL || errno != ENOMEM) wrong("an impossible size did not fail with ENOMEM", &none);
}

/* Leaves a block for the next thread, and takes the one that lies there. */
static void hand_over(struct worker *w, struct shadow *s) {
  struct place *place = &exchange[below(w, EXCHANGE)];
  pthread_mutex_lock(&place->lock);
  const struct shadow theirs = place->shadow;
  place->shadow = *s;
  pthread_mutex_unlock(&place->lock);
  if (s->block != NULL) w->live -= s->usable;
  if (theirs.block != NULL) w->live += theirs.usable;
  *s = theirs;
}

static pthread_barrier_t all_there; /* no thread takes the memory that others' stacks need */
static bool changes;

/* Every structure of the core is whole, while all threads of the round wait. (A thread that changes settings would not.) */
static void check_core(void) {
#ifdef MODEL_CORE
  if (changes) return;
  static const struct shadow none;
  if (pthread_barrier_wait(&all_there) == PTHREAD_BARRIER_SERIAL_THREAD) {
    const char *broken = core_broken();
    if (broken != NULL) wrong(broken, &none);
  }
  pthread_barrier_wait(&all_there);
#endif
}

static void *work(void *arg) {
  struct worker *w = arg;
  pthread_barrier_wait(&all_there);
  for (uint64_t i = 1; i <= operations; i++) {
    if (i % CHECK_EACH == 0) check_core();
    struct shadow *s = &w->slot[below(w, SLOTS)];
    const unsigned what = (unsigned)below(w, 1000);
    if (what < 150) hand_over(w, s);
    else if (what == 150) call_in_vain(w);
    else if (what == 151 && below(w, 50) == 0) TRIM(below(w, 2) * 4000000);
    else if (s->block == NULL && w->live < live_max / threads) allocate(w, s);
    else if (s->block != NULL && what < 400) resize(w, s);
    else if (s->block != NULL) release(w, s);
    /* Now and then nearly everything goes, so that slabs and SuperSlabs become empty. */
    if (below(w, 60000) == 0) {
      for (unsigned k = 0; k < SLOTS; k++) {
        if (w->slot[k].block != NULL && below(w, 16) != 0) release(w, &w->slot[k]);
      }
    }
  }
  return NULL;
}

/* Under a limit, the blocks of the rounds before may have left no place for a stack: some go then. */
static void begin(pthread_t *thread, struct worker *w) {
  for (unsigned k = 0; pthread_create(thread, NULL, work, w) != 0; k++) {
    if (!may_fail || k == SLOTS) perror("model: pthread_create"), exit(2);
    for (unsigned t = 0; t < threads; t++) {
      if (workers[t].slot[k].block != NULL) release(&workers[t], &workers[t].slot[k]);
    }
    if (k % 256 == 255) TRIM(0);
  }
}

static bool ended; /* atomic */

/* Switches settings until the threads of the round have ended. */
static void *change(void *unused) {
#if defined(MODEL_HAK) || defined(MODEL_CORE)
  static const char *const profile[] = {"0", "1", "4K", "64K"}, *const guard[] = {"0", "50", "1000"};
  for (unsigned i = 0; !__atomic_load_n(&ended, __ATOMIC_RELAXED); i++) {
    const int profiled = hak_set("PROFILE", profile[i % 4]), guarded = hak_set("GUARD", guard[i % 3]);
    if (profiled != 0 || (guarded != 0 && guarded != EPERM)) fprintf(stderr, "model: hak_set fails\n"), exit(1); /* EPERM: under a checker */
    usleep(2000);
  }
#endif
  return unused;
}

static int by_address(const void *a, const void *b) {
  const struct shadow *x = a, *y = b;
  return x->block < y->block ? -1 : x->block > y->block;
}

/* No two live blocks overlap; their contents are whole. */
static void check_all(struct shadow *all) {
  size_t n = 0;
  for (unsigned t = 0; t < threads; t++) {
    for (unsigned k = 0; k < SLOTS; k++) {
      if (workers[t].slot[k].block != NULL) all[n++] = workers[t].slot[k];
    }
  }
  for (unsigned k = 0; k < EXCHANGE; k++) {
    if (exchange[k].shadow.block != NULL) all[n++] = exchange[k].shadow;
  }
  static const struct shadow none;
  const char *broken = core_broken();
  if (broken != NULL) wrong(broken, &none);
  qsort(all, n, sizeof *all, by_address);
  for (size_t i = 0; i < n; i++) {
    check(&all[i], all[i].block, all[i].usable, "between rounds");
    if (i > 0 && all[i - 1].block + all[i - 1].usable > all[i].block) wrong("overlaps the block before it", &all[i]);
  }
}

static void *map(size_t size) {
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) perror("model: mmap"), exit(2);
  return p;
}

#ifdef MODEL_FAULT
/* The model's own memory, descriptors, tables, and lists that wait for a thread; in the debugging mode its quarantine and its records. */
#define KEPT_MOST ((size_t)64 << 20)

/* Memory is back: every call succeeds again. */
static void end_faults(void) {
  refuse_end();
  may_fail = false;
}

static void check_released(void) {
  static const struct shadow none;
  const size_t resident = os_resident_set();
  printf("%llu system calls failed, %zu KiB are mapped at the end, %zu KiB resident\n", (unsigned long long)refuse_count(), os_mapped() >> 10, resident >> 10);
  if (resident > KEPT_MOST) wrong("all blocks are free, and their memory is not returned to the kernel", &none);
}
#else
static void end_faults(void) {}
static void check_released(void) {}
#endif

int main(int argc, char **argv) {
  seed = 1;
  for (int option; (option = getopt(argc, argv, "s:t:r:n:m:ec")) != -1;) {
    switch (option) {
      case 's': seed = strtoull(optarg, NULL, 10); break;
      case 't': threads = (unsigned)strtoul(optarg, NULL, 10); break;
      case 'r': rounds = (unsigned)strtoul(optarg, NULL, 10); break;
      case 'n': operations = strtoull(optarg, NULL, 10); break;
      case 'm': live_max = (size_t)strtoull(optarg, NULL, 10) << 20; break;
      case 'e': may_fail = true; break;
      case 'c': changes = true; break;
      default: return 2;
    }
  }
  if (threads == 0 || threads > THREADS_MAX) return 2;
  workers = map(threads * sizeof *workers);
  exchange = map(EXCHANGE * sizeof *exchange);
  struct shadow *all = map((threads * SLOTS + EXCHANGE) * sizeof *all);
  for (unsigned k = 0; k < EXCHANGE; k++) pthread_mutex_init(&exchange[k].lock, NULL);
  for (unsigned t = 0; t < threads; t++) workers[t].index = t, workers[t].random = mix(seed + t);

  for (unsigned round = 0; round < rounds; round++) {
    pthread_t thread[THREADS_MAX];
    pthread_t changer;
    if (round == rounds - 1) end_faults();
    __atomic_store_n(&ended, false, __ATOMIC_RELAXED);
    if (changes && pthread_create(&changer, NULL, change, NULL) != 0) perror("model: pthread_create"), exit(2);
    pthread_barrier_init(&all_there, NULL, threads);
    for (unsigned t = 0; t < threads; t++) begin(&thread[t], &workers[t]);
    for (unsigned t = 0; t < threads; t++) pthread_join(thread[t], NULL);
    pthread_barrier_destroy(&all_there);
    __atomic_store_n(&ended, true, __ATOMIC_RELAXED);
    if (changes) pthread_join(changer, NULL);
    check_all(all);
  }
  for (unsigned t = 0; t < threads; t++) {
    for (unsigned k = 0; k < SLOTS; k++) {
      if (workers[t].slot[k].block != NULL) release(&workers[t], &workers[t].slot[k]);
    }
  }
  for (unsigned k = 0; k < EXCHANGE; k++) {
    if (exchange[k].shadow.block == NULL) continue;
    workers[0].live += exchange[k].shadow.usable;
    release(&workers[0], &exchange[k].shadow);
  }
  check_all(all);
  TRIM(0);
  check_all(all);
  check_released();
  printf("seed %llu: %llu calls by %u threads in %u rounds", (unsigned long long)seed, (unsigned long long)calls, threads, rounds);
  if (may_fail) printf(", %llu found no memory", (unsigned long long)failures_allowed);
  puts("");
  return 0;
}
