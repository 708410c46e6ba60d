/*
 * bench_command.c: how a workload is started: the words of its command, and its environment.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "bench.h"
#include "common/error.h"
#include "session/library.h"
#include "common/memory.h"

void bench_command_add(struct bench_command *c, char *word) {
  if (c->count + 1 < sizeof(c->argv) / sizeof(c->argv[0])) c->argv[c->count++] = word;
}

static void add_number(struct bench_command *c, const char *option, uint64_t value) {
  bench_command_add(c, must_copy(option));
  bench_command_add(c, must_print("%" PRIu64, value));
}

static void set_variable(struct bench_command *c, char *text) {
  if (c->variables + 1 < sizeof(c->environment) / sizeof(c->environment[0])) c->environment[c->variables++] = text;
}

static void add_mixed(const struct bench *b, const struct workload *w, const struct contender *k, uint64_t ops, struct bench_command *c) {
  bench_command_add(c, bench_program("random_mixed"));
  add_number(c, "--ws", w->ws);
  add_number(c, "--ops", ops);
  add_number(c, "--threads", bench_threads(b, w));
  add_number(c, "--min", b->options.smallest);
  add_number(c, "--max", b->options.largest);
  if (k->loop) bench_command_add(c, must_copy("--null"));
  else if (b->options.read) bench_command_add(c, must_copy("--read"));
}

static void add_latency(const struct bench *b, const struct workload *w, const struct contender *k, uint64_t ops, struct bench_command *c) {
  bench_command_add(c, bench_program("bench_latency"));
  add_number(c, "--ws", w->ws);
  add_number(c, "--ops", ops);
  add_number(c, "--threads", bench_threads(b, w));
  if (w->cold) bench_command_add(c, must_copy("--cold"));
  if (k->loop) bench_command_add(c, must_copy("--null"));
}

static void add_threads(const struct bench *b, const struct workload *w, uint64_t ops, struct bench_command *c) {
  bench_command_add(c, bench_program(w->program));
  bench_command_add(c, must_copy(w->in_program));
  add_number(c, "--threads", bench_threads(b, w));
  if (ops > 0) {
    add_number(c, "--ops", ops);
  } else if (b->options.seconds > 0) {
    add_number(c, "--seconds", b->options.seconds);
  }
}

static void add_memory(const struct bench *b, const struct workload *w, uint64_t ops, struct bench_command *c) {
  bench_command_add(c, bench_program("bench_memory"));
  if (ops > 0) add_number(c, "--blocks", ops);
  if (b->options.seconds > 0) add_number(c, "--seconds", b->options.seconds);
  if (w->trim) bench_command_add(c, must_copy("--trim"));
}

/* A script gets the library in BENCH_PRELOAD, and preloads it into the measured program. */
static void add_program(const struct workload *w, const struct contender *k, struct bench_command *c) {
  char *const child = bench_program("bench_child");
  if (k->recorded) { /* only env itself runs under the recorder's libraries */
    bench_command_add(c, must_copy("env"));
    bench_command_add(c, must_copy("-u"));
    bench_command_add(c, must_copy("LD_PRELOAD"));
  }
  bench_command_add(c, must_copy("sh"));
  bench_command_add(c, bench_script(w->name));
  set_variable(c, must_print("BENCH_CHILD=%s", child != NULL ? child : ""));
  set_variable(c, must_print("BENCH_PRELOAD=%s", k->library));
  free(child);
}

static void add_recorder(const struct bench *b, const struct contender *k, struct bench_command *c) {
  bench_command_add(c, must_copy("/proc/self/exe"));
  bench_command_add(c, must_copy("record"));
  bench_command_add(c, must_copy("-o"));
  bench_command_add(c, must_print("%s/recording", b->directory));
  if (k->full) bench_command_add(c, must_copy("--full"));
  bench_command_add(c, must_copy("--"));
}

void bench_command(const struct bench *b, size_t workload, size_t contender, uint64_t ops, uint64_t seed, struct bench_command *c) {
  const struct workload *const w = &b->workloads[workload];
  const struct contender *const k = &b->contenders[contender];
  *c = (struct bench_command){0};
  if (k->recorded) add_recorder(b, k, c);
  switch (w->kind) {
    case WORKLOAD_MIXED: add_mixed(b, w, k, ops, c); break;
    case WORKLOAD_LATENCY: add_latency(b, w, k, ops, c); break;
    case WORKLOAD_THREADS: add_threads(b, w, ops, c); break;
    case WORKLOAD_PROGRAM: add_program(w, k, c); break;
    case WORKLOAD_START: bench_command_add(c, must_copy("/bin/true")); break;
    case WORKLOAD_MEMORY: add_memory(b, w, ops, c); break;
  }
  if (w->kind != WORKLOAD_PROGRAM && w->kind != WORKLOAD_START) {
    add_number(c, "--seed", seed);
    bench_command_add(c, must_copy("--json"));
  }
  for (char **variable = k->environment; *variable != NULL; variable++) set_variable(c, must_copy(*variable));
}

void bench_command_free(struct bench_command *c) {
  for (size_t i = 0; i < c->count; i++) free(c->argv[i]);
  for (size_t i = 0; i < c->variables; i++) free(c->environment[i]);
}
