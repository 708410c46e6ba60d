#include "calls.h"

#include "src/alloc/usage.h"
#include "src/checker_hooks.h"
#include "src/platform/lock.h"
#include "src/memory/os.h"
#include "base/clock.h"
#include "stats.h"

#define PLAIN_TICKS 65536u /* a call that takes longer did not only renew a budget: about 20 us */
#define TRIES 100          /* to write to the table of the longest calls: another thread takes less than a microsecond for that */

/*
 * The call that the thread is in. Stages lie within each other: mappings within a refill, for example. So each stage that ends gives up the time of those
 * that ended within it, which is `inner`.
 */
static __thread struct {
  uint32_t depth;   /* calls within calls: realloc calls malloc, and a sink may */
  uint32_t number;  /* of calls that left the fast path, but for plain frees */
  uint32_t samples; /* on the fast path */
  uint64_t sample_start;
  uint32_t sampled; /* what `number` was when a sample began */
  uint64_t slept_ns;
  uint64_t inner;                          /* ticks */
  uint64_t stage[CALL_STAGE_COUNT];        /* ticks */
  uint64_t recording[CALL_KIND_COUNT + 1]; /* ticks: see recorded() */
} here __attribute__((tls_model("initial-exec")));
__thread bool hub_call_staged; /* some stage has ended since the last call */

/* ---- Stages. ---- */

static uint64_t to_ticks(uint64_t ns) { return (uint64_t)((double)ns * 1e-9 * (double)clock_ticks_per_second()); }

static NOINLINE void take_sleep(void) {
  const uint64_t slept = lock_slept_ns - here.slept_ns;
  here.slept_ns += slept;
  const uint64_t ticks = to_ticks(slept);
  here.stage[CALL_STAGE_lock] += ticks;
  here.inner += ticks;
}

void calls_stage(enum call_stage stage, uint64_t ticks) {
  hub_call_staged = true;
  if (UNLIKELY(lock_slept_ns != here.slept_ns)) take_sleep();
  if (stage == CALL_STAGE_system || stage == CALL_STAGE_statistics) {
    here.stage[stage] += ticks;
    here.inner += ticks;
    return;
  }
  here.stage[stage] += ticks > here.inner ? ticks - here.inner : 0;
  here.inner = stage == CALL_STAGE_refill ? 0 : ticks; /* a drain may lie in a refill */
}

static void forget_stages(void) {
  hub_call_staged = false;
  here.inner = 0;
  for (unsigned i = 0; i < CALL_STAGE_COUNT; i++) here.stage[i] = 0;
}

/* ---- Calls that leave the fast path. ---- */

ALWAYS_INLINE struct histogram_row row_of(struct stats_spans table[CALL_KIND_COUNT], const struct call *call) {
  return stats_span(&table[call->kind], call->cls);
}

void calls_begin(void) {
  if (here.depth++ != 0) return;
  if (UNLIKELY(hub_call_staged)) forget_stages();
  here.slept_ns = lock_slept_ns;
}

/*
 * To the program, a call ends only when it is recorded, in cache lines that are often cold: this may take as long as the rest. A record cannot hold the time
 * that it takes itself. So each holds that of the thread's last record of this kind. The sum of many calls is then right, and their distribution as
 * far as the two parts do not depend on each other. If the kernel interrupted the recording, that stays out: an interrupt is no part of the next call.
 *
 * The readings of the clock are part of the call, and so is their cost.
 */
#define RECORDING_PLAIN CALL_KIND_COUNT /* of frees that only renewed a budget */

ALWAYS_INLINE void recorded(unsigned kind, uint64_t end) {
  const uint64_t ticks = clock_ticks() - end;
  if (LIKELY(ticks < PLAIN_TICKS)) here.recording[kind] = ticks;
}

ALWAYS_INLINE uint64_t count_call(uint64_t ticks, const struct call *call) {
  if (call->cls >= CLASS_ROWS) {
    forget_stages();
    return 0;
  }
  struct stats_block *b = stats_block();
  const uint64_t ns = clock_to_ns(ticks);
  histogram_add_row(row_of(b->call_times.slow, call), ns, 1);
  __atomic_fetch_add(&b->heat.now.count[HEAT_call][stats_heat_row(ns)], 1, __ATOMIC_RELAXED);
  if (UNLIKELY(call->from != CLASS_NONE)) {
    stats_add(&b->cls[call->cls].timed_in, 1);
    stats_add(&b->cls[call->from].timed_out, 1);
  }
  /* calls_describe needs the stages. A leak checker would take the kept times for pointers: with Valgrind they lie among the addresses of blocks. */
  if (UNLIKELY(ns > __atomic_load_n(&b->calls_least_ns, __ATOMIC_RELAXED) && !hub_checked)) return ns;
  forget_stages();
  return 0;
}

/* It only renewed a budget. */
static void count_plain(uint64_t ticks, const struct call *call) {
  if (call->cls >= CLASS_ROWS) return;
  histogram_add_row(row_of(stats_block()->call_times.slow, call), clock_to_ns(ticks), 1);
  if (call->from == CLASS_NONE) return;
  stats_add(&stats_block()->cls[call->cls].timed_in, 1);
  stats_add(&stats_block()->cls[call->from].timed_out, 1);
}

uint64_t calls_end(uint64_t start, const struct call *call) {
  const uint64_t end = clock_ticks();
  if (--here.depth != 0) return 0;
  here.number++;
  const uint64_t ticks = end - start + here.recording[call->kind];
  uint64_t long_ns = 0;
  if (LIKELY(ticks < PLAIN_TICKS && !hub_call_staged)) count_plain(ticks, call);
  else long_ns = count_call(ticks, call);
  recorded(call->kind, end);
  return long_ns;
}

uint64_t calls_end_staged(uint64_t start, const struct call *call) {
  const uint64_t end = clock_ticks();
  if (here.depth != 0) return 0;
  const uint64_t long_ns = count_call(end - start + here.recording[call->kind], call);
  recorded(call->kind, end);
  return long_ns;
}

void calls_end_plain(uint64_t start, const struct call *call) {
  const uint64_t end = clock_ticks();
  if (here.depth != 0) return;
  count_plain(end - start + here.recording[RECORDING_PLAIN], call);
  recorded(RECORDING_PLAIN, end);
}

void calls_none(void) {
  if (--here.depth == 0) forget_stages();
}

/* ---- The longest. ---- */

void calls_describe(struct stats_call *kept, const struct call *call, uint64_t ns) {
  take_sleep();
  const bool early = stats_block()->start_monotonic_ns == 0; /* the statistics have not started yet */
  *kept = (struct stats_call){
    .ns = ns, .time_ns = early ? 0 : stats_elapsed_ns(), .tid = os_thread(), .kind = call->kind, .cls = call->cls, .size = call->size, .writing = 1};
  uint64_t left = ns;
  for (unsigned i = 0; i < CALL_STAGE_COUNT; i++) {
    const uint64_t stage = clock_to_ns(here.stage[i]);
    kept->stage[i] = stage < left ? stage : left;
    left -= kept->stage[i];
  }
  forget_stages();
}

static bool busy; /* atomic; one thread at a time changes the table. A signal handler may have interrupted that thread, so no thread waits for long */

static struct stats_call *shortest(struct stats_block *b) {
  struct stats_call *least = &b->calls[0];
  for (unsigned i = 1; i < STATS_CALLS; i++) {
    if (b->calls[i].ns < least->ns) least = &b->calls[i];
  }
  return least;
}

void calls_keep(const struct stats_call *kept) {
  struct stats_block *b = stats_block();
  for (unsigned i = 0; __atomic_exchange_n(&busy, true, __ATOMIC_ACQUIRE); i++) {
    if (i < TRIES) continue;
    stats_add(&b->calls_missed, 1);
    return;
  }
  struct stats_call *place = shortest(b);
  if (place->ns < kept->ns) {
    __atomic_store_n(&place->writing, 1, __ATOMIC_SEQ_CST);
    *place = *kept;
    __atomic_store_n(&place->writing, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&b->calls_least_ns, shortest(b)->ns, __ATOMIC_RELAXED);
  }
  __atomic_store_n(&busy, false, __ATOMIC_RELEASE);
}

/* The thread that changed the table does not exist in the child, whose table begins empty. */
void calls_fork_child(void) { __atomic_store_n(&busy, false, __ATOMIC_RELAXED); }

/* ---- Samples of the fast path. ---- */

/*
 * To the program, a sampled call takes longer than it would otherwise. So one in SERIES is counted as a call off the fast path, with all of its time, for
 * itself and the others of its series.
 */
#define SERIES 4u
#define SERIES_CALLS 5u /* with those that only warm up the code */

uint64_t calls_sample_begin(bool timed) {
  here.sampled = here.number;
  here.sample_start = timed && here.depth == 0 ? clock_ticks_fenced() : 0;
  return here.sample_start;
}

uint64_t calls_sample_stop(uint64_t start) {
  if (start == 0) return 0;
  const uint64_t span = clock_ticks_fenced() - start, cost = clock_cost_ticks();
  return here.number != here.sampled ? 0 : span > cost ? span - cost : 1;
}

void calls_sample_end(uint64_t ticks, const struct call *call) {
  if (ticks == 0 || call->cls >= CLASS_ROWS) return;
  struct stats_block *b = stats_block();
  const struct histogram_row row = row_of(b->call_times.fast, call);
  const uint64_t ns = clock_to_ns(ticks);
  const uint32_t weight = ns < STATS_LENGTHY_NS ? usage_sample_weight() : 1;
  histogram_add_row(row, ns, (uint16_t)weight);
  stats_add(&row.head->count, (uint64_t)weight * weight);
  if (call->kind != CALL_realloc) {
    if (++here.samples % SERIES == 0) histogram_add_row(row_of(b->call_times.slow, call), clock_to_ns(clock_ticks() - here.sample_start), SERIES_CALLS);
    return;
  }
  if (call->from < CLASS_ROWS) stats_add(&b->cls[call->from].sampled_out, weight);
  else stats_add(&b->cls[call->cls].sampled_stays, weight);
}
