/*
 * main.c: bench_threads, and with BENCH_CXX bench_threads_cxx: programs like those by which the literature compares allocators. Each is a workload with several threads and a fixed
 * amount of work. They call malloc's family and no allocator's own interface, so LD_PRELOAD decides what is measured. They check their blocks, so a
 * wrong block ends them with exit code 1.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "workload.h"

#define DEFAULT_THREADS 2
#define DEFAULT_SEED 42
#define MAX_THREADS 256
#define MAX_SECONDS 86400

static const struct workload *const workloads[] = {
#ifdef BENCH_CXX
  &new_delete, &vectors, &maps, &unordered_maps, &strings,
#else
  &larson,
  &producer_consumer,
  &exchange,
  &passive_false_sharing,
  &active_false_sharing,
  &short_threads,
  &bursts,
  &realloc_growth,
  &large,
  &calloc_large,
  &aligned,
  &random_sizes,
  &batches,
  &long_batches,
  &rests,
  &huge,
  &small_blocks,
  &calloc_small,
  &usable_size,
  &realloc_small,
  &one_size,
#endif
};
#define WORKLOADS (sizeof(workloads) / sizeof(*workloads))

struct options {
  const struct workload *workload;
  uint64_t threads, ops, seconds, seed; /* seconds: 0 if the operations are counted */
  bool json;
};

atomic_bool bench_time_is_up;
static pthread_barrier_t ready, done;

/* ---- What the workloads use. ---- */

void bench_fail(const char *format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  static atomic_flag said = ATOMIC_FLAG_INIT; /* one message if several threads fail at the same time */
  while (atomic_flag_test_and_set(&said)) pause();
  dprintf(STDERR_FILENO, "%s: %s\n", program_invocation_short_name, text);
  _exit(1);
}

void *bench_map(size_t size) {
  void *const p = map_memory(size);
  if (p == NULL) bench_fail("cannot map %zu bytes: %s; use fewer --threads", size, strerror(errno));
  return p;
}

pthread_t bench_start(void *(*function)(void *), void *argument) {
  pthread_t thread;
  const int error = pthread_create(&thread, NULL, function, argument);
  if (error != 0) bench_fail("cannot start a thread: %s; use fewer --threads", strerror(error));
  return thread;
}

/* ---- One run. ---- */

static void *work(void *argument) {
  struct worker *const w = argument;
  if (w->workload->prepare != NULL) w->workload->prepare(w);
  pthread_barrier_wait(&ready);
  w->workload->work(w);
  pthread_barrier_wait(&done);
  if (w->workload->finish != NULL) w->workload->finish(w);
  return NULL;
}

static void time_is_up(int signal) {
  (void)signal;
  atomic_store_explicit(&bench_time_is_up, true, memory_order_relaxed);
}

static struct seconds measure(const struct options *o, struct worker *workers) {
  if (o->workload->set_up != NULL) o->workload->set_up((unsigned)o->threads);
  pthread_barrier_init(&ready, NULL, (unsigned)o->threads + 1);
  pthread_barrier_init(&done, NULL, (unsigned)o->threads + 1);
  for (unsigned i = 0; i < o->threads; i++) {
    workers[i] = (struct worker){
      .random = spread(o->seed + i), .limit = o->seconds > 0 ? UINT64_MAX : o->ops, .index = i, .threads = (unsigned)o->threads, .workload = o->workload};
    workers[i].thread = bench_start(work, &workers[i]);
  }
  if (o->seconds > 0) sigaction(SIGALRM, &(struct sigaction){.sa_handler = time_is_up, .sa_flags = SA_RESTART}, NULL);
  pthread_barrier_wait(&ready);
  const struct seconds start = now();
  alarm((unsigned)o->seconds);
  pthread_barrier_wait(&done);
  const struct seconds seconds = since(start);
  for (unsigned i = 0; i < o->threads; i++) pthread_join(workers[i].thread, NULL);
  return seconds;
}

static void print_result(const struct options *o, uint64_t ops, struct seconds seconds, struct resident resident) {
  const double mops = (double)ops / 1e6 / (o->workload->by_processor_time ? seconds.cpu : seconds.wall);
  if (!o->json) {
    printf("%s: %.3f M ops/s%s (%" PRIu64 " threads, %" PRIu64 " operations, %.3f s, %.3f s of processor time, at most %lu KiB "
           "resident, %lu KiB when all was freed, malloc of %s)\n",
           o->workload->name, mops, o->workload->by_processor_time ? " of processor time" : "", o->threads, ops, seconds.wall, seconds.cpu, resident.peak,
           resident.now, allocator_file());
    return;
  }
  printf("{\"workload\":\"%s\",\"threads\":%" PRIu64 ",\"seed\":%" PRIu64 ",\"ops\":%" PRIu64 ",\"seconds\":%.6f,"
         "\"cpu_seconds\":%.6f,\"mops_per_s\":%.4f,\"peak_kib\":%lu,\"resident_kib\":%lu,\"by_processor_time\":%s,\"allocator\":",
         o->workload->name, o->threads, o->seed, ops, seconds.wall, seconds.cpu, mops, resident.peak, resident.now,
         o->workload->by_processor_time ? "true" : "false");
  print_json_text(allocator_file());
  printf("}\n");
}

/* ---- Options. ---- */

static void usage(FILE *out) {
  fprintf(out,
          "usage: %s WORKLOAD [OPTION...]\n"
          "       %s --list\n"
          "Runs a workload on several threads; prints how many allocating calls a second it made. Every block is freed again.\n"
          "  -t, --threads N   1 to %d (%d)\n"
          "  -n, --ops N       operations of each thread (the workload's own number; some do a few more)\n"
          "      --seconds N   runs for that long in place of a number of operations; N is 1 to %d\n"
          "  -s, --seed N      of the random sequence (%d)\n"
          "      --json        the result as one JSON object\n"
          "  -l, --list        the workloads\n"
          "  -h, --help        this text\n"
          "Exit codes: 0 done, 1 out of memory or threads, or the allocator gave a wrong block, 2 bad usage.\n",
          program_invocation_short_name, program_invocation_short_name, MAX_THREADS, DEFAULT_THREADS, MAX_SECONDS, DEFAULT_SEED);
}

static void list(void) {
  for (size_t i = 0; i < WORKLOADS; i++) printf("%-22s %s\n", workloads[i]->name, workloads[i]->what);
}

static uint64_t number(const char *name, const char *text, uint64_t lowest, uint64_t highest) {
  char *end;
  errno = 0;
  const uint64_t value = strtoull(text, &end, 10);
  if (errno == 0 && end != text && *end == '\0' && strchr(text, '-') == NULL && value >= lowest && value <= highest) return value;
  fprintf(stderr, "%s: %s wants a number from %" PRIu64 " to %" PRIu64 ", not '%s'\n", program_invocation_short_name, name, lowest, highest, text);
  exit(2);
}

static const struct workload *workload_named(const char *name) {
  for (size_t i = 0; i < WORKLOADS; i++) {
    if (strcmp(workloads[i]->name, name) == 0) return workloads[i];
  }
  fprintf(stderr, "%s: has no workload '%s'; --list prints them\n", program_invocation_short_name, name);
  exit(2);
}

static struct options parse(int argc, char **argv) {
  enum { SECONDS = 256, JSON };
  static const struct option names[] = {{"threads", required_argument, NULL, 't'},
                                        {"ops", required_argument, NULL, 'n'},
                                        {"seconds", required_argument, NULL, SECONDS},
                                        {"seed", required_argument, NULL, 's'},
                                        {"json", no_argument, NULL, JSON},
                                        {"list", no_argument, NULL, 'l'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  struct options o = {.threads = DEFAULT_THREADS, .seed = DEFAULT_SEED};
  for (int c; (c = getopt_long(argc, argv, "t:n:s:lh", names, NULL)) != -1;) {
    switch (c) {
      case 't': o.threads = number("--threads", optarg, 1, MAX_THREADS); break;
      case 'n': o.ops = number("--ops", optarg, 1, UINT64_C(1) << 48); break;
      case SECONDS: o.seconds = number("--seconds", optarg, 1, MAX_SECONDS); break;
      case 's': o.seed = number("--seed", optarg, 0, UINT64_MAX); break;
      case JSON: o.json = true; break;
      case 'l': list(); exit(0);
      case 'h': usage(stdout); exit(0);
      default: usage(stderr); exit(2);
    }
  }
  if (optind + 1 != argc || (o.ops > 0 && o.seconds > 0)) {
    if (o.ops > 0 && o.seconds > 0) fprintf(stderr, "%s: either --ops or --seconds\n", program_invocation_short_name);
    else fprintf(stderr, "%s: wants one workload's name\n", program_invocation_short_name);
    usage(stderr);
    exit(2);
  }
  o.workload = workload_named(argv[optind]);
  if (o.ops == 0) o.ops = o.workload->ops;
  return o;
}

int main(int argc, char **argv) {
  const struct options o = parse(argc, argv);
  struct worker *const workers = bench_map(o.threads * sizeof(*workers));
  const struct seconds seconds = measure(&o, workers);
  const struct resident resident = resident_kib();
  uint64_t ops = 0;
  for (uint64_t i = 0; i < o.threads; i++) ops += workers[i].done;
  print_result(&o, ops, seconds, resident);
  return 0;
}
