/*
 * latency: how long one free and one malloc together take, at each percentile. Each slot of an array holds a block of 16 to 1015 bytes. Each
 * operation frees the block of a random slot and allocates another one, between two readings of the processor's counter.
 *
 *   reading | free, malloc | reading      write both ends of the new block, count the time
 *
 * The readings wait for all loads before them, so a free that misses the cache shows its whole delay. The median of two readings with nothing
 * between them is subtracted. What a reader must know of the disturbance: the loop touches a slot, a bucket (the histogram has 8 KiB, of which a run
 * uses a few lines) and both ends of the block. The old block is not read before its free; all blocks are checked at the end.
 *
 * With --cold there is no warm-up: every call from the first one on is timed, and a slot that is still empty has no block to free.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/resource.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "harness.h"

#define DEFAULT_WS 8192
#define DEFAULT_OPS 4000000
#define DEFAULT_SEED 42
#define WARM_UP_OPS_PER_SLOT 4
#define MAX_THREADS 256
#define MAX_WS (UINT64_C(1) << 28)
#define MAX_OPS UINT32_MAX /* a bucket's counter must hold them all, of all threads */
#define MIN_SIZE 16
#define SIZES 1000
#define READINGS 20000                    /* for the cost of the clock */
#define LEAST_SECONDS_OF_CALIBRATION 0.02 /* a tick's length is then known to less than a thousandth */

struct options {
  uint64_t ws, ops, seed, threads; /* slots and operations of each thread */
  bool cold, null, json;
};

/* ---- The clock. ---- */

static inline uint64_t ticks(void) {
#if defined(__x86_64__)
  _mm_lfence();
  const uint64_t t = __rdtsc();
  _mm_lfence();
  return t;
#elif defined(__aarch64__)
  uint64_t t;
  __asm__ volatile("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(t)::"memory");
  return t;
#else
  return (uint64_t)(clock_seconds(CLOCK_MONOTONIC) * 1e9);
#endif
}

struct moment {
  uint64_t ticks;
  double seconds;
};

static struct moment moment(void) { return (struct moment){ticks(), clock_seconds(CLOCK_MONOTONIC)}; }

/* Nanoseconds in a tick, from `start` to now. */
static double tick_ns(struct moment start) {
  struct moment end = moment();
  while (end.seconds - start.seconds < LEAST_SECONDS_OF_CALIBRATION) end = moment();
  return (end.seconds - start.seconds) * 1e9 / (double)(end.ticks - start.ticks);
}

/* ---- The histogram: 64 steps in each doubling, so a value is known to 1.6 %. ---- */

#define STEP_BITS 6
#define STEPS (1u << STEP_BITS)
#define VALUE_BITS 36 /* ticks: more than ten seconds */
#define BUCKETS ((VALUE_BITS - STEP_BITS + 1) * STEPS)

struct histogram {
  uint32_t counts[BUCKETS];
  uint64_t most;
};

/* Values below 128 have a bucket each. */
static inline void count(struct histogram *h, uint64_t value) {
  if (value > h->most) h->most = value;
  if (value >> VALUE_BITS != 0) value = (UINT64_C(1) << VALUE_BITS) - 1;
  const unsigned shift = value < STEPS ? 0 : 63 - (unsigned)__builtin_clzll(value) - STEP_BITS;
  h->counts[shift * STEPS + (value >> shift)]++;
}

/* The middle of a bucket: the inverse of the sum in `count`, where value >> shift is 64 to 127 from the second doubling on. */
static double middle(unsigned bucket) {
  if (bucket < 2 * STEPS) return bucket;
  const unsigned shift = bucket / STEPS - 1;
  return (double)(((uint64_t)STEPS + bucket % STEPS) << shift) + (double)(UINT64_C(1) << shift) / 2;
}

static double quantile(const struct histogram *h, double share) {
  uint64_t total = 0, seen = 0;
  for (unsigned i = 0; i < BUCKETS; i++) total += h->counts[i];
  for (unsigned i = 0; i < BUCKETS; i++) {
    seen += h->counts[i];
    if (seen == 0 || (double)seen < share * (double)total) continue;
    return middle(i) < (double)h->most ? middle(i) : (double)h->most; /* the last bucket's middle may lie above all values */
  }
  return 0;
}

static void merge(struct histogram *into, const struct histogram *from) {
  for (unsigned i = 0; i < BUCKETS; i++) into->counts[i] += from->counts[i];
  if (from->most > into->most) into->most = from->most;
}

/* ---- The loop. ---- */

struct block { /* its last byte is `size` as well */
  uint32_t slot, size;
};

struct worker {
  _Alignas(128) struct histogram times;
  const struct options *options;
  char **slots;
  uint64_t random, clock_cost; /* ticks of two readings with nothing between */
  pthread_t thread;
};

static pthread_barrier_t warm, done;

_Noreturn static void end(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn static void end(const char *format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  dprintf(STDERR_FILENO, "bench_latency: %s\n", text);
  _exit(1);
}

static void *map(size_t size) {
  void *const p = map_memory(size);
  if (p == NULL) end("cannot map %zu bytes: %s; use a smaller --ws or --threads", size, strerror(errno));
  return p;
}

static void mark(char *block, uint64_t slot, uint64_t size) {
  *(struct block *)block = (struct block){(uint32_t)slot, (uint32_t)size};
  block[size - 1] = (char)size;
}

/* One operation; a slot with no block frees NULL. `null` is a constant in all calls. */
static inline __attribute__((always_inline)) void replace(struct worker *w, uint64_t slot, uint64_t size, bool null) {
  char *const old = w->slots[slot], *block = old;
  const uint64_t start = ticks();
  if (!null) {
    free(old);
    block = malloc(size);
  }
  const uint64_t taken = ticks() - start;
  if (!null) {
    if (block == NULL) end("no memory for a block of %" PRIu64 " bytes; use a smaller --ws", size);
    mark(block, slot, size);
    w->slots[slot] = block;
  }
  count(&w->times, taken > w->clock_cost ? taken - w->clock_cost : 1);
}

static inline __attribute__((always_inline)) void loop(struct worker *w, uint64_t ops, bool null) {
  for (; ops > 0; ops--) {
    const uint64_t x = w->random = next_random(w->random);
    replace(w, below((uint32_t)x, w->options->ws), MIN_SIZE + below(x >> 32, SIZES), null);
  }
}

static __attribute__((noinline)) void loop_null(struct worker *w, uint64_t ops) { loop(w, ops, true); }
static __attribute__((noinline)) void loop_malloc(struct worker *w, uint64_t ops) { loop(w, ops, false); }
static void run(struct worker *w, uint64_t ops) { (w->options->null ? loop_null : loop_malloc)(w, ops); }

/* Fills every slot, then runs the same loop as the measured one. What it counted is forgotten. */
static void warm_up(struct worker *w) {
  for (uint64_t i = 0; i < READINGS; i++) {
    const uint64_t start = ticks();
    count(&w->times, ticks() - start);
  }
  const uint64_t cost = (uint64_t)quantile(&w->times, 0.5);
  if (!w->options->cold) {
    for (uint64_t i = 0; i < w->options->ws && !w->options->null; i++) {
      const uint64_t size = MIN_SIZE + below((w->random = next_random(w->random)) >> 32, SIZES);
      replace(w, i, size, false);
    }
    run(w, w->options->ws * WARM_UP_OPS_PER_SLOT);
  }
  memset(&w->times, 0, sizeof(w->times));
  w->clock_cost = cost;
}

static void check_and_free(struct worker *w) {
  for (uint64_t i = 0; i < w->options->ws; i++) {
    const char *const block = w->slots[i];
    if (block == NULL) continue;
    const struct block b = *(const struct block *)block;
    if (b.slot != (uint32_t)i || b.size < MIN_SIZE || b.size >= MIN_SIZE + SIZES || block[b.size - 1] != (char)b.size) {
      end("the block at %p of slot %" PRIu64 " was overwritten", (const void *)block, i);
    }
    free(w->slots[i]);
  }
}

static void *work(void *argument) {
  struct worker *const w = argument;
  warm_up(w);
  pthread_barrier_wait(&warm);
  run(w, w->options->ops);
  pthread_barrier_wait(&done);
  check_and_free(w);
  return NULL;
}

struct measured {
  struct seconds seconds;
  long preempted; /* times that the kernel gave a processor to another thread meanwhile */
};

static long preempted(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_nivcsw : 0;
}

/* Runs one thread on the caller itself: a C library may treat a process with one thread better. */
static struct measured measure(const struct options *o, struct worker *workers) {
  const bool one = o->threads == 1;
  pthread_barrier_init(&warm, NULL, (unsigned)o->threads + 1);
  pthread_barrier_init(&done, NULL, (unsigned)o->threads + 1);
  for (uint64_t i = 0; i < o->threads && !one; i++) {
    const int error = pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    if (error != 0) end("cannot start thread %" PRIu64 ": %s; use fewer --threads", i + 1, strerror(error));
  }
  if (one) warm_up(workers);
  else pthread_barrier_wait(&warm);
  const struct seconds start = now();
  const long before = preempted();
  if (one) run(workers, o->ops);
  else pthread_barrier_wait(&done);
  const struct measured m = {since(start), preempted() - before};
  if (one) check_and_free(workers);
  for (uint64_t i = 0; i < o->threads && !one; i++) pthread_join(workers[i].thread, NULL);
  return m;
}

/* ---- Output. ---- */

static const struct {
  const char *name;
  double share;
} quantiles[] = {{"p50_ns", 0.5}, {"p99_ns", 0.99}, {"p999_ns", 0.999}, {"p9999_ns", 0.9999}};
#define QUANTILES (sizeof(quantiles) / sizeof(*quantiles))

static void print_result(const struct options *o, const struct histogram *all, struct measured m, double ns, uint64_t clock_cost) {
  const struct resident resident = resident_kib();
  const uint64_t ops = o->ops * o->threads;
  const char *const allocator = o->null ? "none" : allocator_file();
  if (!o->json) {
    printf("bench_latency: one free and one malloc in ns:");
    for (unsigned i = 0; i < QUANTILES; i++) printf(" %s %.0f,", quantiles[i].name, quantile(all, quantiles[i].share) * ns);
    printf(" max %.0f (%" PRIu64 " slots, %" PRIu64 " threads x %" PRIu64 " operations%s, preempted %ld times, clock %.1f ns subtracted, malloc of %s)\n",
           (double)all->most * ns, o->ws, o->threads, o->ops, o->cold ? " without a warm-up" : "", m.preempted, (double)clock_cost * ns, allocator);
    return;
  }
  printf("{\"workload\":\"latency\",\"ws\":%" PRIu64 ",\"ops\":%" PRIu64 ",\"warm_up\":%" PRIu64 ",\"seed\":%" PRIu64 ",\"threads\":%" PRIu64
         ",\"cold\":%s,\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"peak_kib\":%lu,\"clock_ns\":%.2f,\"preempted\":%ld",
         o->ws, ops, o->cold ? 0 : o->ws * (WARM_UP_OPS_PER_SLOT + 1) * o->threads, o->seed, o->threads, o->cold ? "true" : "false", m.seconds.wall,
         m.seconds.cpu, resident.peak, (double)clock_cost * ns, m.preempted);
  for (unsigned i = 0; i < QUANTILES; i++) printf(",\"%s\":%.2f", quantiles[i].name, quantile(all, quantiles[i].share) * ns);
  printf(",\"max_ns\":%.2f,\"allocator\":", (double)all->most * ns);
  print_json_text(allocator);
  printf("}\n");
}

/* ---- Options. ---- */

static void usage(FILE *out) {
  fprintf(out,
          "usage: bench_latency [OPTION...]\n"
          "How long one free and one malloc together take: p50, p99, p99.9, p99.99 and the longest, in nanoseconds.\n"
          "  -w, --ws N        slots of each thread, 1 to 2^28 (%d)\n"
          "  -n, --ops N       operations of each thread (%d)\n"
          "  -s, --seed N      of the random sequence (%d)\n"
          "  -t, --threads N   1 to %d (1)\n"
          "      --cold        no warm-up: every call of the process is timed\n"
          "      --null        no allocator: what the machine alone does to the times\n"
          "      --json        the result as one JSON object\n"
          "  -h, --help        this text\n"
          "Exit codes: 0 done, 1 out of memory or threads, or the allocator gave a wrong block, 2 bad usage.\n",
          DEFAULT_WS, DEFAULT_OPS, DEFAULT_SEED, MAX_THREADS);
}

static uint64_t number(const char *name, const char *text, uint64_t lowest, uint64_t highest) {
  char *rest;
  errno = 0;
  const uint64_t value = strtoull(text, &rest, 10);
  if (errno == 0 && rest != text && *rest == '\0' && *text != '-' && value >= lowest && value <= highest) return value;
  fprintf(stderr, "bench_latency: %s wants a number from %" PRIu64 " to %" PRIu64 ", not '%s'\n", name, lowest, highest, text);
  exit(2);
}

static struct options parse(int argc, char **argv) {
  enum { COLD = 256, NULL_RUN, JSON };
  static const struct option names[] = {
    {"ws", required_argument, NULL, 'w'},      {"ops", required_argument, NULL, 'n'}, {"seed", required_argument, NULL, 's'},
    {"threads", required_argument, NULL, 't'}, {"cold", no_argument, NULL, COLD},     {"null", no_argument, NULL, NULL_RUN},
    {"json", no_argument, NULL, JSON},         {"help", no_argument, NULL, 'h'},      {NULL, 0, NULL, 0}};
  struct options o = {.ws = DEFAULT_WS, .ops = DEFAULT_OPS, .seed = DEFAULT_SEED, .threads = 1};
  for (int c; (c = getopt_long(argc, argv, "w:n:s:t:h", names, NULL)) != -1;) {
    switch (c) {
      case 'w': o.ws = number("--ws", optarg, 1, MAX_WS); break;
      case 'n': o.ops = number("--ops", optarg, 1, MAX_OPS); break;
      case 's': o.seed = number("--seed", optarg, 0, UINT64_MAX); break;
      case 't': o.threads = number("--threads", optarg, 1, MAX_THREADS); break;
      case COLD: o.cold = true; break;
      case NULL_RUN: o.null = true; break;
      case JSON: o.json = true; break;
      case 'h': usage(stdout); exit(0);
      default: usage(stderr); exit(2);
    }
  }
  const bool many = o.ops * o.threads > MAX_OPS;
  if (optind < argc || many) {
    if (optind < argc) fprintf(stderr, "bench_latency: does not know what '%s' is\n", argv[optind]);
    if (many) fprintf(stderr, "bench_latency: more than %" PRIu32 " operations of all threads together; use fewer --ops\n", MAX_OPS);
    usage(stderr);
    exit(2);
  }
  return o;
}

int main(int argc, char **argv) {
  const struct options o = parse(argc, argv);
  const struct moment start = moment();
  struct worker *const workers = map(o.threads * sizeof(*workers));
  for (uint64_t i = 0; i < o.threads; i++) {
    workers[i] = (struct worker){.options = &o, .slots = map(o.ws * sizeof(char *)), .random = spread(o.seed + i)};
  }
  const struct measured m = measure(&o, workers);
  const double ns = tick_ns(start);
  for (uint64_t i = 1; i < o.threads; i++) merge(&workers[0].times, &workers[i].times);
  print_result(&o, &workers[0].times, m, ns, workers[0].clock_cost);
  return 0;
}
