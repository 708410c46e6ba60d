#include "load.h"

#include <argp.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/error.h"
#include "common/memory.h"
#include "input/inputs.h"
#include "input/outcome.h"
#include "common/progress.h"
#include "input/read_stats.h"
#include "input/trace/metadata.h"
#include "input/trace/read_trace.h"
#include "untraced.h"

uint32_t load_pid(const char *argument, const struct argp_state *state) {
  char *end;
  const unsigned long pid = strtoul(argument, &end, 10);
  if (end == argument || *end != '\0' || pid == 0 || pid > UINT32_MAX) argp_error(state, "--pid=%s: not a process id", argument);
  return (uint32_t)pid;
}

unsigned load_jobs(const char *argument, const struct argp_state *state) {
  char *end;
  const unsigned long jobs = strtoul(argument, &end, 10);
  if (end == argument || *end != '\0' || jobs == 0 || jobs > 256) argp_error(state, "--jobs=%s: not a number from 1 to 256", argument);
  return (unsigned)jobs;
}

static struct report *load_stats(const struct inputs *in, const struct load *load, bool *good) {
  if (in->stats_count == 0) return NULL;
  struct report *const r = model_create(SOURCE_STATS, load->paths[0]);
  progress_start("reading statistics files");
  for (size_t i = 0; i < in->stats_count; i++) {
    if (!read_stats_file(r, in->stats[i], load->pid)) {
      say("%s", failure());
      r->lost.unkept++;
      *good = false;
    }
    progress_update(i + 1, in->stats_count, "files");
  }
  progress_clear();
  read_stats_end(r);
  if (r->process_count > 0) {
    model_finish(r);
    return r;
  }
  model_destroy(r);
  return NULL;
}

static struct report *load_trace(const struct inputs *in, const struct load *load, bool *good) {
  if (in->trace_count == 0) return NULL;
  struct report *const r = model_create(SOURCE_TRACE, load->paths[0]);
  r->keep_spans = load->keep_spans;
  bool usable = read_traces(
    r, in->traces, in->trace_count,
    &(struct trace_wanted){
      .pid = load->pid, .jobs = load->jobs, .live_seconds = load->live_seconds, .on_interrupt = load->compared ? INTERRUPT_ENDS : INTERRUPT_LEAVES_PART});
  if (usable && r->process_count == 0) {
    usable = fail("the trace in %s holds no event of hakmem%s", load->paths[0],
                  load->pid != 0 ? " by this process" : "; enable hakmem:*, and preload libhakmem-tracepoints.so, too");
  }
  if (usable) {
    if (r->lost.unread > 0) *good = false;
    model_finish(r);
    return r;
  }
  say("%s", failure());
  *good = false;
  model_destroy(r);
  return NULL;
}

/* ---- The flight recorder. A run of many processes has many recordings; the last ones to change say most about its end. ---- */

#define RECORDINGS_MOST 8

struct recording {
  char *directory;
  struct timespec changed;
};

static int by_change(const void *a, const void *b) {
  const struct timespec *const x = &((const struct recording *)a)->changed, *const y = &((const struct recording *)b)->changed;
  if (x->tv_sec != y->tv_sec) return x->tv_sec < y->tv_sec ? 1 : -1;
  return x->tv_nsec < y->tv_nsec ? 1 : x->tv_nsec > y->tv_nsec ? -1 : 0;
}

static bool was_killed(const struct report *stats, uint32_t pid) {
  const struct model_process *const p = model_find_process(stats, NULL, pid);
  return p != NULL && p->state == PROCESS_CUT_SHORT;
}

static void load_flight(struct page *page, const struct inputs *in, const struct load *load) {
  if (in->flight_count == 0 || load->flight == FLIGHT_NONE) return;
  struct recording *const all = must_allocate(in->flight_count * sizeof(*all));
  size_t count = 0;
  for (size_t i = 0; i < in->flight_count; i++) {
    struct stat status = {0};
    const uint32_t pid = metadata_origin(in->flights[i]).pid;
    if ((load->pid != 0 && pid != load->pid) || (load->flight == FLIGHT_KILLED && !was_killed(page->stats, pid))) continue;
    stat(in->flights[i], &status);
    all[count++] = (struct recording){in->flights[i], status.st_mtim};
  }
  qsort(all, count, sizeof(*all), by_change);
  char *chosen[RECORDINGS_MOST];
  const size_t read = count < RECORDINGS_MOST ? count : RECORDINGS_MOST;
  for (size_t i = 0; i < read; i++) chosen[i] = all[i].directory;
  free(all);
  if (read == 0) return;
  struct report *const r = model_create(SOURCE_TRACE, load->paths[0]);
  r->keep_spans = true;
  page->flight_left = count - read;
  const struct trace_wanted wanted = {.pid = load->pid, .jobs = load->jobs, .on_interrupt = INTERRUPT_ENDS};
  if (read_traces(r, chosen, read, &wanted)) {
    model_finish(r);
    page->flight = r;
  } else {
    page->flight_failure = must_copy(failure());
    model_destroy(r);
  }
}

static void load_unrecorded(struct page *page, const struct inputs *in, uint32_t pid, bool *good) {
  struct unrecorded_list all = {0};
  for (size_t i = 0; i < in->unrecorded_count; i++) {
    if (unrecorded_read(&all, in->unrecorded[i])) continue;
    say("%s", failure());
    *good = false;
  }
  for (size_t i = 0; i < all.count; i++) {
    const struct unrecorded *const one = &all.entries[i];
    if (pid == 0 || one->pid == pid) unrecorded_add(&page->unrecorded, one->pid, one->program, one->why);
  }
  unrecorded_free(&all);
}

/* Whether no child of the process, and no program before it, counts in the peak that the kernel tells. Of those that --pid leaves out, the files tell, too. */
static bool is_alone(const struct inputs *in, const struct model_process *p) {
  bool alone = in->unrecorded_count == 0 && p->programs_replaced == 0;
  for (size_t i = 0; alone && i < in->stats_count; i++) {
    struct stats_identity other;
    alone = read_stats_check(in->stats[i], &other) && (other.pid == p->pid ? other.start_realtime_ns == p->start_realtime_ns : other.parent_pid != p->pid);
  }
  return alone;
}

/* What the statistics of a killed process lack. */
static void take_end(const struct inputs *in, struct model_process *p, const struct outcome *outcome) {
  if (p->state != PROCESS_CUT_SHORT) return;
  const uint64_t start = p->start_realtime_ns;
  if (start != 0 && outcome->end_ns > start && outcome->end_ns - start >= p->elapsed_ns) p->lived_ns = outcome->end_ns - start;
  if (outcome->rss_max == 0 || !is_alone(in, p)) return;
  if (p->rss_max == UNKNOWN || p->rss_max < outcome->rss_max) p->rss_max = outcome->rss_max;
  p->rss_max_is_whole = true;
}

/* Enters how each program ended into the last of its files: a program that called exec has several. */
static void load_outcomes(struct report *r, const struct inputs *in, bool *good) {
  for (size_t i = 0; i < in->outcome_count; i++) {
    struct outcome outcome;
    if (!outcome_read(&outcome, in->outcomes[i])) {
      say("%s", failure());
      *good = false;
      continue;
    }
    for (size_t k = 0; k < r->process_count; k++) {
      struct model_process *const p = r->processes[k];
      if (p->merge != NULL || p->pid != outcome.pid || p->state == PROCESS_EXEC) continue;
      take_end(in, p, &outcome);
      if (outcome.by_signal) p->end_signal = outcome.number;
      else p->exit_code = outcome.number;
    }
  }
}

bool load_page(struct page *page, const struct load *load) {
  struct inputs inputs = {0};
  bool good = true;
  for (int i = 0; i < load->count; i++) {
    if (inputs_add(&inputs, load->paths[i])) continue;
    say("%s", failure());
    good = false;
  }
  page->path = load->paths[0];
  load_unrecorded(page, &inputs, load->pid, &good);
  struct report *const stats = load_stats(&inputs, load, &good);
  if (stats != NULL) load_outcomes(stats, &inputs, &good);
  page->stats = stats;
  struct report *const trace = load_trace(&inputs, load, &good);
  if (inputs.trace_count > 0) untraced_count(trace, stats);
  page->trace = trace;
  load_flight(page, &inputs, load);
  struct report *const losses = (struct report *)(page->stats != NULL ? page->stats : page->trace);
  if (losses != NULL) losses->lost.unrecorded = page->unrecorded.count;
  page->main = page->trace != NULL ? page->trace : page->stats;
  page->memory = page->stats != NULL ? page->stats : page->trace;
  if (page->main == NULL && good) {
    say("no data of process %u is in %s", load->pid, load->paths[0]);
    good = false;
  }
  inputs_fini(&inputs);
  return good;
}

void load_free(struct page *page) {
  model_destroy((struct report *)page->stats);
  model_destroy((struct report *)page->trace);
  model_destroy((struct report *)page->flight);
  free(page->flight_failure);
  unrecorded_free(&page->unrecorded);
}
