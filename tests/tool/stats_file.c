/*
 * stats_file: writes a statistics file whose every figure is known, without the library.
 *
 *   stats_file FILE [NAME=NUMBER...] [program=TEXT] [host=TEXT] [cut=BYTES] [random=SEED]
 *
 * With random=, all counters, some histograms, the host (of three) and the process are as the seed has it. Zero pages are holes, as in the library's files.
 *
 * What is in it (of class 3, stride 64): 1000 allocations, 900 frees, 100 lookups of 1 to 100 ns, 10 drains of 1000 ns, four
 * refills of 5000 ns, a slab with 10 of 1023 blocks live, a timeline of three moments, one header reset and two shared_fails.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "statistics/stats_block.h"
#include "events.h"

#define CLS 3

static struct stats_block block;

static const struct {
  const char *name;
  size_t offset, size;
} fields[] = {
#define FIELD(name, member) \
  { name, offsetof(struct stats_block, member), sizeof(((struct stats_block *)0)->member) }
  FIELD("version", version),
  FIELD("publication", publication),
  FIELD("classes", classes),
  FIELD("size", size),
  FIELD("pid", pid),
  FIELD("start", start_realtime_ns),
  FIELD("complete", complete),
  FIELD("strategy", strategy),
  FIELD("timeline_length", timeline_length),
  FIELD("frame_count", stacks[0].frame_count),
  FIELD("kind", incidents[0].kind),
  FIELD("leak_kind", leaks[0].kind),
  FIELD("leak_bytes", leaks[1].bytes),
  FIELD("leak_blocks", leaks[0].blocks),
  FIELD("alloc_thread", incidents[0].hdr_reset.alloc_thread),
  FIELD("left_stack", incidents[0].hdr_reset.left_stack),
  FIELD("cls", incidents[0].hdr_reset.cls),
  FIELD("verdict", incidents[0].hdr_reset.verdict),
  FIELD("reason", incidents[1].shared_fail.reason),
  FIELD("bucket", lookup.high[CLS * HISTOGRAM_STEPS + 7]),
  FIELD("count", lookup.head[CLS].count),
  FIELD("stage_bucket", timings.high[0][0][7]),
  FIELD("max", lookup.head[CLS].max),
  FIELD("min_inverted", lookup.head[CLS].min_inverted),
  FIELD("sum", lookup.head[CLS].sum),
  FIELD("reentered", counters.reentered),
  FIELD("live", buckets.live),
  FIELD("rss", rss),
  FIELD("untouched", untouched),
  FIELD("rss_max", rss_max),
  FIELD("stacks_missed", stacks_missed),
  FIELD("os_unmap_bytes", counters.os_unmap_bytes),
  FIELD("superslab_release", counters.superslab_release),
  FIELD("elapsed_ns", elapsed_ns),
  FIELD("request_samples", cls[CLS].request_samples),
  FIELD("request_bytes", cls[CLS].request_bytes),
  FIELD("superslab_size", superslab_size),
  FIELD("error", incidents[1].shared_fail.error),
  FIELD("idle_bytes", incidents[1].shared_fail.idle_bytes),
  FIELD("holder", incidents[1].shared_fail.holder),
  FIELD("others", incidents[1].shared_fail.others),
  FIELD("units", incidents[1].shared_fail.units),
  FIELD("drain_interval", drain_interval),
  FIELD("release_delay", release_delay),
  FIELD("active", incidents[1].shared_fail.active),
  FIELD("superslab_limit", superslab_limit),
  FIELD("legacy_refused_max", legacy_refused_max),
  FIELD("idle", idlest.idle),
  FIELD("active_max", superslabs_active_max),
  FIELD("allocs", cls[CLS].allocs),
  FIELD("frees", cls[CLS].frees),
  FIELD("squares", counters.lookup_probe_squares),
  FIELD("exited", exited),
  FIELD("checksum", checksum),
  FIELD("snapshot_ns", snapshot_ns),
  FIELD("untouched_ns", untouched_ns),
  FIELD("programs_replaced", programs_replaced),
  FIELD("moment_rss", timeline[1].rss),
  FIELD("hdr_reset", counters.hdr_reset),
  FIELD("inherited_allocs", inherited_allocs[CLS]),
  FIELD("inherited_frees", inherited_frees[CLS]),
};

/* The place of a bucket: octave by octave, side by side with those of the up to 32 classes of its table. */
static uint16_t *low_of(struct stats_spans *spans, uint32_t cls, unsigned bucket) {
  const uint32_t row = cls % 32, first = cls - row, rows = CLASS_ROWS - first < 32 ? CLASS_ROWS - first : 32;
  return &spans->low[first * HISTOGRAM_BUCKETS + (bucket / HISTOGRAM_STEPS * rows + row) * HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS];
}
static_assert(CLS < 32, "the first table");

/* As histogram_record_row does, but its source is not linked: a test must not check the code with itself. */
static void record(struct stats_spans *spans, uint64_t value, unsigned bucket) {
  struct histogram_head *head = &spans->head[CLS];
  head->count++;
  head->sum += value;
  *low_of(spans, CLS, bucket) += 1;
  if (head->min_inverted < ~value) head->min_inverted = ~value;
  if (head->max < value) head->max = value;
}

static unsigned bucket_of(uint64_t value) {
  unsigned shift = 0;
  while (value >> shift >= HISTOGRAM_LINEAR) shift++;
  return (unsigned)((value >> shift) + shift * HISTOGRAM_STEPS);
}

static void fill_counts(void) {
  block.cls[CLS].allocs = 1000;
  block.cls[CLS].frees = 900;
  block.cls[CLS].refill_batch = 1;
  block.cls[CLS].refill_fresh_slab = 3;
  block.cls[CLS].drain_interval = 10;
  block.cls[CLS].shared_fail = 2;
  block.counters.lookup_hit = 100;
  block.counters.hdr_reset = 1;
  block.counters.shared_fail_limit = 2;
  for (uint64_t ns = 1; ns <= 100; ns++) record(&block.lookup, ns, bucket_of(ns));
  for (int i = 0; i < 10; i++) record(&block.drain, 1000, bucket_of(1000));
  for (int i = 0; i < 4; i++) record(&block.refill, 5000, bucket_of(5000));
}

static void fill_memory(void) {
  block.gauge[CLS] = (struct stats_class_gauges){
    .requested = 3000, .allocated = 6400, .active = 65536, .capacity = 1023, .live = 100, .cached_tls = 50, .partial = 873, .slabs = 1};
  block.utilisation[CLS][0] = 1;
  block.buckets = (struct stats_buckets){.live = 6400, .cached_tls = 3200, .partial = 55872, .metadata = 4096};
  block.mapped = 2097152;
  block.committed = 69568;
  block.untouched = 9568;
  block.rss = 160000;
  block.snapshot_ns = block.untouched_ns = 2000000;
  block.timeline_length = 3;
  for (uint64_t i = 0; i < 3; i++) {
    block.timeline[i] = (struct stats_moment){.time_ns = i * 1000000,
                                              .requested = 1000 * (i + 1),
                                              .allocated = 2000 * (i + 1),
                                              .active = 65536,
                                              .committed = 69568,
                                              .mapped = 2097152,
                                              .rss = 200000 - i * 20000};
  }
}

static void fill_incidents(void) {
  block.stacks[0] = (struct stats_stack){.id = 77, .frame_count = 2, .frames = {0x401000, 0x402000}};
  block.stacks[1] = (struct stats_stack){.id = 78, .frame_count = 1, .frames = {0x403000}};
  block.modules[0] = (struct stats_module){.base = 0x400000, .size = 0x10000, .offset = 0};
  strcpy(block.modules[0].path, "/nowhere/\033[31mevil");
  block.incidents[0] = (struct stats_incident){.kind = INCIDENT_HDR_RESET, .count = 1};
  block.incidents[0].hdr_reset = (struct event_hdr_reset){.cls = CLS,
                                                          .stack = 77,
                                                          .base = (const void *)0x1040,
                                                          .left = (const void *)0x1000,
                                                          .got = 0,
                                                          .expect = 0xa3,
                                                          .verdict = HDR_OFF_BY_ONE_NUL,
                                                          .offset = 64,
                                                          .over = 1,
                                                          .told = 9,
                                                          .good_ago_ms = 11,
                                                          .good_thread = 21,
                                                          .alloc_ago_ms = 12,
                                                          .alloc_thread = 22,
                                                          .alloc_stack = 78,
                                                          .free_ago_ms = 13,
                                                          .free_thread = 23,
                                                          .free_stack = 77,
                                                          .left_stack = 78};
  block.incidents[1] = (struct stats_incident){
    .kind = INCIDENT_SHARED_FAIL, .count = 2, .shared_fail = {.cls = CLS, .reason = FAIL_LIMIT, .active = 4, .limit = 4, .free_blocks = 9}};
}

static void fill_leaks(void) {
  block.leaks[0] = (struct stats_leak){.kind = LEAK_LOST, .stack = 78, .bytes = 4000, .blocks = 40};
  block.leaks[1] = (struct stats_leak){.kind = LEAK_INDIRECT, .stack = 77, .bytes = 100, .blocks = 1};
  block.leaks[2] = (struct stats_leak){.kind = LEAK_REACHABLE, .stack = 0, .bytes = 20480, .blocks = 2};
}

static void fill(void) {
  memcpy(block.magic, STATS_MAGIC, sizeof(block.magic));
  block.version = STATS_VERSION;
  block.classes = CLASS_ROWS;
  block.size = sizeof(block);
  block.pid = 4711;
  block.parent_pid = 1;
  block.complete = 1;
  block.elapsed_ns = 2000000;
  block.superslab_size = 2097152;
  block.superslab_limit = 4;
  block.sample = 10;
  block.strategy = STRATEGY_HASH;
  strcpy(block.program, "synthetic");
  strcpy(block.hakmem_version, "0.1.0");
  fill_counts();
  fill_memory();
  fill_incidents();
  fill_leaks();
}

/* ---- random= ---- */

static uint64_t state;

static uint64_t below(uint64_t limit) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (state >> 33) % limit;
}

static void randomize_spans(struct stats_spans *spans) {
  for (unsigned i = 0; i < 40; i++) {
    const uint64_t value = (uint64_t)1 << below(30), ns = value + below(value);
    const uint32_t cls = (uint32_t)(below(4) * 31 + 2);
    const unsigned bucket = bucket_of(ns);
    struct histogram_head *const head = &spans->head[cls];
    *low_of(spans, cls, bucket) += 1;
    head->count++;
    head->sum += ns;
    if (head->min_inverted < ~ns) head->min_inverted = ~ns;
    if (head->max < ns) head->max = ns;
  }
}

static void randomize(uint64_t seed) {
  uint64_t *const counters = (uint64_t *)&block.counters, *const classes = (uint64_t *)&block.cls;
  state = seed * 2654435761u + 1;
  below(2);
  block.pid = (uint32_t)(1000 + seed);
  block.start_realtime_ns = 1700000000000000000u + below(1000000000);
  block.elapsed_ns = 1000000 + below(1000000000);
  block.cpu_ns = below(1000000000);
  block.strategy = (uint32_t)below(lookup_strategy_count);
  block.sample = 10 + below(2);
  block.complete = (uint32_t)below(2);
  snprintf(block.host, sizeof(block.host), "host%u", (unsigned)(seed % 3));
  for (size_t i = 0; i < sizeof(block.counters) / sizeof(uint64_t); i++) counters[i] = below(1000000);
  for (size_t i = 0; i < sizeof(block.cls) / (sizeof(uint64_t)); i++) classes[i] = below(1000000);
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) block.cls[cls].frees = below(block.cls[cls].allocs + 1);
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) block.pins[cls] = (struct stats_pins){below(9), below(9999), below(9999), below(9999)};
  block.buckets.live = below(1000000);
  block.rss = 1000000 + below(1000000);
  block.superslabs_active_max = below(100);
  randomize_spans(&block.lookup);
  randomize_spans(&block.drain);
  randomize_spans(&block.refill);
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) randomize_spans(&block.call_times.slow[kind]), randomize_spans(&block.call_times.fast[kind]);
}

static bool write_file(FILE *file, size_t size) {
  static const char zeros[4096];
  bool good = true;
  for (size_t at = 0; at < size; at += sizeof(zeros)) {
    const size_t length = size - at < sizeof(zeros) ? size - at : sizeof(zeros);
    const char *const from = (const char *)&block + at;
    if (memcmp(from, zeros, length) != 0) good = good && fseek(file, (long)at, SEEK_SET) == 0 && fwrite(from, length, 1, file) == 1;
  }
  return good && fflush(file) == 0 && ftruncate(fileno(file), (off_t)size) == 0;
}

static void set(const char *name, const char *value) {
  for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
    if (strcmp(fields[i].name, name) != 0) continue;
    const uint64_t number = strtoull(value, NULL, 0); /* little-endian, as every machine that hakmem runs on */
    memcpy((char *)&block + fields[i].offset, &number, fields[i].size);
    return;
  }
  fprintf(stderr, "stats_file: there is no field %s\n", name);
  exit(2);
}

int main(int argc, char **argv) {
  size_t size = sizeof(block);
  fill();
  for (int i = 2; i < argc; i++) {
    char *const value = strchr(argv[i], '=');
    if (value == NULL) return 2;
    *value = '\0';
    if (strcmp(argv[i], "cut") == 0) size = strtoull(value + 1, NULL, 0);
    else if (strcmp(argv[i], "program") == 0) strncpy(block.program, value + 1, sizeof(block.program));
    else if (strcmp(argv[i], "host") == 0) strncpy(block.host, value + 1, sizeof(block.host) - 1);
    else if (strcmp(argv[i], "random") == 0) randomize(strtoull(value + 1, NULL, 0));
    else set(argv[i], value + 1);
  }
  FILE *const file = argc > 1 ? fopen(argv[1], "w") : NULL;
  return file != NULL && write_file(file, size) && fclose(file) == 0 ? 0 : 1;
}
