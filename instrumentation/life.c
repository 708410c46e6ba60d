/*
 * life.c: when the instrumentation works: at the start, on the schedule, on request, around a fork, at the end.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "src/checker_hooks.h"
#include "src/memory/os.h"
#include "src/names/hakmem.h"
#include "src/platform/config.h"
#include "src/platform/message.h"
#include "src/platform/options.h"
#include "src/probe.h"
#include "src/alloc/usage.h"
#include "base/clock.h"
#include "base/inside.h"
#include "checkers/checker.h"
#include "control/control.h"
#include "incidents/fault.h"
#include "incidents/leaks.h"
#include "sinks/flight.h"
#include "sinks/log.h"
#include "sinks/tracer.h"
#include "snapshots/dump.h"
#include "snapshots/mappings.h"
#include "snapshots/sites.h"
#include "snapshots/snapshot.h"
#include "stacks/modules.h"
#include "stacks/stacks.h"
#include "statistics/calls.h"
#include "statistics/stats.h"

static bool watched;              /* statistics were asked for */
static uint64_t next_snapshot_ms; /* atomic */

/* Whether statistics or a tracer were asked for. Only then the schedule takes snapshots. */
static bool is_watched(void) { return watched || tracer_is_listened(); }

/* ---- Schedule and requests. ---- */

/* Takes a snapshot if one is due. */
static bool tick_snapshot(void) {
  const bool listened = tracer_greet();
  const uint32_t interval = __atomic_load_n(&config.fragmentation, __ATOMIC_RELAXED);
  if (interval == 0 || !(watched || listened)) return false;
  const uint64_t now = os_now_ms();
  uint64_t due = __atomic_load_n(&next_snapshot_ms, __ATOMIC_RELAXED);
  if (now < due) return false;
  const uint64_t pause = snapshot_pause_ms(), next = now + (pause > interval ? pause : interval);
  if (!__atomic_compare_exchange_n(&next_snapshot_ms, &due, next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return false;
  const uint64_t start = clock_ticks();
  snapshot_take(false, false);
  if (listened) {
    tracer_raise_process();
    snapshot_raise();
  }
  calls_stage(CALL_STAGE_statistics, clock_ticks() - start);
  return true;
}

/* The file waits a little after a snapshot, so that not one call of the program bears both. A thread that works is back long before that. */
#define FILE_WAITS_MS 20

void hub_on_tick(void) {
  if (inside_event) return;
  const bool taken = tick_snapshot();
  const uint64_t start = clock_ticks();
  if (stats_tick(taken ? FILE_WAITS_MS : 0)) calls_stage(CALL_STAGE_statistics, clock_ticks() - start);
  control_tick();
}

int hub_on_read(struct hak_stats *out, size_t size) {
  calls_begin();
  snapshot_take(true, false);
  calls_none();
  const struct stats_block *s = stats_block();
  struct hak_stats all = {.committed = s->committed,
                          .mapped = s->mapped,
                          .superslabs = s->superslabs_active,
                          .header_resets = s->counters.hdr_reset,
                          .shared_fails = s->counters.shared_fail_limit + s->counters.shared_fail_os_enomem + s->counters.shared_fail_no_address_space};
  for (uint32_t row = 0; row < CLASS_ROWS; row++) {
    const struct stats_class_counters *c = &s->cls[row];
    struct operations more = {0};
    if (row < CLASS_COUNT && !s->complete) more = usage_unpublished(row); /* else they have been published */
    all.allocs += c->allocs + more.allocs;
    all.frees += c->frees + more.frees;
    all.requested += s->gauge[row].requested;
    all.allocated += s->gauge[row].allocated;
    all.active += s->gauge[row].active;
    all.legacy_calls += c->legacy_calls;
    all.refills += stats_refills(c);
    all.drains += stats_drains(c);
  }
  all.live = all.allocs - all.frees;
  memcpy(out, &all, size < sizeof(all) ? size : sizeof(all));
  return 0;
}

int hub_on_dump(int fd) {
  snapshot_take(true, true); /* the caller may be a signal handler */
  return dump_write(fd);
}

static void on_signal(int signal) {
  (void)signal;
  const int saved = errno;
  if (!control_signal()) hub_dump(DUMP_TO_LOG); /* `hakmem trim --signal` only wakes the process */
  errno = saved;
}

static void install_signal(void) {
  if (config.stats_signal[0] == '\0') return;
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  const int number = option_signal(config.stats_signal);
  if (number != 0 && sigaction(number, &action, NULL) == 0) return;
  struct message m;
  message_start(&m);
  message_text(&m, "hakmem: HAKMEM_STATS_SIGNAL=");
  message_quoted(&m, config.stats_signal);
  message_text(&m, " is not a signal that can be caught (use a name such as USR2, or its number); hakmem writes statistics at no signal");
  message_error(&m);
}

/* ---- Start, end and forks. ---- */

void hub_on_start(void) {
  clock_start();
  watched = config.stats != 0 || config.stats_file[0] != '\0' || config.stats_signal[0] != '\0';
  log_start();
  stats_start();
  flight_start();
  control_start();
  if (checker != NULL) checker->hold();
  inside_stack = true; /* libunwind's own allocations while it opens are not the program's */
  stacks_start(tracer_is_listened());
  inside_stack = false;
  if (checker != NULL) checker->release();
  install_signal();
  if (is_watched()) modules_record_allocators();
  if (config.leaks != 0) leaks_start();
  fault_start();
  __atomic_store_n(&tracer_early_over, true, __ATOMIC_RELAXED);
}

static void stop_statistics(void) {
  if (!is_watched()) return;
  modules_record_allocators(); /* once more: some allocators are opened later */
  snapshot_take(true, false);
  mappings_take(stats_block());
  if (tracer_is_listened()) {
    tracer_raise_process();
    snapshot_raise();
  }
  if (stats_begin_last()) {
    usage_publish(); /* last: what other threads publish themselves from now on counts twice, until the counts are complete */
    stats_end_last();
  }
  stats_block()->complete = 1;
  stats_end();
  if (config.stats != 0) dump_write(DUMP_TO_LOG);
}

void hub_on_stop(void) {
  if (config.leaks != 0 && !hub_checked) {
    inside_stack = true;
    hub_hold();
    leaks_report();
    hub_release();
    inside_stack = false;
  }
  stop_statistics();
  flight_end();
  if (checker != NULL && checker->stop != NULL) checker->stop();
}

void hub_on_fork_prepare(void) {
  stats_block(); /* a child that forks before its first count begins its block now, with no lock held */
  stacks_fork_prepare();
}

void hub_on_fork_locked(void) { stats_fork_inherit(); }

void hub_on_fork_parent(void) { stacks_fork_release(); }

void hub_on_fork_child(void) {
  stacks_fork_child();
  tracer_fork_child();
  flight_fork_child();
  snapshot_fork_child();
  sites_fork_child();
  stats_fork_child();
  calls_fork_child();
  control_fork_child();
  fault_fork_child();
}
