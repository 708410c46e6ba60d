/*
 * bench_plans.c: the plans: the workloads and contenders of each `hakmem bench`, and their default length.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_measure.h"
#include "common/error.h"
#include "session/library.h"
#include "common/memory.h"
#include "words/plans.h"

static char *const phase8_sets[] = {(char *)"256", (char *)"8192", (char *)"65536", (char *)"1048576", NULL};
static char *const latency_sets[] = {(char *)"8192", (char *)"200000", NULL};
static char *const latency_threads[] = {(char *)"1", (char *)"2", NULL};
static char *const two_sets[] = {(char *)"256", (char *)"8192", NULL};
static char *const ss_sizes[] = {(char *)"512K", (char *)"1M", (char *)"2M", (char *)"4M", NULL};
static char *const drains[] = {(char *)"512", (char *)"1024", (char *)"2048", (char *)"4096", (char *)"8192", (char *)"0", NULL};
static char *const lookups[] = {(char *)"directory", (char *)"hash", (char *)"linear", NULL};

#define MOST_TRACED 8192 /* the most slots of the working sets in which tracing is compared */

static struct workload *add_workload(struct bench *b, enum workload_kind kind, const char *name, uint64_t ws) {
  b->workloads = must_grow(b->workloads, b->workload_count, &b->workload_capacity, sizeof(*b->workloads));
  const bool both = kind == WORKLOAD_MIXED ? ws <= MOST_TRACED : kind == WORKLOAD_START || strcmp(name, "redis") == 0 || strcmp(name, "python3") == 0;
  struct workload *const w = &b->workloads[b->workload_count++];
  *w = (struct workload){.kind = kind, .name = must_copy(name), .ws = ws, .cost = both};
  return w;
}

static void add_working_sets(struct bench *b, char *const *standard) {
  for (char *const *ws = b->options.working_sets != NULL ? b->options.working_sets : standard; *ws != NULL; ws++) {
    char *const name = must_print("random_mixed %s", *ws);
    add_workload(b, WORKLOAD_MIXED, name, strtoull(*ws, NULL, 10));
    free(name);
  }
}

static bool add_phase8(struct bench *b) {
  add_working_sets(b, phase8_sets);
  return true;
}

static bool plan_scale(struct bench *b) {
  char *sets[17] = {NULL};
  for (unsigned i = 0; i < 16; i++) sets[i] = must_print("%lu", 64ul << i);
  add_working_sets(b, sets);
  for (unsigned i = 0; i < 16; i++) free(sets[i]);
  return bench_find_allocators(b);
}

/* Every combination of the three settings; the first contender found is the pattern for the others. */
static bool plan_sweep(struct bench *b) {
  static char *ours[] = {(char *)"hakmem", NULL};
  char *const *const sizes = b->options.ss_sizes != NULL ? b->options.ss_sizes : ss_sizes;
  char *const *const intervals = b->options.drains != NULL ? b->options.drains : drains;
  char *const *const strategies = b->options.lookups != NULL ? b->options.lookups : lookups;
  add_working_sets(b, two_sets);
  b->options.allocators = ours;
  if (!bench_find_allocators(b)) return false;
  const struct contender first = b->contenders[0];
  b->contender_count = 0;
  for (char *const *size = sizes; *size != NULL; size++) {
    for (char *const *interval = intervals; *interval != NULL; interval++) {
      for (char *const *strategy = strategies; *strategy != NULL; strategy++) {
        char *const name = must_print("%s %s %s", *size, strcmp(*interval, "0") == 0 ? "off" : *interval, *strategy);
        struct contender *const c = bench_add_contender(b, name, first.library);
        for (size_t i = 0; first.environment[i] != NULL; i++) c->environment[i] = must_copy(first.environment[i]);
        bench_set_variable(c, "HAKMEM_SS_SIZE", *size);
        bench_set_variable(c, "HAKMEM_DRAIN_INTERVAL", *interval);
        bench_set_variable(c, "HAKMEM_LOOKUP", *strategy);
        free(name);
      }
    }
  }
  for (size_t i = 0; first.environment[i] != NULL; i++) free(first.environment[i]);
  free(first.environment);
  free(first.name);
  free(first.library);
  return true;
}

/* hakmem with the tracepoints: idle, recorded, recorded in full. */
static bool add_traced(struct bench *b) {
  const size_t ours = bench_contender(b, "hakmem");
  char *const provider = ours != SIZE_MAX ? library_find(LIBRARY_TRACEPOINTS) : NULL;
  if (ours == SIZE_MAX) return true;
  if (provider == NULL) {
    bench_leave_out(b, "tracing: %s", failure());
    return true;
  }
  char *const both = must_print("%s:%s", b->contenders[ours].library, provider);
  static const struct {
    const char *name;
    bool recorded, full;
  } states[] = {{"tracing idle", false, false}, {"recording", true, false}, {"full tracing", true, true}};
  for (unsigned i = 0; i < 3; i++) {
    struct contender *const c = bench_add_contender(b, states[i].name, both);
    for (size_t v = 0; b->contenders[ours].environment[v] != NULL; v++) {
      c->environment[v] = must_copy(b->contenders[ours].environment[v]);
    }
    c->traced = true;
    c->recorded = states[i].recorded;
    c->full = states[i].full;
  }
  free(both);
  free(provider);
  return true;
}

static void add_start(struct bench *b) { add_workload(b, WORKLOAD_START, "start of /bin/true", 0); }

static bool plan_cost(struct bench *b) {
  add_working_sets(b, two_sets);
  add_workload(b, WORKLOAD_PROGRAM, "redis", 0);
  add_workload(b, WORKLOAD_PROGRAM, "python3", 0);
  add_start(b);
  if (!bench_find_allocators(b)) return false;
  for (size_t i = 0; i < b->contender_count; i++) b->contenders[i].only_start = b->contenders[i].peer;
  return add_traced(b);
}

/* Each working set by one thread and by two, warm and cold. */
static bool add_latency(struct bench *b) {
  static char *one[] = {NULL, NULL};
  char *const *counts = b->options.thread_counts != NULL ? b->options.thread_counts : latency_threads;
  char *const given = b->options.threads > 0 ? must_print("%u", b->options.threads) : NULL;
  if (given != NULL && b->options.thread_counts == NULL) {
    one[0] = given;
    counts = one;
  }
  for (char *const *ws = b->options.working_sets != NULL ? b->options.working_sets : latency_sets; *ws != NULL; ws++) {
    for (char *const *count = counts; *count != NULL; count++) {
      for (unsigned cold = 0; cold < 2; cold++) {
        char *const name = must_print("latency %s %s thread%s%s", *ws, *count, strcmp(*count, "1") == 0 ? "" : "s", cold ? " cold" : "");
        struct workload *const w = add_workload(b, WORKLOAD_LATENCY, name, strtoull(*ws, NULL, 10));
        w->threads = (unsigned)strtoul(*count, NULL, 10);
        w->cold = cold;
        free(name);
      }
    }
  }
  free(given);
  return true;
}

/* A workload of bench_threads, once for each number of threads. */
static void add_in_program(struct bench *b, const char *program, const char *name) {
  if (b->options.thread_counts == NULL) {
    struct workload *const w = add_workload(b, WORKLOAD_THREADS, name, 0);
    w->program = program;
    w->in_program = must_copy(name);
  }
  for (char **count = b->options.thread_counts; count != NULL && *count != NULL; count++) {
    char *const longer = must_print("%s %s threads", name, *count);
    struct workload *const w = add_workload(b, WORKLOAD_THREADS, longer, 0);
    w->program = program;
    w->in_program = must_copy(name);
    w->threads = (unsigned)strtoul(*count, NULL, 10);
    free(longer);
  }
}

/* The names at the start of the lines that `program` --list prints. */
static bool add_listed(struct bench *b, const char *program) {
  char *argv[] = {bench_program(program), (char *)"--list", NULL}, *rest;
  struct measured m = {0};
  const bool good = argv[0] != NULL && measure_run(&m, &(struct measure){.argv = argv, .directory = b->directory});
  for (char *line = good ? strtok_r(m.output, "\n", &rest) : NULL; line != NULL; line = strtok_r(NULL, "\n", &rest)) {
    line[strcspn(line, " ")] = '\0';
    add_in_program(b, program, line);
  }
  measure_free(&m);
  free(argv[0]);
  return good;
}

/* A build without a C++ compiler has no bench_threads_cxx. */
static bool add_threads(struct bench *b) {
  if (!add_listed(b, "bench_threads")) return false;
  char *const cxx = bench_program("bench_threads_cxx");
  if (cxx == NULL) bench_leave_out(b, "the programs in C++: hakmem was built without a C++ compiler (Debian package g++)");
  free(cxx);
  return cxx == NULL || add_listed(b, "bench_threads_cxx");
}

static bool add_programs(struct bench *b) {
  char **const names = bench_scripts();
  for (char **name = names; name != NULL && *name != NULL; name++) {
    add_workload(b, WORKLOAD_PROGRAM, *name, 0);
    free(*name);
  }
  free(names);
  return names != NULL;
}

static bool add_memory(struct bench *b) {
  add_workload(b, WORKLOAD_MEMORY, "burst", 0);
  add_workload(b, WORKLOAD_MEMORY, "burst trimmed", 0);
  b->workloads[b->workload_count - 1].trim = true;
  return true;
}

static bool plan_phase8(struct bench *b) { return add_phase8(b) && bench_find_allocators(b); }
static bool plan_latency(struct bench *b) { return add_latency(b) && bench_find_allocators(b); }
static bool plan_threads(struct bench *b) { return add_threads(b) && bench_find_allocators(b); }
static bool plan_programs(struct bench *b) { return add_programs(b) && bench_find_allocators(b); }
static bool plan_memory(struct bench *b) { return add_memory(b) && bench_find_allocators(b); }

/* Each workload with targets, once. Those of `cost' are in the other plans, and traced there, too. */
static bool plan_all(struct bench *b) {
  if (!add_phase8(b) || !add_latency(b) || !add_threads(b) || !add_programs(b)) return false;
  add_start(b);
  return add_memory(b) && bench_find_allocators(b) && add_traced(b);
}

static const struct plan {
  const char *name;
  bool (*make)(struct bench *b);
  unsigned rounds;
  uint64_t ops;
} plans[] = {
#define PLAN_ENTRY(name, rounds, ops) {#name, plan_##name, rounds, ops},
  PLANS(PLAN_ENTRY)};

/* Sets the failure: which workloads there are. */
static bool has_none(const struct bench *b, const char *name) {
  char *list = must_copy("");
  for (size_t i = 0; i < b->workload_count; i++) must_list(&list, ", ", b->workloads[i].name);
  fail("bench %s has no workload %s; it has: %s", b->plan, name, list);
  free(list);
  return false;
}

/* Whether the workload's name is `name`, or begins with it as whole words: `larson' for "larson 4 threads". */
static bool is_named(const struct workload *w, const char *name, bool exactly) {
  const size_t length = strlen(name);
  return strncmp(w->name, name, length) == 0 && (w->name[length] == '\0' || (!exactly && w->name[length] == ' '));
}

static bool any_is_named(const struct bench *b, const char *name, bool exactly) {
  for (size_t i = 0; i < b->workload_count; i++) {
    if (is_named(&b->workloads[i], name, exactly)) return true;
  }
  return false;
}

/* Whether --workloads names it. The start of a name counts only if no workload has the name itself: `burst' is not "burst trimmed". */
static bool is_wanted(const struct bench *b, const struct workload *w) {
  for (char **name = b->options.names; name != NULL && *name != NULL; name++) {
    if (is_named(w, *name, any_is_named(b, *name, true))) return true;
  }
  return b->options.names == NULL;
}

/* Keeps only the workloads of --workloads. */
static bool choose(struct bench *b) {
  for (char **name = b->options.names; name != NULL && *name != NULL; name++) {
    b->misused = !any_is_named(b, *name, false);
    if (b->misused) return has_none(b, *name);
  }
  bool *const wanted = must_allocate(b->workload_count * sizeof(*wanted));
  for (size_t i = 0; i < b->workload_count; i++) wanted[i] = is_wanted(b, &b->workloads[i]);
  size_t kept = 0;
  for (size_t i = 0; i < b->workload_count; i++) {
    if (wanted[i]) {
      b->workloads[kept++] = b->workloads[i];
    } else {
      free(b->workloads[i].name);
      free(b->workloads[i].in_program);
    }
  }
  free(wanted);
  b->workload_count = kept;
  return true;
}

bool bench_plan(struct bench *b) {
  for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
    const struct plan *const plan = &plans[i];
    if (strcmp(plan->name, b->plan) != 0) continue;
    if (b->options.rounds == 0) b->options.rounds = plan->rounds;
    b->fixed_ops = b->options.ops > 0 ? b->options.ops : plan->ops;
    return plan->make(b) && choose(b);
  }
  return fail("there is no plan %s; hakmem bench --help lists them", b->plan);
}

bool bench_has_plan(const char *name) {
  for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
    if (strcmp(plans[i].name, name) == 0) return true;
  }
  return false;
}
