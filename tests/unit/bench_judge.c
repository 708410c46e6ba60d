/* The verdicts of the benchmarks: rounds that are made up here go through the real bookkeeping to the real judge. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "tools/bench/bench.h"
#include "tools/bench/bench_measure.h"
#include "tools/common/progress.h"

enum { ROUNDS = 6, PEER, HAKMEM };

/* How fast hakmem is in each round; the peer's speed is always 1. */
static const double *ratios;

bool bench_run_one(struct bench *b, size_t workload, size_t contender, unsigned round, bool warm_up) {
  cr_assert(!warm_up);
  *bench_value(b, workload, contender, FIGURE_speed, round) = b->contenders[contender].peer ? 1 : ratios[round];
  return true;
}

bool bench_simulate(struct bench *b, size_t workload, size_t contender) { return b == NULL && workload == contender; }
int measure_interrupted(void) { return 0; }
double measure_now(void) { return 0; }
void progress_start(const char *what) { (void)what; }
void progress_update(uint64_t done, uint64_t total, const char *unit) { (void)done, (void)total, (void)unit; }
void progress_clear(void) {}

/* The verdict of plan `programs` about one program: hakmem is to be no slower than the best peer. */
static struct judgement judge_program(const double speeds[ROUNDS]) {
  struct contender contenders[] = {{.name = (char[]){"glibc"}, .peer = true}, {.name = (char[]){"hakmem"}}};
  struct workload workload = {.kind = WORKLOAD_PROGRAM, .name = (char[]){"a program"}};
  struct bench b = {.plan = "programs", .options.rounds = ROUNDS, .contenders = contenders, .contender_count = 2, .workloads = &workload, .workload_count = 1};
  ratios = speeds;
  cr_assert(bench_run(&b));
  size_t count;
  struct judgement *const list = bench_judge(&b, &count);
  cr_assert_geq(count, 1);
  cr_assert_str_eq(list[0].what, "hakmem, a program against the best peer");
  const struct judgement j = list[0]; /* its figures; its words are freed below */
  judgements_free(list, count);
  free(b.values);
  free(b.stopped);
  return j;
}

#define EXPECT(expected, ...) \
  do { \
    const struct judgement j = judge_program((const double[ROUNDS]){__VA_ARGS__}); \
    cr_assert_eq(j.verdict, expected, "%.3f [%.3f, %.3f] is '%s', not '%s'", j.value, j.low, j.high, verdict_names[j.verdict], verdict_names[expected]); \
  } while (0)

Test(bench_judge, an_interval_on_one_side_decides) {
  EXPECT(VERDICT_MET, 1.01, 1.02, 1.03, 1.04, 1.05, 1.06);
  EXPECT(VERDICT_NOT_MET, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99);
}

Test(bench_judge, a_wide_interval_on_one_side_decides_too) {
  EXPECT(VERDICT_MET, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6);
  EXPECT(VERDICT_NOT_MET, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95);
}

Test(bench_judge, no_slower_within_a_narrow_interval) { EXPECT(VERDICT_MET, 0.96, 0.97, 0.98, 0.99, 1.00, 1.01); }

/* More noise must not mean more targets met. */
Test(bench_judge, a_wide_interval_that_reaches_the_target_decides_nothing) {
  EXPECT(VERDICT_TOO_WIDE, 0.5, 0.6, 0.7, 0.8, 0.9, 1.01);
  EXPECT(VERDICT_TOO_WIDE, 0.92, 0.97, 0.98, 0.99, 1.00, 1.03);
}

Test(bench_judge, the_width_is_a_share_of_the_median) {
  EXPECT(VERDICT_MET, 0.955, 0.97, 1, 1, 1.02, 1.05);
  EXPECT(VERDICT_TOO_WIDE, 0.955, 0.97, 1, 1, 1.02, 1.056);
}
