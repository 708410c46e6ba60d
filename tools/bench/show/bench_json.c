/*
 * bench_json.c: the results as JSON: every measured value, of each round. A missing value is null.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "bench/bench.h"
#include "bench/bench_machine.h"
#include "common/error.h"
#include "common/escape.h"
#include "common/memory.h"

#define SCHEMA 1

static json_t *number(double value) { return isnan(value) || isinf(value) ? json_null() : json_real(value); }
static void set(json_t *object, const char *name, json_t *value) { json_object_set_new(object, name, value); }

static json_t *text(const char *value) {
  char *const valid = escape_invalid_utf8(value);
  json_t *const string = json_string(valid);
  free(valid);
  return string;
}

static json_t *interval(struct interval i) {
  if (i.count == 0) return json_null();
  json_t *const object = json_object();
  set(object, "median", number(i.median));
  set(object, "low", number(i.low));
  set(object, "high", number(i.high));
  set(object, "confidence", number(i.confidence));
  return object;
}

static json_t *figure(const struct bench *b, size_t w, size_t c, enum figure f) {
  const struct summary s = bench_summary(b, w, c, f);
  if (s.count == 0) return json_null();
  json_t *const object = json_object(), *const values = json_array(), *const ratios = json_object();
  set(object, "median", number(s.median));
  set(object, "mean", number(s.mean));
  set(object, "deviation", number(s.deviation));
  for (unsigned round = 0; round < b->options.rounds; round++) json_array_append_new(values, number(*bench_value(b, w, c, f, round)));
  set(object, "rounds", values);
  for (size_t other = 0; other < b->contender_count; other++) {
    if (other == c || (!b->contenders[other].peer && other != bench_reference(b))) continue;
    set(ratios, b->contenders[other].name, interval(bench_ratio(b, (struct cell){w, c}, (struct cell){w, other}, f)));
  }
  set(object, "ratio_to", ratios);
  return object;
}

static json_t *results(const struct bench *b) {
  json_t *const array = json_array();
  for (size_t w = 0; w < b->workload_count; w++) {
    if (b->workloads[w].left_out) continue;
    json_t *const row = json_object(), *const cells = json_array(), *const failed = json_array();
    set(row, "workload", text(b->workloads[w].name));
    const enum workload_kind kind = b->workloads[w].kind;
    if (kind == WORKLOAD_MIXED || kind == WORKLOAD_LATENCY) set(row, "ws", json_integer((json_int_t)b->workloads[w].ws));
    if (kind == WORKLOAD_THREADS || kind == WORKLOAD_LATENCY) set(row, "threads", json_integer(bench_threads(b, &b->workloads[w])));
    if (kind == WORKLOAD_LATENCY) set(row, "warm_up", json_boolean(!b->workloads[w].cold));
    for (size_t c = 0; c < b->contender_count; c++) {
      if (bench_stopped(b, w, c)) json_array_append_new(failed, text(b->contenders[c].name));
      if (bench_summary(b, w, c, FIGURE_speed).count == 0) continue;
      json_t *const cell = json_object();
      set(cell, "name", text(b->contenders[c].name));
      for (enum figure f = 0; f < FIGURE_COUNT; f++) set(cell, bench_figures[f].name, figure(b, w, c, f));
      json_array_append_new(cells, cell);
    }
    set(row, "contenders", cells);
    set(row, "failed", failed);
    json_array_append_new(array, row);
  }
  return array;
}

static json_t *contenders(const struct bench *b) {
  json_t *const array = json_array();
  for (size_t c = 0; c < b->contender_count; c++) {
    json_t *const object = json_object(), *const environment = json_array();
    set(object, "name", text(b->contenders[c].name));
    set(object, "library", text(b->contenders[c].library));
    set(object, "peer", json_boolean(b->contenders[c].peer));
    for (char **variable = b->contenders[c].environment; *variable != NULL; variable++) json_array_append_new(environment, text(*variable));
    set(object, "environment", environment);
    json_array_append_new(array, object);
  }
  return array;
}

static json_t *slowdowns(const struct bench *b) {
  const size_t few = bench_working_set(b, 256), many = bench_working_set(b, 8192);
  if (few == SIZE_MAX || many == SIZE_MAX) return json_null();
  json_t *const object = json_object();
  for (size_t c = 0; c < b->contender_count; c++) {
    set(object, b->contenders[c].name, interval(bench_ratio(b, (struct cell){few, c}, (struct cell){many, c}, FIGURE_speed)));
  }
  return object;
}

/* hakmem against its plain build, which reads no header: what a cold free costs. */
static json_t *cold_frees(const struct bench *b) {
  json_t *const object = json_object();
  for (size_t i = 0; i < BENCH_COLD_SETS; i++) {
    const struct interval r = bench_cold_ratio(b, bench_cold_sets[i]);
    char *const name = must_print("%" PRIu64, bench_cold_sets[i]);
    if (r.count > 0) set(object, name, interval(r));
    free(name);
  }
  return object;
}

static json_t *targets(const struct bench *b) {
  static const char *const names[] = {[VERDICT_MET] = "met",
                                      [VERDICT_NOT_MET] = "not met",
                                      [VERDICT_OPEN] = "not decided",
                                      [VERDICT_TOO_WIDE] = "not decided",
                                      [VERDICT_TOO_FEW] = "too few rounds",
                                      [VERDICT_UNKNOWN] = "not available"};
  size_t count;
  struct judgement *const list = bench_judge(b, &count);
  json_t *const array = json_array();
  for (size_t i = 0; i < count; i++) {
    json_t *const object = json_object();
    set(object, "what", text(list[i].what));
    set(object, "target", text(list[i].target));
    set(object, "against", text(list[i].note));
    set(object, "median", number(list[i].value));
    set(object, "low", number(list[i].low));
    set(object, "high", number(list[i].high));
    set(object, "verdict", json_string(names[list[i].verdict]));
    json_array_append_new(array, object);
  }
  judgements_free(list, count);
  return array;
}

static json_t *machine(void) {
  json_t *const object = json_object();
  char *const cpu = machine_cpu(), *const kernel = machine_kernel();
  set(object, "cpu", text(cpu));
  set(object, "kernel", text(kernel));
  set(object, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
  free(cpu);
  free(kernel);
  return object;
}

static json_t *options(const struct bench *b) {
  const struct bench_options *const o = &b->options;
  json_t *const object = json_object();
  set(object, "rounds", json_integer((json_int_t)o->rounds));
  set(object, "warm_up", json_boolean(o->warm_up));
  set(object, "ops", b->fixed_ops > 0 ? json_integer((json_int_t)b->fixed_ops) : json_null());
  set(object, "seconds", o->seconds > 0 ? json_integer((json_int_t)o->seconds) : json_null());
  set(object, "threads", o->threads > 0 ? json_integer((json_int_t)o->threads) : json_null());
  set(object, "seed", json_integer((json_int_t)o->seed));
  set(object, "min_bytes", json_integer((json_int_t)o->smallest));
  set(object, "max_bytes", json_integer((json_int_t)o->largest));
  set(object, "read", json_boolean(o->read));
  set(object, "processor_time", json_boolean(o->cpu));
  return object;
}

bool bench_print_json(const struct bench *b, FILE *out) {
  json_t *const root = json_object(), *const left_out = json_array(), *const missing = json_array(), *const about = json_object();
  for (size_t i = 0; i < b->left_out_count; i++) json_array_append_new(left_out, text(b->left_out[i]));
  for (enum figure f = FIGURE_cycles; f <= FIGURE_dtlb_misses; f++) {
    if (!bench_has(b, f)) json_array_append_new(missing, json_string(bench_figures[f].name));
  }
  for (enum figure f = 0; f < FIGURE_COUNT; f++) set(about, bench_figures[f].name, json_string(bench_figures[f].text));
  set(root, "schema", json_integer(SCHEMA));
  set(root, "hakmem", json_string(HAKMEM_VERSION));
  set(root, "bench", json_string(b->plan));
  set(root, "machine", machine());
  set(root, "options", options(b));
  set(root, "figures", about);
  set(root, "contenders", contenders(b));
  set(root, "left_out", left_out);
  set(root, "not_available", missing);
  json_t *const interrupted = b->interrupted ? json_object() : json_null();
  if (b->interrupted) {
    set(interrupted, "runs", json_integer((json_int_t)b->done));
    set(interrupted, "planned", json_integer((json_int_t)b->planned));
  }
  set(root, "interrupted", interrupted);
  set(root, "counters_scaled", json_boolean(b->scaled));
  set(root, "results", results(b));
  set(root, "slowdown_256_to_8192", slowdowns(b));
  set(root, "cold_frees", cold_frees(b));
  set(root, "targets", targets(b));
  const bool good = json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0 && fputc('\n', out) != EOF && fflush(out) == 0;
  json_decref(root);
  return good || fail("cannot write the JSON");
}
