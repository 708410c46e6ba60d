/*
 * memory.c: bench_memory: the resident memory after a burst. A process that works with a few small blocks builds a burst of small to large ones,
 * and frees them all in random order. Then it goes on as before, or calls malloc_trim at once. The resident set is read before, at the burst's
 * peak, and at the end.
 *
 * All memory that is not a block (the pointers, the stack) is touched before the first reading.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdbool.h>

#include "harness.h"

#define DEFAULT_BLOCKS 120000 /* some 330 MiB */
#define MOST_BLOCKS 100000000
#define DEFAULT_SECONDS 2
#define DEFAULT_SEED 42
#define FEW 64
#define FEW_AT_ONCE 500 /* operations, then a pause: a mostly idle process */
#define PAUSE_NS 1000000
#define WORK_BEFORE 20000

struct options {
  uint64_t blocks, seconds, seed;
  bool trim, json;
};
struct state {
  uint64_t random;
  char **blocks, *few[FEW];
};

static uint64_t draw(struct state *s, uint64_t range) {
  s->random = next_random(s->random);
  return below(s->random >> 32, range);
}

static char *new_block(size_t size) {
  char *const block = malloc(size);
  if (block == NULL) {
    fprintf(stderr, "bench_memory: no memory for a block of %zu bytes; use fewer --blocks\n", size);
    exit(1);
  }
  memset(block, 1, size);
  return block;
}

/* Mostly small; by bytes about a sixth small, a third of some KiB, half large. */
static size_t burst_size(struct state *s) {
  const uint64_t kind = draw(s, 256);
  return 16 + draw(s, kind == 0 ? 1 << 20 : kind < 16 ? 1 << 15 : 1009);
}

static void build_and_free(struct state *s, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) s->blocks[i] = new_block(burst_size(s));
  for (uint64_t i = count; i > 0; i--) {
    const uint64_t one = draw(s, i);
    free(s->blocks[one]);
    s->blocks[one] = s->blocks[i - 1];
  }
}

static void work(struct state *s, unsigned ops) {
  for (unsigned i = 0; i < ops; i++) {
    const uint64_t slot = draw(s, FEW);
    free(s->few[slot]);
    s->few[slot] = new_block(16 + draw(s, 1009));
  }
}

static void work_for(struct state *s, uint64_t seconds) {
  const double end = clock_seconds(CLOCK_MONOTONIC) + (double)seconds;
  while (clock_seconds(CLOCK_MONOTONIC) < end) {
    work(s, FEW_AT_ONCE);
    nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
  }
}

/* ---- Options. ---- */

static void usage(FILE *out) {
  fprintf(out,
          "usage: bench_memory [OPTION...]\n"
          "Prints what is resident before a burst of blocks, at its peak, and after all were freed and a while of small activity.\n"
          "  -n, --blocks N    blocks of a burst, of 16 bytes to 1 MiB (%d)\n"
          "      --seconds N   of activity after the burst (%d)\n"
          "      --trim        calls malloc_trim at once, in place of the activity\n"
          "  -s, --seed N      of the random sequence (%d)\n"
          "      --json        the result as one JSON object\n"
          "  -h, --help        this text\n"
          "Exit codes: 0 done, 1 out of memory, 2 bad usage.\n",
          DEFAULT_BLOCKS, DEFAULT_SECONDS, DEFAULT_SEED);
}

static uint64_t number(const char *name, const char *text, uint64_t lowest, uint64_t highest) {
  char *end;
  errno = 0;
  const uint64_t value = strtoull(text, &end, 10);
  if (errno == 0 && end != text && *end == '\0' && strchr(text, '-') == NULL && value >= lowest && value <= highest) return value;
  fprintf(stderr, "bench_memory: %s wants a number from %" PRIu64 " to %" PRIu64 ", not '%s'\n", name, lowest, highest, text);
  exit(2);
}

static struct options parse(int argc, char **argv) {
  enum { SECONDS = 256, TRIM, JSON };
  static const struct option names[] = {{"blocks", required_argument, NULL, 'n'},
                                        {"seconds", required_argument, NULL, SECONDS},
                                        {"seed", required_argument, NULL, 's'},
                                        {"trim", no_argument, NULL, TRIM},
                                        {"json", no_argument, NULL, JSON},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  struct options o = {DEFAULT_BLOCKS, DEFAULT_SECONDS, DEFAULT_SEED, false, false};
  for (int c; (c = getopt_long(argc, argv, "n:s:h", names, NULL)) != -1;) {
    switch (c) {
      case 'n': o.blocks = number("--blocks", optarg, 1, MOST_BLOCKS); break;
      case SECONDS: o.seconds = number("--seconds", optarg, 1, 86400); break;
      case 's': o.seed = number("--seed", optarg, 0, UINT64_MAX); break;
      case TRIM: o.trim = true; break;
      case JSON: o.json = true; break;
      case 'h': usage(stdout); exit(0);
      default: usage(stderr); exit(2);
    }
  }
  if (optind == argc) return o;
  fprintf(stderr, "bench_memory: wants no word '%s'\n", argv[optind]);
  usage(stderr);
  exit(2);
}

static void print_result(const struct options *o, struct seconds burst, struct resident before, struct resident after) {
  if (!o->json) {
    printf("resident: %lu KiB before, %lu KiB at the peak, %lu KiB %s (malloc of %s)\n", before.now, after.peak, after.now,
           o->trim ? "after malloc_trim" : "after small activity", allocator_file());
    return;
  }
  printf("{\"workload\":\"burst%s\",\"seed\":%" PRIu64 ",\"ops\":%" PRIu64 ",\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"before_kib\":%lu,"
         "\"peak_kib\":%lu,\"after_kib\":%lu,\"allocator\":",
         o->trim ? " trimmed" : "", o->seed, 2 * o->blocks, burst.wall, burst.cpu, before.now, after.peak, after.now);
  print_json_text(allocator_file());
  printf("}\n");
}

int main(int argc, char **argv) {
  const struct options o = parse(argc, argv);
  struct state s = {.random = spread(o.seed), .blocks = map_memory(o.blocks * sizeof(char *))};
  if (s.blocks == NULL) {
    fprintf(stderr, "bench_memory: cannot map the pointers: %s; use fewer --blocks\n", strerror(errno));
    return 1;
  }
  resident_kib(); /* its stack */
  work(&s, WORK_BEFORE);
  const struct resident before = resident_kib();
  const struct seconds start = now();
  build_and_free(&s, o.blocks);
  const struct seconds burst = since(start);
  if (o.trim) {
    malloc_trim(0);
  } else {
    work_for(&s, o.seconds);
  }
  print_result(&o, burst, before, resident_kib());
  return 0;
}
