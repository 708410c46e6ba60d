/*
 * bench.c: hakmem bench: hakmem against other allocators, and against itself with other settings.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/bench_measure.h"
#include "command.h"
#include "common/error.h"
#include "common/format.h"
#include "common/memory.h"
#include "common/workdir.h"
#include "session/option.h"
#include "words/plans.h"

#define MAX_ROUNDS 1000
#define MAX_OPS (UINT64_C(1) << 48)
#define MAX_WS (UINT64_C(1) << 28)
#define MAX_BLOCK (UINT64_C(1) << 30)
#define LIST_MAX 128

enum {
  KEY_ROUNDS = 256,
  KEY_OPS,
  KEY_SECONDS,
  KEY_SEED,
  KEY_SIZES,
  KEY_THREADS,
  KEY_ALLOCATORS,
  KEY_PEER,
  KEY_PEER_ENV,
  KEY_WS,
  KEY_SS_SIZE,
  KEY_DRAIN,
  KEY_LOOKUP,
  KEY_WORKLOADS,
  KEY_READ,
  KEY_CPU,
  KEY_SIM,
  KEY_JSON,
  KEY_MARKDOWN,
  KEY_HTML
};

struct settings {
  struct bench bench;
  bool json, markdown;
  const char *html;
  size_t peer_count, peer_variable_count, setting_count;
};

static const struct argp_option options[] = {
  {"rounds", KEY_ROUNDS, "N", 0, "Rounds; each runs every contender once. If N is above 2, one more round comes first and is not counted", 1},
  {"ops", KEY_OPS, "N", 0, "Operations of each thread in random_mixed, `latency' and the programs of `threads'; blocks of the burst of `memory'", 1},
  {"seconds", KEY_SECONDS, "N", 0, "Of `threads': the time to run, if there is no --ops; of `memory': the time after the burst (2)", 1},
  {"seed", KEY_SEED, "N", 0, "Seed of the first round; each further round adds 1 (1)", 1},
  {"sizes", KEY_SIZES, "MIN-MAX", 0, "Block sizes of random_mixed, bytes (16-1024)", 1},
  {"read", KEY_READ, NULL, 0, "random_mixed reads each block before it frees it, as real programs often do", 1},
  {"threads", KEY_THREADS, "LIST", 0, "Threads (random_mixed 1, `threads' 2, `latency' 1,2); `threads' and `latency' take several numbers, separated by commas",
   1},
  {"ws", KEY_WS, "LIST", 0, "Working sets of random_mixed and `latency': numbers of slots, separated by commas", 1},
  {"workloads", KEY_WORKLOADS, "LIST", 0, "Only these workloads, by their names in the output or the first words of them", 1},
  {"allocators", KEY_ALLOCATORS, "LIST", 0,
   "Of glibc, hakmem, hakmem-plain, mimalloc, jemalloc, tcmalloc, loop (random_mixed and `latency' with no allocator); all but loop", 2},
  {"peer", KEY_PEER, "NAME=LIB.so", 0, "One more allocator, a library to be preloaded; may be repeated", 2},
  {"peer-env", KEY_PEER_ENV, "NAME=VAR=VALUE", 0, "A variable in the environment of the allocator that --peer NAME adds; may be repeated", 2},
  {"option", 'O', "NAME=VALUE", 0, "An option of libhakmem.so, HAKMEM_NAME, for hakmem's runs; may be repeated", 2},
  {"ss-size", KEY_SS_SIZE, "LIST", 0, "Of `sweep': SuperSlab sizes (512K,1M,2M,4M)", 3},
  {"drain", KEY_DRAIN, "LIST", 0, "Of `sweep': drain intervals (512,1024,2048,4096,8192,0)", 3},
  {"lookup", KEY_LOOKUP, "LIST", 0, "Of `sweep': lookups (directory,hash,linear)", 3},
  {"cpu", KEY_CPU, NULL, 0, "Operations per second of processor time, for a machine that is busy with other work", 4},
  {"sim", KEY_SIM, NULL, 0, "Also count instructions and cache misses with valgrind's cachegrind", 4},
  {"json", KEY_JSON, NULL, 0, "Print JSON, with the values of every round", 5},
  {"markdown", KEY_MARKDOWN, NULL, 0, "Print Markdown", 5},
  {"html", KEY_HTML, "FILE", 0, "Also write a page with plots to FILE", 5},
  {0},
};

static uint64_t number(const char *option, const char *text, uint64_t lowest, uint64_t highest, struct argp_state *state) {
  char *end;
  errno = 0;
  const unsigned long long value = strtoull(text, &end, 10);
  if (errno != 0 || !isdigit((unsigned char)*text) || *end != '\0' || value < lowest || value > highest) {
    argp_error(state, "--%s=%s: not a number from %" PRIu64 " to %" PRIu64, option, text, lowest, highest);
  }
  return value;
}

/* "a,b,c" as words. They hold only letters, digits and a few signs, so they can stand in any output. */
static char **split(const char *option, const char *text, struct argp_state *state) {
  char **const words = must_allocate((LIST_MAX + 1) * sizeof(*words));
  size_t count = 0;
  for (const char *at = text;; at++) {
    const size_t length = strcspn(at, ",");
    if (length == 0) argp_error(state, "--%s=%s: a word is empty", option, text);
    if (count == LIST_MAX) argp_error(state, "--%s: more than %d words", option, LIST_MAX);
    words[count++] = must_print("%.*s", (int)length, at);
    at += length;
    if (*at == '\0') return words;
  }
}

static void check_words(const char *option, char **words, const char *const *allowed, struct argp_state *state) {
  for (; *words != NULL; words++) {
    bool found = false;
    char *choices = must_copy("");
    for (const char *const *word = allowed; *word != NULL; word++) {
      found = found || strcmp(*word, *words) == 0;
      char *const longer = must_print("%s%s|", choices, *word);
      free(choices);
      choices = longer;
    }
    if (!found) argp_error(state, "--%s: %s is not in the list that --help prints%s", option, *words, words_meant(*words, choices));
    free(choices);
  }
}

static void parse_sizes(struct bench_options *o, const char *text, struct argp_state *state) {
  char *const copy = must_copy(text), *const dash = strchr(copy, '-');
  if (dash == NULL) argp_error(state, "--sizes=%s: not MIN-MAX", text);
  *dash = '\0';
  o->smallest = number("sizes", copy, 1, MAX_BLOCK, state);
  o->largest = number("sizes", dash + 1, 1, MAX_BLOCK, state);
  if (o->smallest > o->largest) argp_error(state, "--sizes=%s: the smallest is above the largest", text);
  free(copy);
}

static void parse_peer(struct settings *s, char *text, struct argp_state *state) {
  const size_t name = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-");
  if (name == 0 || text[name] != '=' || text[name + 1] == '\0') {
    argp_error(state, "--peer=%s: not NAME=LIB.so, NAME of letters, digits and . _ + -", text);
  }
  if (s->peer_count == LIST_MAX) argp_error(state, "more than %d times --peer", LIST_MAX);
  if (s->bench.options.peers == NULL) s->bench.options.peers = must_allocate((LIST_MAX + 1) * sizeof(char *));
  s->bench.options.peers[s->peer_count++] = text;
}

static void parse_peer_variable(struct settings *s, char *text, struct argp_state *state) {
  const char *const equals = strchr(text, '='), *const second = equals != NULL ? strchr(equals + 1, '=') : NULL;
  if (equals == text || second == NULL || second == equals + 1) argp_error(state, "--peer-env=%s: not NAME=VAR=VALUE", text);
  if (strncmp(equals, "=LD_PRELOAD=", strlen("=LD_PRELOAD=")) == 0) argp_error(state, "--peer-env=%s: --peer names what is preloaded", text);
  if (s->peer_variable_count == BENCH_PEER_VARIABLES) argp_error(state, "more than %d times --peer-env", BENCH_PEER_VARIABLES);
  char ***const list = &s->bench.options.peer_variables;
  if (*list == NULL) *list = must_allocate((BENCH_PEER_VARIABLES + 1) * sizeof(char *));
  (*list)[s->peer_variable_count++] = text;
}

/* Each variable's peer must be there: a name with a slip would measure the peer without it. */
static void check_peer_variables(const struct bench_options *o, struct argp_state *state) {
  for (char **v = o->peer_variables; v != NULL && *v != NULL; v++) {
    const size_t length = strcspn(*v, "=") + 1; /* with the sign */
    bool found = false;
    for (char **peer = o->peers; peer != NULL && *peer != NULL; peer++) found = found || strncmp(*peer, *v, length) == 0;
    if (!found) argp_error(state, "--peer-env=%s: no --peer has this name", *v);
  }
}

/* "4" or "2,4,16": the number, and the list if there are several. */
static void parse_threads(struct bench_options *o, const char *text, struct argp_state *state) {
  char **const words = split("threads", text, state);
  for (char **word = words; *word != NULL; word++) o->threads = (unsigned)number("threads", *word, 1, 256, state);
  o->thread_counts = words[1] != NULL ? words : NULL;
}

static void parse_setting(struct settings *s, const char *text, struct argp_state *state) {
  char *name;
  const char *value;
  if (!option_read(text, &name, &value)) argp_error(state, "%s", failure());
  if (s->setting_count == 8) argp_error(state, "more than 8 times --option");
  name = option_new_name(name);
  if (s->bench.options.settings == NULL) s->bench.options.settings = must_allocate(9 * sizeof(char *));
  s->bench.options.settings[s->setting_count++] = must_print("%s=%s", name, value);
  free(name);
}

#define PLAN_NAMED(name, rounds, ops) " " #name

/* Checks that the plan exists and that every option applies to it. */
static void check(struct settings *s, struct argp_state *state) {
  struct bench_options *const o = &s->bench.options;
  if (s->bench.plan == NULL) argp_error(state, "no plan is named:" PLANS(PLAN_NAMED));
  if (!bench_has_plan(s->bench.plan))
    argp_error(state, "there is no plan %s%s; there are:" PLANS(PLAN_NAMED), s->bench.plan, words_meant(s->bench.plan, PLAN_CHOICES));
  const bool sweep = strcmp(s->bench.plan, "sweep") == 0, threads = strcmp(s->bench.plan, "threads") == 0;
  const bool programs = strcmp(s->bench.plan, "programs") == 0, memory = strcmp(s->bench.plan, "memory") == 0;
  const bool latency = strcmp(s->bench.plan, "latency") == 0;
  const bool all = strcmp(s->bench.plan, "all") == 0, mixed = !threads && !programs && !memory && !latency;
  if (!sweep && (o->ss_sizes != NULL || o->drains != NULL || o->lookups != NULL)) {
    argp_error(state, "--ss-size, --drain and --lookup are options of sweep");
  }
  if (sweep && (o->allocators != NULL || o->peers != NULL)) argp_error(state, "sweep measures hakmem alone: no --allocators, no --peer");
  if (!threads && !memory && !all && o->seconds > 0) argp_error(state, "--seconds is an option of threads, memory and all");
  if (threads && o->seconds > 0 && o->ops > 0) argp_error(state, "--ops and --seconds exclude each other");
  if (programs && (o->ops > 0 || o->threads > 0 || o->sim)) argp_error(state, "the programs have a fixed amount of work: no --ops, --threads, --sim");
  if (memory && (o->threads > 0 || o->sim)) argp_error(state, "memory runs one thread, and not under valgrind: no --threads, --sim");
  if (!mixed && o->read) argp_error(state, "--read is an option of the plans that run random_mixed");
  if (!mixed && !latency && o->working_sets != NULL) argp_error(state, "--ws is an option of latency and of the plans that run random_mixed");
  if (latency && o->sim) argp_error(state, "latency measures time, which valgrind changes: no --sim");
  if (!threads && !latency && o->thread_counts != NULL) argp_error(state, "only threads and latency take several numbers of --threads");
  check_peer_variables(o, state);
  if (s->json && s->markdown) argp_error(state, "--json and --markdown exclude each other");
  for (char **ws = o->working_sets; ws != NULL && *ws != NULL; ws++) number("ws", *ws, 1, MAX_WS, state);
  for (char **drain = o->drains; drain != NULL && *drain != NULL; drain++) number("drain", *drain, 0, UINT32_MAX, state);
}

static error_t parse(int key, char *argument, struct argp_state *state) {
  static const char *const sizes[] = {"512K", "1M", "2M", "4M", NULL}, *const strategies[] = {"directory", "hash", "linear", NULL};
  struct settings *const s = state->input;
  struct bench_options *const o = &s->bench.options;
  switch (key) {
    case KEY_ROUNDS: o->rounds = (unsigned)number("rounds", argument, 1, MAX_ROUNDS, state); return 0;
    case KEY_OPS: o->ops = number("ops", argument, 1, MAX_OPS, state); return 0;
    case KEY_SECONDS: o->seconds = number("seconds", argument, 1, 86400, state); return 0;
    case KEY_SEED: o->seed = number("seed", argument, 0, INT64_MAX - MAX_ROUNDS, state); return 0;
    case KEY_SIZES: parse_sizes(o, argument, state); return 0;
    case KEY_READ: o->read = true; return 0;
    case KEY_THREADS: parse_threads(o, argument, state); return 0;
    case KEY_WS: o->working_sets = split("ws", argument, state); return 0;
    case KEY_WORKLOADS: o->names = split("workloads", argument, state); return 0;
    case KEY_ALLOCATORS: o->allocators = split("allocators", argument, state); return 0;
    case KEY_PEER: parse_peer(s, argument, state); return 0;
    case KEY_PEER_ENV: parse_peer_variable(s, argument, state); return 0;
    case 'O': parse_setting(s, argument, state); return 0;
    case KEY_SS_SIZE:
      o->ss_sizes = split("ss-size", argument, state);
      check_words("ss-size", o->ss_sizes, sizes, state);
      return 0;
    case KEY_DRAIN: o->drains = split("drain", argument, state); return 0;
    case KEY_LOOKUP:
      o->lookups = split("lookup", argument, state);
      check_words("lookup", o->lookups, strategies, state);
      return 0;
    case KEY_CPU: o->cpu = true; return 0;
    case KEY_SIM: o->sim = true; return 0;
    case KEY_JSON: s->json = true; return 0;
    case KEY_MARKDOWN: s->markdown = true; return 0;
    case KEY_HTML: s->html = argument; return 0;
    case ARGP_KEY_ARG:
      if (s->bench.plan != NULL) argp_error(state, "more than one plan is named: %s", argument);
      s->bench.plan = argument;
      return 0;
    case ARGP_KEY_END: check(s, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp bench_argp = {
  .options = options,
  .parser = parse,
  .args_doc = "PLAN",
  .doc = "Measure hakmem against the allocators that are installed, on this machine.\v"
         "PLAN is one of\n"
         "  phase8    random_mixed with working sets of 256, 8192, 65536 and 1048576 slots, and the verdict on the targets\n"
         "  scale     random_mixed with working sets from 64 to 2097152 slots\n"
         "  sweep     SuperSlab size x drain interval x lookup, with working sets of 256 and 8192\n"
         "  latency   one free and one malloc: p50, p99, p99.9, p99.99 and the longest; 8192 and 200000 slots, 1 and 2 threads, warm and cold\n"
         "  threads   programs with several threads, in the manner of the literature\n"
         "  programs  real programs, end to end\n"
         "  cost      what the instrumentation costs: default, plain, tracing idle, recording, full tracing; start-up\n"
         "  memory    what stays resident after a burst that was freed: after 2 s of small activity, and after malloc_trim\n"
         "  all       phase8, latency, threads, programs, cost and memory, each workload once, and one table of all targets (long)\n\n"
         "HAKMEM_ variables and LD_PRELOAD of the environment are not handed on; --option is. "
         "An interrupted bench prints what it has measured. Exit codes: 0 done, 1 a run failed, 2 bad usage, 128 and the signal's number if interrupted.",
};

/* The runs must differ in the measured allocator only. */
static void clean_environment(void) {
  extern char **environ;
  unsetenv("LD_PRELOAD");
  unsetenv("BENCH_PRELOAD");
  for (char **variable = environ; *variable != NULL;) {
    if (strncmp(*variable, "HAKMEM_", strlen("HAKMEM_")) != 0) {
      variable++;
      continue;
    }
    char *const name = must_print("%.*s", (int)strcspn(*variable, "="), *variable);
    unsetenv(name);
    free(name);
    variable = environ;
  }
}

static bool print_all(const struct settings *s) {
  bool good = true;
  if (s->json) {
    good = bench_print_json(&s->bench, stdout);
  } else {
    bench_print(&s->bench, stdout, s->markdown);
  }
  if (fflush(stdout) != 0 || ferror(stdout)) good = fail("cannot write the results: %s", strerror(errno));
  return good && (s->html == NULL || bench_print_html(&s->bench, s->html));
}

int command_bench(int argc, char **argv) {
  struct settings s = {.bench.options = {.seed = 1, .smallest = 16, .largest = 1024}};
  struct bench *const b = &s.bench;
  argp_parse(&bench_argp, argc, argv, 0, NULL, &s);
  format_init();
  clean_environment();
  measure_begin();
  b->directory = workdir_temporary();
  bool good = b->directory != NULL && bench_plan(b);
  b->options.warm_up = b->options.rounds > 2;
  good = good && bench_run(b);
  if (!good) say("%s", failure());
  if (good || (b->interrupted && bench_rounds_measured(b) > 0)) {
    const bool printed = print_all(&s);
    if (!printed) say("%s", failure());
    good = good && printed;
  }
  if (b->directory != NULL) workdir_remove(b->directory);
  const int interrupted = measure_interrupted();
  bench_free(b);
  if (interrupted != 0) return 128 + interrupted;
  return b->misused ? EXIT_USAGE : good && !b->failed ? EXIT_DONE : EXIT_FAILED;
}
