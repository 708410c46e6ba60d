#include "block.h"

#define CLS 3
#define PATCHES_MOST 256

static struct stats_block block, sound;

/* The members that a reader looks at. Those that are tables of histograms, which are the bulk of the block, come last. */
static const struct {
  size_t offset, size;
} members[] = {
#define MEMBER(name) {offsetof(struct stats_block, name), sizeof(((struct stats_block *)0)->name)},
  /* clang-format off */
  {0, offsetof(struct stats_block, program)}, MEMBER(program) MEMBER(hakmem_version) MEMBER(host) MEMBER(build_id) MEMBER(counters) MEMBER(cls) MEMBER(gauge)
  MEMBER(utilisation) MEMBER(buckets) MEMBER(mapped) MEMBER(committed) MEMBER(untouched) MEMBER(rss) MEMBER(superslabs_active) MEMBER(superslabs_active_max)
  MEMBER(heat) MEMBER(timings) MEMBER(timeline_length) MEMBER(timeline_period_ns) MEMBER(timeline) MEMBER(stacks) MEMBER(modules) MEMBER(incidents)
  MEMBER(inherited_allocs) MEMBER(inherited_frees) MEMBER(idlest) MEMBER(leaks) MEMBER(legacy_refused_max) MEMBER(profile_at) MEMBER(profiles) MEMBER(pins)
  MEMBER(idlest_pins) MEMBER(calls) MEMBER(calls_least_ns) MEMBER(cpu_ns) MEMBER(rss_files) MEMBER(rss_max) MEMBER(threads) MEMBER(idlest_threads) MEMBER(mappings)
  MEMBER(settings) MEMBER(map_period_ns) MEMBER(map_count) MEMBER(map_at) MEMBER(map_made) MEMBER(maps) MEMBER(maps_made)
  MEMBER(lookup) MEMBER(drain) MEMBER(refill) MEMBER(call_times)
  /* clang-format on */
};
#define MEMBERS (sizeof(members) / sizeof(members[0]))

/* ---- A sound block, with a little of everything. ---- */

static void record(struct stats_spans *spans, uint64_t value, unsigned count) {
  const unsigned bucket = histogram_index(value);
  struct histogram_head *const head = &spans->head[CLS];
  head->count += count;
  head->sum += value * count;
  if (head->min_inverted < ~value) head->min_inverted = ~value;
  if (head->max < value) head->max = value;
  const struct histogram_row row = stats_span(spans, CLS);
  uint16_t *const low = &row.low[histogram_place(bucket, row.between)];
  *low = (uint16_t)(*low + count);
}

static void fill_figures(struct stats_block *b) {
  b->cls[CLS].allocs = 1000;
  b->cls[CLS].frees = 900;
  b->cls[CLS].refill_fresh_slab = 4;
  b->cls[CLS].drain_interval = 10;
  b->cls[CLS].shared_fail = 2;
  b->cls[CLS].request_samples = 10;
  b->cls[CLS].request_bytes = 500;
  b->counters.lookup_hit = 100;
  b->counters.hdr_reset = 1;
  b->counters.shared_fail_limit = 2;
  record(&b->lookup, 50, 100);
  record(&b->drain, 1000, 10);
  record(&b->refill, 5000, 4);
  record(&b->call_times.slow[CALL_malloc], 70000, 4);
  record(&b->call_times.fast[CALL_free], 20, 9);
  b->gauge[CLS] = (struct stats_class_gauges){
    .requested = 3000, .allocated = 6400, .active = 65536, .capacity = 1023, .live = 100, .cached_tls = 50, .partial = 873, .slabs = 1};
  b->utilisation[CLS][0] = 1;
  b->buckets = (struct stats_buckets){.live = 6400, .cached_tls = 3200, .partial = 55872, .metadata = 4096};
  b->mapped = 2097152;
  b->committed = 69568;
  b->rss = 160000000;
  b->cpu_ns = 1500000;
  b->timeline_length = 3;
  for (uint64_t i = 0; i < 3; i++)
    b->timeline[i] = (struct stats_moment){.time_ns = i * 1000000, .allocated = 2000 * (i + 1), .committed = 69568, .rss = 200000};
  b->idlest = (struct stats_idlest){.time_ns = 1000000, .idle = 60000, .allocated = 3200, .committed = 69568, .rss = 150000};
}

static void fill_places(struct stats_block *b) {
  b->stacks[0] = (struct stats_stack){.id = 77, .frame_count = 2, .frames = {0x401000, 0x402000}};
  b->stacks[1] = (struct stats_stack){.id = 78, .frame_count = 1, .frames = {0x403000}};
  b->modules[0] = (struct stats_module){.base = 0x400000, .size = 0x10000, .path = "/nowhere/program"};
  b->incidents[0] = (struct stats_incident){.kind = INCIDENT_HDR_RESET, .tid = 7, .count = 1};
  b->incidents[0].hdr_reset = (struct event_hdr_reset){.cls = CLS,
                                                       .stack = 77,
                                                       .base = (const void *)0x1040,
                                                       .left = (const void *)0x1000,
                                                       .expect = 0xa3,
                                                       .verdict = HDR_OFF_BY_ONE_NUL,
                                                       .offset = 64,
                                                       .over = 1,
                                                       .told = 9,
                                                       .alloc_stack = 78,
                                                       .left_stack = 78};
  b->incidents[1] = (struct stats_incident){
    .kind = INCIDENT_SHARED_FAIL, .count = 2, .shared_fail = {.cls = CLS, .reason = FAIL_LIMIT, .active = 4, .limit = 4, .free_blocks = 9, .stack = 77}};
  b->leaks[0] = (struct stats_leak){.kind = LEAK_LOST, .stack = 78, .bytes = 4000, .blocks = 40};
  b->leaks_checked = 1;
  b->profile = 4096;
  b->profile_at[PROFILE_LAST] = 1;
  b->profiles[0] = (struct stats_profile){.time_ns = 1900000, .allocated = 6400, .waste = 59136, .pinned = 50000, .pinned_slabs = 1, .site_count = 1};
  b->profiles[0].sites[0] = (struct stats_site){.stack = 77, .cls = CLS, .oldest_ms = 1};
  b->calls[0] = (struct stats_call){
    .ns = 200000, .time_ns = 100000, .tid = 7, .kind = CALL_malloc, .cls = CLS, .frame_count = 1, .size = 40, .frames = {0x401000}};
  b->threads = (struct stats_threads){.count = 1, .row = {{.tid = 7, .bytes = 3200, .name = "worker"}}};
  b->mappings[0] = (struct stats_mapping){.name = "/nowhere/file", .resident = 100000000};
  b->map_count = b->maps_made = 1;
  b->maps[0] = (struct stats_map){.time_ns = 1000000,
                                  .superslabs = 1,
                                  .slabs = 1,
                                  .superslab_count = 1,
                                  .slab_count = 1,
                                  .base = {0x200000},
                                  .slab = {{.units = 1, .cls = CLS, .live = 100, .capacity = 1023, .stack = 77}}};
}

static void fill(struct stats_block *b) {
  memcpy(b->magic, STATS_MAGIC, sizeof(b->magic));
  b->version = STATS_VERSION;
  b->classes = CLASS_ROWS;
  b->size = sizeof(*b);
  b->pid = 4711;
  b->parent_pid = 1;
  b->complete = 1;
  b->elapsed_ns = 2000000;
  b->start_realtime_ns = 1700000000000000000;
  b->ticks_per_second = 1000000000;
  b->superslab_size = 2097152;
  b->superslab_limit = 4;
  b->sample = 10;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) b->stride[cls] = (uint32_t)class_stride(cls);
  strcpy(b->program, "synthetic");
  strcpy(b->host, "here");
  strcpy(b->hakmem_version, "0.2.0");
  fill_figures(b);
  fill_places(b);
}

/* ---- Patches. ---- */

static struct { size_t at, size; } patched[PATCHES_MOST];
static unsigned patch_count;

static void undo(void) {
  while (patch_count > 0) {
    patch_count--;
    memcpy((char *)&block + patched[patch_count].at, (const char *)&sound + patched[patch_count].at, patched[patch_count].size);
  }
}

static void patch(struct input *in) {
  const size_t member = (size_t)input_number(in, 1) % MEMBERS, offset = (size_t)input_number(in, 2);
  const unsigned form = (unsigned)input_number(in, 1);
  const size_t length = form / 8 + 1u < members[member].size ? form / 8 + 1u : members[member].size, room = members[member].size - length;
  const size_t at = members[member].offset + (form % 2 == 0 ? offset % (room + 1) : room - offset % (room + 1));
  input_copy(in, (char *)&block + at, length);
  patched[patch_count].at = at;
  patched[patch_count++].size = length;
}

struct stats_block *block_of(struct input *in, unsigned most) {
  if (sound.version == 0) {
    fill(&sound);
    fill(&block);
  }
  undo();
  /* A reader ends the texts in it. */
  memcpy(block.modules, sound.modules, sizeof(block.modules));
  memcpy(block.program, sound.program, sizeof(block.program));
  memcpy(block.hakmem_version, sound.hakmem_version, sizeof(block.hakmem_version));
  memcpy(block.host, sound.host, sizeof(block.host));
  memcpy(block.build_id, sound.build_id, sizeof(block.build_id));
  for (unsigned i = 0; i < most && i < PATCHES_MOST && input_left(in) > 0; i++) patch(in);
  return &block;
}

const char *block_file(const struct stats_block *b) {
  static const char zeros[4096];
  static char path[32];
  static int fd = -1;
  if (fd < 0) fd = memfd_create("block", MFD_CLOEXEC);
  MUST(fd >= 0 && ftruncate(fd, 0) == 0 && ftruncate(fd, (off_t)sizeof(*b)) == 0);
  for (size_t at = 0; at < sizeof(*b); at += sizeof(zeros)) {
    const size_t length = sizeof(*b) - at < sizeof(zeros) ? sizeof(*b) - at : sizeof(zeros);
    if (memcmp((const char *)b + at, zeros, length) != 0) MUST(pwrite(fd, (const char *)b + at, length, (off_t)at) == (ssize_t)length);
  }
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  return path;
}
