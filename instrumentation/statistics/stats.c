/*
 * stats.c: the statistics sink, and the block that it counts into. All additions are relaxed and atomic; nothing here
 * allocates, locks or calls anything that raises an event.
 */
#include <errno.h>
#include <string.h>

#include "src/platform/config.h"
#include "src/names/hakmem.h"
#include "src/memory/os.h"
#include "src/platform/syscall.h"
#include "src/threads/tls_sll.h"
#include "clock.h"
#include "hub.h"

static const char mark[] __attribute__((used)) = STATS_MARK;

static _Alignas(4096) struct stats_block block BULK; /* the pages of the file are its pages */

/*
 * A forked child has a copy of its parent's block. Its own begins with its first count: most children only call exec or _exit. It begins with the parent's
 * operations, because the child has inherited the parent's blocks, and with nothing else.
 */
static bool child_begins; /* atomic */
static struct lock child_lock;
/* `own_`: what the forking thread had not published: the parent and the child both will. */
static struct { uint64_t allocs, frees, own_allocs, own_frees, request_samples, request_bytes; } inherited[CLASS_ROWS] BULK;

static void begin_child(void);

struct stats_block *stats_block(void) {
  if (UNLIKELY(__atomic_load_n(&child_begins, __ATOMIC_ACQUIRE))) begin_child();
  return &block;
}

static void add(uint64_t *counter, uint64_t n) { __atomic_fetch_add(counter, n, __ATOMIC_RELAXED); }

void stats_count(uint32_t cls, uint64_t allocs, uint64_t frees) {
  struct stats_block *b = stats_block();
  if (b->complete) return; /* at the end, what other threads had not published was counted for them */
  struct stats_class_counters *c = &b->cls[cls];
  if (allocs != 0) add(&c->allocs, allocs);
  if (frees != 0) add(&c->frees, frees);
}

void stats_request(uint32_t cls, size_t size) {
  struct stats_class_counters *c = &stats_block()->cls[cls];
  add(&c->request_samples, 1);
  add(&c->request_bytes, size);
}

void stats_reentered(void) { add(&stats_block()->counters.reentered, 1); }

static void record_span(struct stats_spans *spans, uint32_t cls, uint64_t ticks) {
  histogram_record_row(stats_span(spans, cls), clock_to_ns(ticks));
}

static void record_timing(struct stats_block *b, unsigned timing, uint64_t ticks) {
  histogram_record_row(stats_timing(&b->timings, timing), clock_to_ns(ticks));
}

/* ---- The sink. ---- */

static void on_superslab_lookup(const struct event_superslab_lookup *e) {
  struct stats_block *b = stats_block();
  add(e->result == LOOKUP_HIT ? &b->counters.lookup_hit
      : e->result == LOOKUP_LEGACY ? &b->counters.lookup_legacy : &b->counters.lookup_foreign, 1);
  add(&b->counters.lookup_probes, e->probes);
  if (e->probes == 1) add(&b->counters.lookup_first_probe, 1);
  if (e->cls < CLASS_ROWS) record_span(&b->lookup, e->cls, e->ticks);
}

static void raise_to(uint64_t *most, uint64_t value) {
  uint64_t before = __atomic_load_n(most, __ATOMIC_RELAXED);
  while (before < value && !__atomic_compare_exchange_n(most, &before, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
}

static void set_active(uint64_t active) {
  struct stats_block *b = stats_block();
  __atomic_store_n(&b->superslabs_active, active, __ATOMIC_RELAXED);
  raise_to(&b->superslabs_active_max, active);
}

static void on_superslab_acquire(const struct event_superslab_acquire *e) {
  add(&stats_block()->counters.superslab_acquire, 1);
  set_active(e->active);
}

static void on_superslab_release(const struct event_superslab_release *e) {
  add(&stats_block()->counters.superslab_release, 1);
  set_active(e->active);
}

static void on_slab_acquire(const struct event_slab_acquire *e) { add(&stats_block()->cls[e->cls].slab_acquire, 1); }
static void on_slab_release(const struct event_slab_release *e) { add(&stats_block()->cls[e->cls].slab_release, 1); }

static void on_tls_sll_refill(const struct event_tls_sll_refill *e) {
  struct stats_block *b = stats_block();
  struct stats_class_counters *c = &b->cls[e->cls];
  uint64_t *const by_source[refill_source_count] = {
    [REFILL_SPARE] = &c->refill_spare, [REFILL_BATCH] = &c->refill_batch, [REFILL_PARTIAL] = &c->refill_partial,
    [REFILL_FRESH_SLAB] = &c->refill_fresh_slab, [REFILL_FRESH_SUPERSLAB] = &c->refill_fresh_superslab,
    [REFILL_LEGACY] = &c->refill_legacy};
  add(by_source[e->source], 1);
  add(&c->refill_blocks, e->blocks);
  record_span(&b->refill, e->cls, e->ticks);
  static_assert(STAGE_COUNT == STATS_STAGES, "every stage has a histogram");
#define RECORD_STAGE(name, text) if (e->name##_ticks != 0) record_timing(b, STAGE_##name, e->name##_ticks);
  REFILL_STAGES(RECORD_STAGE)
}

static void on_tls_sll_drain(const struct event_tls_sll_drain *e) {
  struct stats_block *b = stats_block();
  struct stats_class_counters *c = &b->cls[e->cls];
  uint64_t *const by_reason[drain_reason_count] = {
    [DRAIN_INTERVAL] = &c->drain_interval, [DRAIN_LENGTH] = &c->drain_length,
    [DRAIN_EXIT] = &c->drain_exit, [DRAIN_TRIM] = &c->drain_trim, [DRAIN_IDLE] = &c->drain_idle};
  add(by_reason[e->reason], 1);
  add(&c->drain_blocks, e->moved);
  add(&c->drain_slabs, e->slabs);
  record_span(&b->drain, e->cls, e->ticks);
}

static void on_shared_fail(const struct event_shared_fail *e) {
  struct stats_block *b = stats_block();
  uint64_t *const by_reason[fail_reason_count] = {
    [FAIL_LIMIT] = &b->counters.shared_fail_limit, [FAIL_OS_ENOMEM] = &b->counters.shared_fail_os_enomem,
    [FAIL_NO_ADDRESS_SPACE] = &b->counters.shared_fail_no_address_space};
  add(by_reason[e->reason], 1);
  add(&b->cls[e->cls].shared_fail, 1);
  incident_shared_fail(e);
}

static void on_legacy_fallback(const struct event_legacy_fallback *e) {
  struct stats_block *b = stats_block();
  add(&b->cls[e->cls].legacy_calls, 1);
  add(&b->cls[e->cls].legacy_bytes, e->size);
  record_timing(b, TIMING_LEGACY, e->ticks);
  raise_to(&b->legacy_refused_max, e->refused);
}

static void on_hdr_reset(const struct event_hdr_reset *e) {
  struct stats_block *b = stats_block();
  add(&b->counters.hdr_reset, 1);
  if (e->cls < CLASS_ROWS) add(&b->cls[e->cls].hdr_reset, 1);
  incident_hdr_reset(e);
}

static void on_os_map(const struct event_os_map *e) {
  struct stats_block *b = stats_block();
  add(&b->counters.os_map, 1);
  add(&b->counters.os_map_bytes, e->size);
  record_timing(b, TIMING_MAP, e->ticks);
}

static void on_os_unmap(const struct event_os_unmap *e) {
  add(&stats_block()->counters.os_unmap, 1);
  add(&stats_block()->counters.os_unmap_bytes, e->size);
  add(&stats_block()->counters.os_unmap_ns, clock_to_ns(e->ticks));
}

static void on_os_purge(const struct event_os_purge *e) {
  add(&stats_block()->counters.os_purge, 1);
  add(&stats_block()->counters.os_purge_bytes, e->size);
  add(&stats_block()->counters.os_purge_ns, clock_to_ns(e->ticks));
}

static void on_thread_start(const struct event_thread_start *e) {
  (void)e;
  add(&stats_block()->counters.thread_start, 1);
}

static void on_thread_exit(const struct event_thread_exit *e) {
  (void)e;
  add(&stats_block()->counters.thread_exit, 1);
}

static void on_deepbind(const struct event_deepbind *e) {
  (void)e;
  add(&stats_block()->counters.deepbind, 1);
}

/* At the end of the process, by one thread. */
static void on_leak(const struct event_leak *e) {
  struct stats_block *b = stats_block();
  stacks_publish(e->stack);
  for (unsigned i = 0; i < STATS_LEAKS; i++) {
    if (b->leaks[i].blocks != 0) continue;
    b->leaks[i] = (struct stats_leak){.kind = e->kind, .stack = e->stack, .bytes = e->bytes, .blocks = e->blocks};
    return;
  }
}

static void on_end_check(const struct event_end_check *e) {
  struct stats_block *b = stats_block();
  add(&b->counters.end_blocks, e->blocks);
  add(&b->counters.end_checked, e->checked);
}

const struct hak_event_sink stats_sink = {
  .superslab_lookup = on_superslab_lookup, .superslab_acquire = on_superslab_acquire,
  .superslab_release = on_superslab_release, .slab_acquire = on_slab_acquire, .slab_release = on_slab_release,
  .tls_sll_refill = on_tls_sll_refill, .tls_sll_drain = on_tls_sll_drain, .shared_fail = on_shared_fail,
  .legacy_fallback = on_legacy_fallback, .hdr_reset = on_hdr_reset, .os_map = on_os_map, .os_unmap = on_os_unmap,
  .os_purge = on_os_purge, .thread_start = on_thread_start, .thread_exit = on_thread_exit, .leak = on_leak,
  .deepbind = on_deepbind, .end_check = on_end_check};

/* ---- The block. ---- */

static uint64_t start_ns; /* monotonic, for the same moment as start_realtime_ns */

uint64_t stats_elapsed_ns(void) { return clock_ns(CLOCK_MONOTONIC) - start_ns; }

static void fill_in(struct stats_block *b) {
  memcpy(b->magic, STATS_MAGIC, sizeof(b->magic));
  b->version = STATS_VERSION;
  b->classes = CLASS_ROWS;
  b->size = sizeof(*b);
  b->pid = (uint32_t)sys_getpid();
  b->parent_pid = (uint32_t)sys_getppid();
  struct stat namespace;
  b->pid_namespace = config.stats_file[0] != '\0' && sys_stat("/proc/self/ns/pid", &namespace, 0) == 0 ? namespace.st_ino : 0;
  b->complete = 0;
  b->full_tracing = sll_goes_slow();
  b->start_realtime_ns = clock_ns(CLOCK_REALTIME);
  start_ns = clock_ns(CLOCK_MONOTONIC);
  b->superslab_size = config_superslab_size();
  b->superslab_limit = config.ss_limit;
  b->drain_interval = config.drain_interval;
  b->sample = config.sample;
  b->release_delay = config.release_delay;
  b->huge_pages = config.huge_pages;
  b->profile = config.profile;
  b->strategy = config.lookup;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) b->stride[cls] = class_stride(cls);
  strncpy(b->program, program_invocation_name, sizeof(b->program) - 1);
  strncpy(b->hakmem_version, hak_version(), sizeof(b->hakmem_version) - 1);
}

void stats_start(void) {
  fill_in(&block);
  stats_file_start(&block, false);
}

void stats_tick(void) {
  if (config.stats_file[0] != '\0') stats_file_tick(stats_block(), os_now_ms());
}

void stats_publish(void) {
  if (config.stats_file[0] != '\0' && !child_begins) stats_file_write(&block);
}

bool stats_has_file(void) { return config.stats_file[0] != '\0' && !child_begins && stats_file_is_there(&block); }

void stats_exit(void) {
  if (stats_file_is_there(&block)) block.exited = 1;
  stats_end();
}

void stats_end(void) {
  if (config.stats_file[0] != '\0' && !child_begins) stats_file_end(&block);
}

/* The whole pages of it are given back: most of them the child has in common with its parent. */
static void clear(char *start, char *end) {
  char *const from = (char *)align_up((uintptr_t)start, os_page_size()), *const to = (char *)align_down((uintptr_t)end, os_page_size());
  if (from >= to || sys_madvise(from, (size_t)(to - from), MADV_DONTNEED) != 0) {
    memset(start, 0, (size_t)(end - start));
    return;
  }
  memset(start, 0, (size_t)(from - start));
  memset(to, 0, (size_t)(end - to));
}

/* All but the modules: a forked child's stacks lie in the same objects. */
static void clear_block(void) {
  clear((char *)&block, (char *)block.modules);
  clear((char *)(block.modules + STATS_MODULES), (char *)(&block + 1));
}

static void begin_child(void) {
  const uint64_t signals = sys_block_signals(); /* a handler may print the statistics */
  bool begun = false;
  lock_take(&child_lock);
  if (child_begins) {
    clear_block();
    for (uint32_t row = 0; row < CLASS_ROWS; row++) {
      block.cls[row] = (struct stats_class_counters){
        .allocs = inherited[row].allocs, .frees = inherited[row].frees,
        .request_samples = inherited[row].request_samples, .request_bytes = inherited[row].request_bytes};
      block.inherited_allocs[row] = inherited[row].allocs + inherited[row].own_allocs;
      block.inherited_frees[row] = inherited[row].frees + inherited[row].own_frees;
    }
    fill_in(&block);
    __atomic_store_n(&child_begins, false, __ATOMIC_RELEASE);
    begun = true;
  }
  lock_release(&child_lock);
  if (begun) stats_file_start(&block, true);
  sys_restore_signals(signals);
}

/* What the child inherits is kept before the fork: afterwards the parent goes on counting in what may be a shared file. */
void stats_fork_prepare(void) {
  const struct stats_block *b = stats_block();
  for (uint32_t row = 0; row < CLASS_ROWS; row++) {
    const struct stats_class_counters *c = &b->cls[row];
    inherited[row].allocs = __atomic_load_n(&c->allocs, __ATOMIC_RELAXED);
    inherited[row].frees = __atomic_load_n(&c->frees, __ATOMIC_RELAXED);
    if (row < CLASS_COUNT) sll_unpublished(row, &inherited[row].own_allocs, &inherited[row].own_frees);
    inherited[row].request_samples = __atomic_load_n(&c->request_samples, __ATOMIC_RELAXED);
    inherited[row].request_bytes = __atomic_load_n(&c->request_bytes, __ATOMIC_RELAXED);
  }
}

void stats_fork_child(void) {
  lock_reset(&child_lock);
  stats_file_fork_child();
  child_begins = config.stats_file[0] != '\0' || config.stats != 0 || config.stats_signal[0] != '\0';
}
