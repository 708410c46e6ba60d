/*
 * stats.c: the statistics block, at the start, at the end and around a fork. Nothing here allocates or raises an event.
 */
#include <errno.h>
#include <string.h>

#include "src/alloc/usage.h"
#include "src/platform/config.h"
#include "src/platform/options.h"
#include "src/names/hakmem.h"
#include "src/memory/os.h"
#include "src/platform/syscall.h"
#include "base/build_id.h"
#include "base/clock.h"
#include "stats.h"
#include "stats_file.h"

#define LAST_WAITS 20000 /* of 50 us */

static const char mark[] __attribute__((used)) = STATS_MARK;

_Alignas(4096) struct stats_block stats_own BULK; /* page-aligned: the file has the same pages */

/*
 * A forked child has a copy of its parent's block. Its own block begins with its first count, because most children only call exec or _exit. It
 * begins with the parent's operations, because the child inherits the parent's blocks, and with nothing else.
 */
bool stats_child_begins;
static struct lock child_lock;
/*
 * `own`: the counts that the forking thread had not published. The parent and the child will both publish them. What the other threads had not published is
 * in `allocs` and `frees`: the child has the blocks, and not the threads.
 */
static struct {
  uint64_t allocs, frees, request_samples, request_bytes, request_squares;
  struct operations own;
} inherited[CLASS_ROWS] BULK;

void stats_count(uint32_t cls, uint64_t allocs, uint64_t frees) {
  struct stats_block *b = stats_block();
  if (b->complete) return; /* at the end, this thread has counted the unpublished operations of other threads */
  struct stats_class_counters *c = &b->cls[cls];
  if (allocs != 0) stats_add(&c->allocs, allocs);
  if (frees != 0) stats_add(&c->frees, frees);
}

void stats_request(uint32_t cls, size_t size) {
  struct stats_class_counters *c = &stats_block()->cls[cls];
  stats_add(&c->request_samples, 1);
  stats_add(&c->request_bytes, size);
  stats_add(&c->request_squares, (uint64_t)size * size);
}

/* ---- The block. ---- */

/*
 * The most bytes that were resident so far, as getrusage says, also between two snapshots. What the process had before exec counts there, too; so it is known
 * only when it has grown since the start.
 */
static uint64_t most_at_start;
static uint64_t most_resident(void) {
  struct rusage usage;
  return sys_getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}
uint64_t stats_rss_max(void) {
  const uint64_t most = most_resident();
  return most > most_at_start ? most : 0;
}

uint64_t stats_elapsed_ns(void) { return clock_ns(CLOCK_MONOTONIC) - stats_own.start_monotonic_ns; }

/* What only readers of the file ask for. */
static void fill_in_for_file(struct stats_block *b) {
  struct utsname machine;
  static_assert(sizeof(b->host) == sizeof(machine.nodename), "a name of the kernel fits");
  if (sys_uname(&machine) == 0) memcpy(b->host, machine.nodename, sizeof(b->host));
  build_id_own(b->build_id, sizeof(b->build_id));
}

static void fill_in(struct stats_block *b, const char *program) {
  memcpy(b->magic, STATS_MAGIC, sizeof(b->magic));
  b->version = STATS_VERSION;
  b->classes = CLASS_ROWS;
  b->size = sizeof(*b);
  b->pid = (uint32_t)sys_getpid();
  b->parent_pid = (uint32_t)sys_getppid();
  struct stat namespace;
  b->pid_namespace = config.stats_file[0] != '\0' && sys_stat("/proc/self/ns/pid", &namespace, 0) == 0 ? namespace.st_ino : 0;
  b->complete = 0;
  b->full_tracing = usage_all_events();
  b->start_realtime_ns = clock_ns(CLOCK_REALTIME);
  b->start_monotonic_ns = clock_ns(CLOCK_MONOTONIC);
  most_at_start = most_resident();
  b->block_at = b;
  b->rounds_at = histogram_rounds_at();
  usage_layout(&b->layout);
  b->superslab_size = config_superslab_size();
  b->superslab_limit = config.ss_limit;
  b->drain_interval = config.drain_interval;
  b->sample = config.sample;
  b->release_delay = config.release_delay;
  b->stats_signal = config.stats_signal[0] != '\0' ? (uint32_t)option_signal(config.stats_signal) : 0;
  b->huge_pages = config.huge_pages;
  b->profile = config.profile;
  b->strategy = config.lookup;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) b->stride[cls] = class_stride(cls);
  strncpy(b->program, program, sizeof(b->program) - 1);
  strncpy(b->hakmem_version, hak_version(), sizeof(b->hakmem_version) - 1);
  if (config.stats_file[0] != '\0') fill_in_for_file(b);
}

void stats_start(void) {
  fill_in(&stats_own, program_invocation_name);
  stats_file_start(&stats_own, false);
}

bool stats_tick(uint32_t late_ms) { return config.stats_file[0] != '\0' && stats_file_tick(stats_block(), os_now_ms(), late_ms); }

void stats_publish(void) {
  if (config.stats_file[0] != '\0' && !stats_child_begins) stats_file_write(&stats_own);
}

bool stats_has_file(void) { return config.stats_file[0] != '\0' && !stats_child_begins && stats_file_is_there(&stats_own); }

/*
 * The operations that threads have counted in their lists alone. They are only read: the caller may be a signal handler that interrupted one. Of another
 * thread that is at work, one budget may be missing or count twice.
 */
static void add_unpublished(void) {
  static struct unpublished all; /* of the only call; the stack may be small */
  usage_all_unpublished(&all);
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) stats_count(cls, all.allocs[cls], all.frees[cls]);
}

/*
 * `adder`: the thread that adds what was not published; `added`: it has. Both atomic. At the end of the process and at a call of _exit, in one thread each,
 * it would be added twice; and the thread that comes second must not end the process before the first one is done.
 */
static const char *adder;
static bool added;

bool stats_begin_last(void) {
  static __thread char self __attribute__((tls_model("initial-exec"))); /* its address stands for the thread, without a system call */
  const char *other = NULL;
  if (__atomic_compare_exchange_n(&adder, &other, &self, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) return true;
  if (other == &self) return false; /* a signal handler has interrupted it, or it has done so already */
  for (unsigned i = 0; i < LAST_WAITS && !__atomic_load_n(&added, __ATOMIC_ACQUIRE); i++) sys_sleep_ns(50000);
  return false;
}

void stats_end_last(void) { __atomic_store_n(&added, true, __ATOMIC_RELEASE); }

void stats_exit(void) {
  if (stats_file_is_there(&stats_own)) {
    __atomic_store_n(&stats_own.exited, 1, __ATOMIC_RELAXED);
    if (stats_begin_last()) {
      add_unpublished();
      stats_end_last();
    }
  }
  stats_end();
}

void stats_end(void) {
  if (config.stats_file[0] != '\0' && !stats_child_begins) stats_file_end(&stats_own);
}

/* Returns its whole pages to the kernel: the child shares most of them with its parent. */
static void clear(char *start, char *end) {
  char *const from = (char *)align_up((uintptr_t)start, os_page_size()), *const to = (char *)align_down((uintptr_t)end, os_page_size());
  if (from >= to || sys_madvise(from, (size_t)(to - from), MADV_DONTNEED) != 0) {
    memset(start, 0, (size_t)(end - start));
    return;
  }
  memset(start, 0, (size_t)(from - start));
  memset(to, 0, (size_t)(end - to));
}

/* Clears all but the modules: a forked child's stacks lie in the same objects. */
static void clear_block(void) {
  clear((char *)&stats_own, (char *)stats_own.modules);
  clear((char *)(stats_own.modules + STATS_MODULES), (char *)(&stats_own + 1));
}

void stats_begin_child(void) {
  const uint64_t signals = sys_block_signals(); /* a signal handler may print the statistics */
  bool begun = false;
  lock_take(&child_lock);
  if (stats_child_begins) {
    char program[STATS_TEXT]; /* its parent may have written a title over the name by which it was started */
    memcpy(program, stats_own.program, sizeof(program));
    clear_block();
    for (uint32_t row = 0; row < CLASS_ROWS; row++) {
      stats_own.cls[row] = (struct stats_class_counters){.allocs = inherited[row].allocs,
                                                         .frees = inherited[row].frees,
                                                         .request_samples = inherited[row].request_samples,
                                                         .request_bytes = inherited[row].request_bytes,
                                                         .request_squares = inherited[row].request_squares};
      stats_own.inherited_allocs[row] = inherited[row].allocs + inherited[row].own.allocs;
      stats_own.inherited_frees[row] = inherited[row].frees + inherited[row].own.frees;
    }
    fill_in(&stats_own, program);
    __atomic_store_n(&stats_child_begins, false, __ATOMIC_RELEASE);
    begun = true;
  }
  lock_release(&child_lock);
  if (begun) stats_file_start(&stats_own, true);
  sys_restore_signals(signals);
}

static uint64_t above(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

static bool child_keeps_statistics(void) { return config.stats_file[0] != '\0' || config.stats != 0 || config.stats_signal[0] != '\0'; }

/*
 * Keeps the inherited counts before the fork: afterwards the parent goes on counting in memory that may be shared. Two threads may fork at once, and
 * `inherited` is of one of them. So it is written under the locks of the fork, which the child has, too (tests/models/child.pml).
 */
void stats_fork_inherit(void) {
  static struct unpublished all BULK;
  const struct stats_block *b = &stats_own;
  if (child_keeps_statistics()) usage_all_unpublished(&all);
  for (uint32_t row = 0; row < CLASS_ROWS; row++) {
    const struct stats_class_counters *c = &b->cls[row];
    const struct operations own = row < CLASS_COUNT ? usage_own_unpublished(row) : (struct operations){0};
    inherited[row].own = own;
    inherited[row].allocs = __atomic_load_n(&c->allocs, __ATOMIC_RELAXED) + (row < CLASS_COUNT ? above(all.allocs[row], own.allocs) : 0);
    inherited[row].frees = __atomic_load_n(&c->frees, __ATOMIC_RELAXED) + (row < CLASS_COUNT ? above(all.frees[row], own.frees) : 0);
    inherited[row].request_samples = __atomic_load_n(&c->request_samples, __ATOMIC_RELAXED);
    inherited[row].request_bytes = __atomic_load_n(&c->request_bytes, __ATOMIC_RELAXED);
    inherited[row].request_squares = __atomic_load_n(&c->request_squares, __ATOMIC_RELAXED);
  }
}

void stats_fork_child(void) {
  lock_reset(&child_lock);
  stats_file_fork_child();
  adder = NULL;
  added = false;
  stats_child_begins = child_keeps_statistics();
}
