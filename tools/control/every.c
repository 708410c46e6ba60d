/*
 * every.c: hakmem diff --every: reads a running process again and again, and says which call sites grow.
 */
#include "every.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/error.h"
#include "common/format.h"
#include "common/sandbox.h"
#include "input/process/process.h"
#include "report/load.h"
#include "report/sites.h"
#include "trend.h"
#include "wait.h"

#define ROWS 10                /* sites after each reading; the summary has three times as many */
#define STEP_MS 100u           /* between two looks for a first profile */
#define FIRST_PROFILE_MS 10000 /* how long a first profile is waited for */

/* Shared by the process that reads and the one that waits for it: a signal may be sent to one of them alone. */
static volatile sig_atomic_t *interrupted;
static void on_interrupt(int signal) {
  (void)signal;
  *interrupted = 1;
}

struct watch {
  const struct every *o;
  char *path; /* the statistics file: it is there after the end of the process, too */
  uint64_t start_ns;
  struct trend trend;
};

enum reading { READING_GOOD, READING_EARLY, READING_ENDED, READING_FAILED };

/* Adds what the process holds now. *why becomes the reason if it does not run any more. */
static enum reading read_once(struct watch *w, const char **why) {
  struct page page = {0};
  enum reading result = READING_FAILED;
  const bool loaded = load_page(&page, &(struct load){.paths = &w->path, .count = 1}) && page.stats != NULL;
  const struct model_process *const p = loaded ? page.stats->processes[0] : NULL;
  if (p == NULL) {
    *why = "its statistics file is gone";
    result = w->trend.readings > 0 ? READING_ENDED : READING_FAILED;
  } else if (p->pid != w->o->pid || (w->start_ns != 0 && p->start_realtime_ns != w->start_ns) || !model_is_alive(p)) {
    *why = "the process has ended";
    result = READING_ENDED;
  } else if (p->profiles[PROFILE_LAST] == NULL && p->profile != 0) {
    result = READING_EARLY;
  } else if (p->profiles[PROFILE_LAST] == NULL) {
    fail("process %" PRIu32 " has no profile of its live heap; hakmem set %" PRIu32 " PROFILE=512K switches it on", p->pid, p->pid);
    say("%s", failure());
  } else {
    size_t count;
    struct site *const sites = sites_fold(page.stats, &count);
    w->start_ns = p->start_realtime_ns;
    trend_add(&w->trend, (double)p->elapsed_ns / 1e9, sites, count);
    sites_free(sites, count);
    result = READING_GOOD;
  }
  load_free(&page);
  return result;
}

static void print_table(const struct watch *w, size_t rows, bool tells_width) {
  trend_text(stdout, &w->trend, w->o->all ? 0 : rows);
  if (tells_width && table_left_out()) puts("  Some columns do not fit; COLUMNS=120 shows all.");
}

static bool print(const struct watch *w, const char *ended) {
  const struct trend *const t = &w->trend;
  char time[FORMAT_SIZE];
  bool good = true;
  if (w->o->json) {
    good = trend_json(stdout, t, w->o->pid, ended);
  } else if (ended != NULL) {
    printf("\nSummary of %u readings of process %" PRIu32 ", up to %s after its start; %s\n", t->readings, w->o->pid, format_ns(time, t->time * 1e9), ended);
    print_table(w, 3 * ROWS, true);
  } else {
    printf("\nReading %u of process %" PRIu32 ", %s after its start\n", t->readings, w->o->pid, format_ns(time, t->time * 1e9));
    print_table(w, ROWS, t->readings == 1);
  }
  return good && ((fflush(stdout) == 0 && !ferror(stdout)) || fail("cannot write to standard output"));
}

/* Profiling may have been switched on just now: then the process writes its profile with its next snapshot. */
static enum reading read_patiently(struct watch *w, const char **why) {
  const uint64_t end_ms = wait_now_ms() + FIRST_PROFILE_MS;
  enum reading reading;
  while ((reading = read_once(w, why)) == READING_EARLY && wait_now_ms() < end_ms && !*interrupted) wait_until(wait_now_ms() + STEP_MS, interrupted);
  if (reading != READING_EARLY) return reading;
  say("process %" PRIu32 " has written no profile of its live heap within %d s: it makes no calls; hakmem diff works once it does", w->o->pid,
      FIRST_PROFILE_MS / 1000);
  return READING_FAILED;
}

static int watch(void *context) {
  struct watch *const w = context;
  uint64_t next_ms = wait_now_ms();
  const char *why = NULL;
  enum reading reading = READING_GOOD;
  bool good = true;
  while (good) {
    reading = read_patiently(w, &why);
    if (reading != READING_GOOD) break;
    if (w->o->count != 0 && w->trend.readings > w->o->count) why = "all intervals are over";
    else good = print(w, NULL);
    if (why != NULL) break;
    wait_until(next_ms += w->o->every_ms, interrupted); /* each reading is a whole number of intervals after the first one */
    sandbox_alive();
    if (*interrupted) {
      why = "interrupted";
      break;
    }
  }
  if (good && why != NULL && w->trend.readings > 0) good = print(w, why);
  if (!good) say("%s", failure());
  return good && reading != READING_FAILED ? EXIT_DONE : EXIT_FAILED;
}

int diff_every(const struct every *o) {
  struct watch w = {.o = o, .path = process_stats_path(o->pid)};
  int code = EXIT_FAILED;
  interrupted = mmap(NULL, sizeof(*interrupted), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (w.path == NULL || (interrupted == MAP_FAILED && !fail("no memory"))) {
    say("%s", failure());
  } else {
    /* Both processes get the signal: the one that reads ends with a summary, and this one waits for it. */
    const struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    code = sandbox_run(watch, &w);
  }
  trend_free(&w.trend);
  free(w.path);
  return code;
}
