/*
 * random_mixed: the benchmark by which the project measures itself. An array of WS slots; each operation picks a random slot. An empty slot gets a
 * block of a random size, whose first and last byte are written; a full slot's block is freed. After the warm-up about half of the slots are full.
 * With --read each block is read before it is freed, as by programs that still use it. Without, the allocator's own reads of the block may miss the
 * cache.
 *
 * It calls malloc and free and no allocator's own interface, so LD_PRELOAD decides what is measured. All other memory comes from mmap, and the loop
 * costs about 23 instructions an operation (--null shows it).
 *
 *   Each thread has slots and a random sequence of its own; a seed repeats the same operations, whatever the allocator.
 *   The measured time runs from the moment that all threads are warm to the end of the last one.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define DEFAULT_WS 8192
#define DEFAULT_OPS 20000000
#define DEFAULT_SEED 42
#define WARM_UP_OPS_PER_SLOT 4 /* (1 - e^-8) / 2 = 49.98 % of the slots are full then */
#define MAX_THREADS 1024
#define MAX_WS (UINT64_C(1) << 28)
#define MAX_BLOCK (UINT64_C(1) << 30)

struct options {
  uint64_t ws, ops, seed, warm_up, threads; /* slots, operations and warm-up of each thread */
  uint64_t smallest, largest;               /* bytes, 1 <= smallest <= largest */
  bool null, read, json;
};

struct worker {
  const struct options *options;
  char **slots;
  uint64_t random; /* xorshift64; never 0 */
  pthread_t thread;
  bool failed; /* malloc returned NULL */
};

static pthread_barrier_t warm, done;

/* Stands for every block in a --null run. */
static char *null_block;

/* ---- The loop. ---- */

enum variant { MIXED, READING, NO_ALLOCATOR };

/* Runs `ops` operations; `variant` is a constant in all calls. Returns false if malloc failed. */
static inline __attribute__((always_inline)) bool loop(struct worker *w, uint64_t ops, enum variant variant) {
  char **const slots = w->slots;
  const uint64_t ws = w->options->ws, smallest = w->options->smallest, range = w->options->largest - smallest + 1;
  uint64_t x = w->random;
  for (; ops > 0; ops--) {
    x = next_random(x);
    char **const slot = &slots[below((uint32_t)x, ws)];
    char *block = *slot;
    if (block == NULL) {
      const uint64_t size = smallest + below(x >> 32, range);
      block = variant == NO_ALLOCATOR ? null_block : malloc(size);
      if (block == NULL) return false;
      block[0] = 1;
      block[size - 1] = 1;
      *slot = block;
    } else {
      if (variant == READING) (void)*(volatile char *)block;
      if (variant != NO_ALLOCATOR) free(block);
      *slot = NULL;
    }
  }
  w->random = x;
  return true;
}

static __attribute__((noinline)) bool loop_null(struct worker *w, uint64_t ops) { return loop(w, ops, NO_ALLOCATOR); }
static __attribute__((noinline)) bool loop_reading(struct worker *w, uint64_t ops) { return loop(w, ops, READING); }
static __attribute__((noinline)) bool loop_malloc(struct worker *w, uint64_t ops) { return loop(w, ops, MIXED); }

static bool run(struct worker *w, uint64_t ops) { return w->options->null ? loop_null(w, ops) : w->options->read ? loop_reading(w, ops) : loop_malloc(w, ops); }

/* ---- Threads. ---- */

static void *work(void *argument) {
  struct worker *const w = argument;
  w->failed = !run(w, w->options->warm_up);
  pthread_barrier_wait(&warm);
  if (!w->failed) w->failed = !run(w, w->options->ops);
  pthread_barrier_wait(&done);
  for (uint64_t i = 0; i < w->options->ws; i++) {
    if (!w->options->null) free(w->slots[i]);
  }
  return NULL;
}

/* Runs one thread on the caller itself: a C library may treat a process with one thread better. */
static struct seconds measure_one(struct worker *w) {
  w->failed = !run(w, w->options->warm_up);
  const struct seconds start = now();
  if (!w->failed) w->failed = !run(w, w->options->ops);
  return since(start);
}

/* Exits if a thread cannot be started. */
static struct seconds measure_many(struct worker *workers, unsigned threads) {
  pthread_barrier_init(&warm, NULL, threads + 1);
  pthread_barrier_init(&done, NULL, threads + 1);
  for (unsigned i = 0; i < threads; i++) {
    const int error = pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    if (error != 0) {
      fprintf(stderr, "random_mixed: cannot start thread %u of %u: %s; use fewer --threads\n", i + 1, threads, strerror(error));
      exit(1);
    }
  }
  pthread_barrier_wait(&warm);
  const struct seconds start = now();
  pthread_barrier_wait(&done);
  const struct seconds seconds = since(start);
  for (unsigned i = 0; i < threads; i++) pthread_join(workers[i].thread, NULL);
  return seconds;
}

/* ---- Set-up and output. ---- */

/* Zeroed memory that does not come from the allocator under test; exits on failure. */
static void *map(size_t size) {
  void *const p = map_memory(size);
  if (p != NULL) return p;
  fprintf(stderr, "random_mixed: cannot map %zu bytes for the slots: %s; use a smaller --ws\n", size, strerror(errno));
  exit(1);
}

static const char *allocator(const struct options *o) { return o->null ? "none" : allocator_file(); }

static void print_result(const struct options *o, struct seconds seconds) {
  const struct resident resident = resident_kib();
  const double millions = (double)(o->ops * o->threads) / 1e6, mops = millions / seconds.wall;
  if (!o->json) {
    printf("random_mixed: %.2f M ops/s (working set %" PRIu64 " slots, %" PRIu64 " to %" PRIu64 " bytes, %" PRIu64 " threads x %" PRIu64
           " operations%s, %.3f s, at most %lu KiB resident, malloc of %s)\n",
           mops, o->ws, o->smallest, o->largest, o->threads, o->ops, o->read ? ", blocks read before their free" : "", seconds.wall, resident.peak,
           allocator(o));
    return;
  }
  printf("{\"workload\":\"random_mixed\",\"ws\":%" PRIu64 ",\"ops\":%" PRIu64 ",\"warm_up\":%" PRIu64 ",\"seed\":%" PRIu64 ",\"threads\":%" PRIu64
         ",\"min_bytes\":%" PRIu64 ",\"max_bytes\":%" PRIu64
         ",\"read\":%s,\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"mops_per_s\":%.3f,\"mops_per_cpu_s\":%.3f,\"peak_kib\":%lu,\"allocator\":",
         o->ws, o->ops * o->threads, o->warm_up * o->threads, o->seed, o->threads, o->smallest, o->largest, o->read ? "true" : "false", seconds.wall,
         seconds.cpu, mops, millions / seconds.cpu, resident.peak);
  print_json_text(allocator(o));
  printf("}\n");
}

/* ---- Options. ---- */

static void usage(FILE *out) {
  fprintf(out,
          "usage: random_mixed [OPTION...]\n"
          "Random malloc and free over a working set; prints millions of operations per second.\n"
          "  -w, --ws N        slots of each thread, 1 to 2^28 (%d)\n"
          "  -n, --ops N       operations of each thread (%d)\n"
          "  -u, --warm-up N   operations of each thread before the clock starts (%d per slot)\n"
          "  -s, --seed N      of the random sequence (%d)\n"
          "  -t, --threads N   1 to %d (1)\n"
          "      --min N       smallest block, bytes (16)\n"
          "      --max N       largest block, bytes, to 2^30 (1024)\n"
          "      --read        reads each block before it frees it\n"
          "      --null        no allocator: what the loop itself costs\n"
          "      --json        the result as one JSON object\n"
          "  -h, --help        this text\n"
          "Exit codes: 0 done, 1 out of memory or threads, 2 bad usage.\n",
          DEFAULT_WS, DEFAULT_OPS, WARM_UP_OPS_PER_SLOT, DEFAULT_SEED, MAX_THREADS);
}

static uint64_t number(const char *name, const char *text, uint64_t lowest, uint64_t highest) {
  char *end;
  errno = 0;
  const uint64_t value = strtoull(text, &end, 10);
  if (errno == 0 && end != text && *end == '\0' && *text != '-' && value >= lowest && value <= highest) return value;
  fprintf(stderr, "random_mixed: %s wants a number from %" PRIu64 " to %" PRIu64 ", not '%s'\n", name, lowest, highest, text);
  exit(2);
}

static struct options parse(int argc, char **argv) {
  enum { MIN = 256, MAX, READ, NULL_RUN, JSON };
  static const struct option names[] = {
    {"ws", required_argument, NULL, 'w'},   {"ops", required_argument, NULL, 'n'},     {"warm-up", required_argument, NULL, 'u'},
    {"seed", required_argument, NULL, 's'}, {"threads", required_argument, NULL, 't'}, {"min", required_argument, NULL, MIN},
    {"max", required_argument, NULL, MAX},  {"read", no_argument, NULL, READ},         {"null", no_argument, NULL, NULL_RUN},
    {"json", no_argument, NULL, JSON},      {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
  struct options o = {.ws = DEFAULT_WS, .ops = DEFAULT_OPS, .seed = DEFAULT_SEED, .warm_up = UINT64_MAX, .threads = 1, .smallest = 16, .largest = 1024};
  for (int c; (c = getopt_long(argc, argv, "w:n:u:s:t:h", names, NULL)) != -1;) {
    switch (c) {
      case 'w': o.ws = number("--ws", optarg, 1, MAX_WS); break;
      case 'n': o.ops = number("--ops", optarg, 1, UINT64_C(1) << 48); break;
      case 'u': o.warm_up = number("--warm-up", optarg, 0, UINT64_C(1) << 48); break;
      case 's': o.seed = number("--seed", optarg, 0, UINT64_MAX); break;
      case 't': o.threads = number("--threads", optarg, 1, MAX_THREADS); break;
      case MIN: o.smallest = number("--min", optarg, 1, MAX_BLOCK); break;
      case MAX: o.largest = number("--max", optarg, 1, MAX_BLOCK); break;
      case READ: o.read = true; break;
      case NULL_RUN: o.null = true; break;
      case JSON: o.json = true; break;
      case 'h': usage(stdout); exit(0);
      default: usage(stderr); exit(2);
    }
  }
  const bool both = o.null && o.read;
  if (optind < argc || o.smallest > o.largest || both) {
    if (optind < argc) fprintf(stderr, "random_mixed: does not know what '%s' is\n", argv[optind]);
    if (o.smallest > o.largest) fprintf(stderr, "random_mixed: --min is above --max\n");
    if (both) fprintf(stderr, "random_mixed: either --null, where there are no blocks, or --read\n");
    usage(stderr);
    exit(2);
  }
  if (o.warm_up == UINT64_MAX) o.warm_up = o.ws * WARM_UP_OPS_PER_SLOT;
  return o;
}

int main(int argc, char **argv) {
  const struct options o = parse(argc, argv);
  struct worker *const workers = map(o.threads * sizeof(*workers));
  for (uint64_t i = 0; i < o.threads; i++) {
    workers[i] = (struct worker){.options = &o, .slots = map(o.ws * sizeof(char *)), .random = spread(o.seed + i)};
  }
  if (o.null) null_block = map(o.largest);
  const struct seconds seconds = o.threads == 1 ? measure_one(workers) : measure_many(workers, (unsigned)o.threads);
  for (uint64_t i = 0; i < o.threads; i++) {
    if (!workers[i].failed) continue;
    fprintf(stderr, "random_mixed: malloc failed: out of memory; use a smaller --ws or --max\n");
    return 1;
  }
  print_result(&o, seconds);
  return 0;
}
