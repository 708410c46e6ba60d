/*
 * dump.c: the statistics as text. No malloc, no stdio, no lock: safe in a signal handler.
 */
#include <unistd.h>

#include "src/alloc/usage.h"
#include "src/platform/message.h"
#include "src/events.h"
#include "base/event_names.h"
#include "base/log_file.h"
#include "statistics/stats.h"
#include "dump.h"

#define BAR_WIDTH 40
#define ALL_TIMED 0.0 /* instead of a number of samples: each was timed, so no figure has an error */
enum timed { TIMED_ALL, TIMED_SOME };

/* One dump. Its target is a descriptor that the program named, or DUMP_TO_LOG. Keeps the first error of write. */
struct dump {
  struct message m;
  int fd, error;
};

static void end_line(struct dump *d) {
  const int error = d->fd == DUMP_TO_LOG ? log_send(&d->m) : message_send(&d->m, d->fd);
  if (d->error == 0) d->error = error;
}

static void line(struct dump *d, const char *text) {
  message_text(&d->m, text);
  end_line(d);
}

/* "  name value unit": the value ends in a fixed column. */
static void value(struct dump *d, const char *name, uint64_t n, const char *unit) {
  message_text(&d->m, "  ");
  message_text(&d->m, name);
  message_number_to(&d->m, n, 76);
  message_text(&d->m, " ");
  message_text(&d->m, unit);
  end_line(d);
}

/*
 * ---- Estimates. ----
 *
 * Their standard errors are those that the report prints (tools/model/calls.c). The library does not use the C library's mathematics.
 */

/* The square root, by Newton's method from above. */
static double root(double square) {
  double at = square > 1 ? square : 1;
  for (double next; (next = (at + square / at) / 2) < at;) at = next;
  return at;
}

static void put_error_to(struct dump *d, double variance, size_t end) { message_number_to(&d->m, (uint64_t)(root(variance) + 0.5), end); }

/* How many samples of equal weight tell as much as these. */
static double samples_of(uint64_t weights, uint64_t squares) {
  const double sum = (double)weights;
  return squares > weights ? sum * sum / (double)squares : sum;
}

/* " +-1.2" behind a mean; nothing if all were timed. */
static void put_mean_error(struct dump *d, const struct histogram *h, double samples) {
  if (samples == ALL_TIMED) return;
  message_text(&d->m, " +-");
  message_fixed(&d->m, (uint64_t)(root(histogram_variance(h) / samples) * 10 + 0.5), 1);
}

/* " (19-21)" behind a quantile: what lies one standard error of its rank to each side; nothing if all were timed. */
static void put_range(struct dump *d, const struct histogram *h, double quantile, double samples) {
  if (samples == ALL_TIMED) return;
  const double error = root(quantile * (1 - quantile) / samples);
  message_text(&d->m, quantile + error > 1 ? " (from " : " (");
  message_number(&d->m, histogram_quantile(h, quantile > error ? quantile - error : 0));
  if (quantile + error <= 1) message_text(&d->m, "-");
  if (quantile + error <= 1) message_number(&d->m, histogram_quantile(h, quantile + error));
  message_text(&d->m, ")");
}

static void class_name(struct message *m, uint32_t row) {
  if (row == CLASS_LARGE) message_text(m, "  large");
  else if (row == CLASS_HUGE) message_text(m, "   huge");
  else message_number_to(m, row, m->length + 7);
}

static bool is_used(const struct stats_block *b, uint32_t row) { return b->cls[row].allocs != 0 || b->gauge[row].slabs != 0; }

static void put_classes(struct dump *d, const struct stats_block *b) {
  line(d, "classes (requested, allocated in bytes; live, cached, capacity in blocks; util%: utilisation, live / capacity;");
  line(d, "  requested is estimated from samples, the last column is its standard error)");
  line(d, "  class stride     requested     allocated       allocs        frees      live    cached  capacity util% +-requested");
  for (uint32_t row = 0; row < CLASS_ROWS; row++) {
    const struct stats_class_gauges *g = &b->gauge[row];
    const struct stats_class_counters *c = &b->cls[row];
    if (!is_used(b, row)) continue;
    struct operations more = {0};
    if (row < CLASS_COUNT && !b->complete) more = usage_unpublished(row); /* else they have been published */
    class_name(&d->m, row);
    if (row < CLASS_COUNT) message_number_to(&d->m, b->stride[row], 14);
    message_number_to(&d->m, g->requested, 28);
    message_number_to(&d->m, g->allocated, 42);
    message_number_to(&d->m, c->allocs + more.allocs, 55);
    message_number_to(&d->m, c->frees + more.frees, 68);
    message_number_to(&d->m, g->live, 78);
    message_number_to(&d->m, g->cached_tls + g->cached_pool, 88);
    message_number_to(&d->m, g->capacity, 98);
    message_number_to(&d->m, g->capacity != 0 ? g->live * 100 / g->capacity : 0, 104);
    put_error_to(d, row < CLASS_COUNT ? (double)stats_requested_variance(c, g->live, b->stride[row]) : 0, 116);
    end_line(d);
  }
}

/* Slabs with few live blocks, if there are any. */
static void put_pins(struct dump *d, const struct stats_block *b) {
  bool any = false;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const struct stats_pins *pins = &b->pins[cls];
    if (pins->slabs == 0) continue;
    if (!any) line(d, "slabs with few live blocks: time since a block was last taken from them (ms)");
    if (!any) line(d, "  class     slabs   free bytes         mean      longest");
    any = true;
    class_name(&d->m, cls);
    message_number_to(&d->m, pins->slabs, 17);
    message_number_to(&d->m, pins->free, 30);
    message_number_to(&d->m, pins->idle_ms / pins->slabs, 43);
    message_number_to(&d->m, pins->longest_ms, 56);
    end_line(d);
  }
}

static void put_movements(struct dump *d, const struct stats_block *b) {
  line(d, "refills (by source) and drains (by reason)");
  line(d, "  class     spare     batch   partial fresh_slab   fresh_ss    legacy    blocks | interval   length     exit     trim     idle    blocks");
  for (uint32_t row = 0; row < CLASS_COUNT; row++) {
    const struct stats_class_counters *c = &b->cls[row];
    if (c->refill_blocks == 0) continue;
    class_name(&d->m, row);
    message_number_to(&d->m, c->refill_spare, 17);
    message_number_to(&d->m, c->refill_batch, 27);
    message_number_to(&d->m, c->refill_partial, 37);
    message_number_to(&d->m, c->refill_fresh_slab, 48);
    message_number_to(&d->m, c->refill_fresh_superslab, 59);
    message_number_to(&d->m, c->refill_legacy, 69);
    message_number_to(&d->m, c->refill_blocks, 79);
    message_text(&d->m, " |");
    message_number_to(&d->m, c->drain_interval, 90);
    message_number_to(&d->m, c->drain_length, 99);
    message_number_to(&d->m, c->drain_exit, 108);
    message_number_to(&d->m, c->drain_trim, 117);
    message_number_to(&d->m, c->drain_idle, 126);
    message_number_to(&d->m, c->drain_blocks, 136);
    end_line(d);
  }
}

/* Each power of two has a line: coarser bars would hide the tail. `samples`: ALL_TIMED, or how many it was made of. */
static void put_histogram(struct dump *d, const char *name, const struct histogram *h, double samples) {
  message_text(&d->m, name);
  if (h->count == 0) {
    line(d, ": none");
    return;
  }
  static const struct {
    const char *name;
    double quantile;
  } points[] = {{" p50=", 0.5}, {" p90=", 0.9}, {" p99=", 0.99}, {" p99.9=", 0.999}};
  message_text(&d->m, " (ns): count=");
  message_number(&d->m, h->count);
  message_text(&d->m, " mean=");
  message_fixed(&d->m, h->sum * 10 / h->count, 1);
  put_mean_error(d, h, samples);
  for (size_t i = 0; i < ARRAY_LENGTH(points); i++) {
    message_text(&d->m, points[i].name);
    message_number(&d->m, histogram_quantile(h, points[i].quantile));
    put_range(d, h, points[i].quantile, samples);
  }
  message_text(&d->m, " max=");
  message_number(&d->m, h->max);
  end_line(d);
  uint64_t octave[HISTOGRAM_VALUE_BITS + 1] = {0}, most = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    const uint64_t lower = histogram_lower(i);
    const unsigned o = lower == 0 ? 0 : 64u - (unsigned)__builtin_clzll(lower);
    octave[o] += h->bucket[i];
    if (octave[o] > most) most = octave[o];
  }
  for (unsigned o = 0; o <= HISTOGRAM_VALUE_BITS; o++) {
    if (octave[o] == 0) continue;
    message_text(&d->m, "  >=");
    message_number_to(&d->m, o == 0 ? 0 : (uint64_t)1 << (o - 1), 14);
    message_number_to(&d->m, octave[o], 26);
    message_text(&d->m, "  ");
    for (uint64_t bar = octave[o] * BAR_WIDTH / most; bar > 0; bar--) message_text(&d->m, "#");
    end_line(d);
  }
}

/* NOINLINE: the histogram takes 5 KiB of a stack that may have 16. So there are never two at a time, nor one in the caller's frame. */
static NOINLINE void put_merged(struct dump *d, const char *name, struct stats_spans *rows, enum timed timed) {
  struct histogram all = {0};
  for (uint32_t row = 0; row < CLASS_ROWS; row++) {
    if (rows->head[row].count != 0) histogram_merge_row(&all, stats_span(rows, row));
  }
  put_histogram(d, name, &all, timed == TIMED_ALL ? ALL_TIMED : (double)all.count);
}

static NOINLINE void put_timing(struct dump *d, const char *name, struct stats_block *b, enum stats_timing timing) {
  struct histogram all = {0};
  histogram_merge_row(&all, stats_timing(&b->timings, timing));
  put_histogram(d, name, &all, ALL_TIMED);
}

/* One line for each stage that a refill reached. */
static NOINLINE void put_stages(struct dump *d, struct stats_block *b) {
#define STAGE_MEANING(name, text) #name " (" text ")",
  static const char *const stages[] = {REFILL_STAGES(STAGE_MEANING)};
  line(d, "stages of a refill (ns; the first three: one refill in 16; the others: all refills that reached them)");
  for (unsigned i = 0; i < STAGE_COUNT; i++) {
    if (b->timings.head[i].count == 0) continue;
    struct histogram all = {0}, *const h = &all;
    histogram_merge_row(h, stats_timing(&b->timings, i));
    const double samples = STAGE_IS_SAMPLED(i) ? (double)h->count : ALL_TIMED;
    message_text(&d->m, "  ");
    message_text(&d->m, stages[i]);
    message_number_to(&d->m, h->count, 66);
    message_text(&d->m, " mean=");
    message_fixed(&d->m, h->sum * 10 / h->count, 1);
    put_mean_error(d, h, samples);
    message_text(&d->m, " p99=");
    message_number(&d->m, histogram_quantile(h, 0.99));
    put_range(d, h, 0.99, samples);
    message_text(&d->m, " max=");
    message_number(&d->m, h->max);
    end_line(d);
  }
}

/* ---- Whole calls. ---- */

#define CALL_NAME(name, text) #name,
static const char *const call_kinds[] = {CALL_KINDS(CALL_NAME)}, *const call_stages[] = {CALL_STAGES(CALL_NAME)};

/* All classes of a kind, if there are any. The rows have no count: see struct stats_call_times. NOINLINE as above. */
static NOINLINE void put_calls_of(struct dump *d, struct stats_spans *rows, const char *kind, const char *how, enum timed timed) {
  struct histogram all = {0};
  uint64_t squares = 0;
  for (uint32_t row = 0; row < CLASS_ROWS; row++) {
    squares += rows->head[row].count;
    if ((rows->head[row].max | rows->head[row].sum) != 0) histogram_merge_row(&all, stats_span(rows, row));
  }
  histogram_complete(&all);
  if (all.count == 0) return;
  message_text(&d->m, kind);
  put_histogram(d, how, &all, timed == TIMED_ALL ? ALL_TIMED : samples_of(all.count, squares));
}

static void put_long_call(struct dump *d, const struct stats_call *call) {
  uint64_t rest = call->ns;
  message_text(&d->m, "  ");
  message_number(&d->m, call->ns);
  message_text(&d->m, " in ");
  message_text(&d->m, call_kinds[call->kind]);
  message_text(&d->m, ", class");
  class_name(&d->m, call->cls);
  message_text(&d->m, ", size ");
  message_number(&d->m, call->size);
  message_text(&d->m, ", thread ");
  message_number(&d->m, call->tid);
  message_text(&d->m, ", after ");
  message_fixed(&d->m, call->time_ns / 1000000, 3);
  message_text(&d->m, " s:");
  for (unsigned i = 0; i < CALL_STAGE_COUNT; i++) {
    if (call->stage[i] == 0) continue;
    rest -= call->stage[i];
    message_text(&d->m, " ");
    message_text(&d->m, call_stages[i]);
    message_text(&d->m, " ");
    message_number(&d->m, call->stage[i]);
  }
  message_text(&d->m, " rest ");
  message_number(&d->m, rest);
  end_line(d);
}

static void put_calls(struct dump *d, struct stats_block *b) {
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
    put_calls_of(d, &b->call_times.slow[kind], call_kinds[kind], " off the fast path", TIMED_ALL);
    put_calls_of(d, &b->call_times.fast[kind], call_kinds[kind], ", a sample of the other calls", TIMED_SOME);
  }
  line(d, "longest calls (ns)");
  for (unsigned i = 0; i < STATS_CALLS; i++) {
    const struct stats_call *call = &b->calls[i];
    if (call->ns != 0 && call->writing == 0) put_long_call(d, call);
  }
}

static void put_latencies(struct dump *d, struct stats_block *b) {
  const struct stats_counters *c = &b->counters;
  message_text(&d->m, "lookups (strategy ");
  message_text(&d->m, event_names_lookup_strategy[b->strategy]);
  message_text(&d->m, b->full_tracing ? ", every free timed): hit=" : ", sampled): hit=");
  message_number(&d->m, c->lookup_hit);
  message_text(&d->m, " legacy=");
  message_number(&d->m, c->lookup_legacy);
  message_text(&d->m, " foreign=");
  message_number(&d->m, c->lookup_foreign);
  message_text(&d->m, " probes=");
  message_number(&d->m, c->lookup_probes);
  end_line(d);
  put_calls(d, b);
  put_merged(d, "lookup", &b->lookup, TIMED_SOME);
  put_merged(d, "refill", &b->refill, TIMED_ALL);
  put_stages(d, b);
  put_merged(d, "drain", &b->drain, TIMED_ALL);
  put_timing(d, "legacy", b, TIMING_LEGACY);
  put_timing(d, "map", b, TIMING_MAP);
}

static void put_troubles(struct dump *d, const struct stats_block *b) {
  uint64_t calls = 0, bytes = 0;
  for (uint32_t row = 0; row < CLASS_ROWS; row++) {
    calls += b->cls[row].legacy_calls;
    bytes += b->cls[row].legacy_bytes;
  }
  line(d, "counters");
#define PUT_COUNTER(name, text) value(d, text, b->counters.name, "");
  STATS_COUNTERS(PUT_COUNTER)
  value(d, "legacy calls", calls, "");
  value(d, "legacy bytes", bytes, "bytes");
}

static void put_memory(struct dump *d, const struct stats_block *b) {
  line(d, "memory");
#define PUT_BUCKET(name, text) value(d, text, b->buckets.name, "bytes");
  STATS_BUCKETS(PUT_BUCKET)
  value(d, "committed: the sum of these", b->committed, "bytes");
  value(d, "not touched yet, so without memory", b->untouched, "bytes");
  value(d, "resident, as the kernel says", b->rss, "bytes");
  if (b->rss_max != 0) value(d, "resident at most", b->rss_max, "bytes");
  const int64_t residual = (int64_t)(b->rss - (b->committed - b->untouched));
  if (residual < 0) value(d, "residual: more named than resident", (uint64_t)-residual, "bytes");
  else value(d, "residual: the program's own code, data and stacks", (uint64_t)residual, "bytes");
  value(d, "of which pages of files: code, and data never written to", b->rss_files, "bytes");
  value(d, "address space mapped", b->mapped, "bytes");
  value(d, "SuperSlabs now", b->superslabs_active, "");
}

#define SITES_SHOWN 10

/* The profile of HAKMEM_PROFILE at the last moment; `hakmem report` names the stacks. */
static void put_sites(struct dump *d, const struct stats_block *b) {
  const uint32_t place = __atomic_load_n(&b->profile_at[PROFILE_LAST], __ATOMIC_ACQUIRE);
  if (place == 0 || place > ARRAY_LENGTH(b->profiles)) return;
  const struct stats_profile *p = &b->profiles[place - 1];
  line(d, "live heap by allocation site (estimated from samples, in bytes; waste: share of the free bytes in the slabs of the blocks;");
  line(d, "  pinned: the part of it in slabs with few live blocks; the last four columns are the standard errors)");
  line(d, "   stack  class   samples        blocks     allocated         waste        pinned  oldest ms  +-blocks +-allocated     +-waste    +-pinned");
  const uint32_t count = p->site_count < SITES_SHOWN ? p->site_count : SITES_SHOWN;
  for (uint32_t i = 0; i < count; i++) {
    const struct stats_site *site = &p->sites[i];
    message_number_to(&d->m, site->stack, 8);
    class_name(&d->m, site->cls);
    message_number_to(&d->m, (uint64_t)site->samples, 25);
    message_number_to(&d->m, (uint64_t)(site->blocks + 0.5), 39);
    message_number_to(&d->m, (uint64_t)site->allocated, 53);
    message_number_to(&d->m, (uint64_t)site->waste, 67);
    message_number_to(&d->m, (uint64_t)site->pinned, 81);
    message_number_to(&d->m, site->oldest_ms, 92);
    put_error_to(d, site->blocks_variance, 102);
    put_error_to(d, site->allocated_variance, 114);
    put_error_to(d, site->waste_variance, 126);
    put_error_to(d, site->pinned_variance, 138);
    end_line(d);
  }
  value(d, "sites that are not shown", p->site_count - count + p->rest_count, "");
  value(d, "waste in all slabs with blocks in use", p->waste, "bytes");
  value(d, "of these, pinned", p->pinned, "bytes");
}

static void put_own_malloc(struct dump *d, const struct stats_block *b) {
  for (unsigned i = 0; i < STATS_MODULES && __atomic_load_n(&b->modules[i].size, __ATOMIC_ACQUIRE) != 0; i++) {
    if (b->modules[i].serves == 0) continue;
    message_text(&d->m, "The program calls the malloc of ");
    message_quoted(&d->m, b->modules[i].path);
    message_text(&d->m, ": hakmem sees only the blocks that this malloc takes from it.");
    return end_line(d);
  }
}

int dump_write(int fd) {
  struct stats_block *b = stats_block();
  struct dump d = {.fd = fd};
  message_start(&d.m);
  message_text(&d.m, "hakmem ");
  message_text(&d.m, b->hakmem_version);
  message_text(&d.m, " statistics: ");
  message_quoted(&d.m, b->program);
  message_text(&d.m, ", pid ");
  message_number(&d.m, b->pid);
  message_text(&d.m, ", after ");
  message_fixed(&d.m, __atomic_load_n(&b->elapsed_ns, __ATOMIC_RELAXED) / 1000000, 3);
  message_text(&d.m, " s");
  end_line(&d);
  put_own_malloc(&d, b);
  put_classes(&d, b);
  put_pins(&d, b);
  put_movements(&d, b);
  put_latencies(&d, b);
  put_troubles(&d, b);
  put_memory(&d, b);
  put_sites(&d, b);
  return d.error;
}
