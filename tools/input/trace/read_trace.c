/*
 * read_trace.c: reads traces. Workers decode them and add their events up (worker.h); this process starts the workers, waits, and adds their parts to the
 * model. Nothing that a worker does can end this process.
 */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"
#include "common/progress.h"
#include "common/sandbox.h"
#include "hosts.h"
#include "live.h"
#include "metadata.h"
#include "read_trace.h"
#include "input/trace/sum/trace_model.h"
#include "worker.h"

#define POLL_MS 200
#define JOBS_MAX 256
#define SAID_MAX 5 /* messages about single traces */

/*
 * The traces of one process, or of processes of a host that are not known (pid 0): these must be read in one order of time. A session at a relay is one of its
 * own.
 */
struct group {
  struct model_host *host;
  uint32_t pid;
  bool is_live;
  uint64_t written_ns; /* by the clock of the machine that wrote the files */
  char **directories;
  size_t count, capacity;
  uint64_t bytes, packets;
};

struct reading {
  struct report *r;
  struct trace_model *model;
  struct group *groups;
  size_t group_count, group_capacity, next; /* the next one to be read */
  struct job {
    struct worker worker;
    const struct group *group; /* NULL: idle */
    uint64_t started_ms;
  } * jobs;
  size_t job_count, running;
  uint64_t live_ms;               /* how long a session at a relay is read */
  uint64_t packets_done, packets; /* of the groups that were read; of all */
  struct loss {
    const struct group *group;
    char *why;
  } losses[SAID_MAX]; /* those that were not read to their end */
  size_t loss_count;
};

/* ---- Groups ---- */

/* *written_ns: of the youngest file. */
static uint64_t bytes_of(const char *directory, uint64_t *written_ns) {
  DIR *const files = opendir(directory);
  uint64_t bytes = 0;
  struct stat status;
  for (const struct dirent *entry; files != NULL && (entry = readdir(files)) != NULL;) {
    const bool is_stream = entry->d_name[0] != '.' && strcmp(entry->d_name, "metadata") != 0;
    if (!is_stream || fstatat(dirfd(files), entry->d_name, &status, 0) != 0 || !S_ISREG(status.st_mode)) continue;
    const uint64_t written = (uint64_t)status.st_mtim.tv_sec * 1000000000 + (uint64_t)status.st_mtim.tv_nsec;
    bytes += (uint64_t)status.st_size;
    if (status.st_size > 0 && written > *written_ns) *written_ns = written;
  }
  if (files != NULL) closedir(files);
  return bytes;
}

#define INDEX_HEAD 16 /* bytes: a magic number, two of the version, the length of an entry; all of 32 bits, the highest byte first */

/* The packets of a stream by its index, in which LTTng has an entry for each; 0 if it is none. */
static uint64_t packets_in(int folder, const char *name) {
  uint32_t head[INDEX_HEAD / sizeof(uint32_t)];
  struct stat status;
  uint64_t packets = 0;
  const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (fd < 0) return 0;
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && read(fd, head, sizeof(head)) == sizeof(head) && be32toh(head[0]) == 0xc1f1dcc1 && head[3] != 0) {
    packets = ((uint64_t)status.st_size - INDEX_HEAD) / be32toh(head[3]);
  }
  close(fd);
  return packets;
}

/* Of all streams; 0 if there is no index: then the rest of the time is unknown. */
static uint64_t packets_of(const char *directory) {
  char *const path = must_print("%s/index", directory);
  DIR *const files = opendir(path);
  uint64_t packets = 0;
  for (const struct dirent *entry; files != NULL && (entry = readdir(files)) != NULL;) packets += packets_in(dirfd(files), entry->d_name);
  if (files != NULL) closedir(files);
  free(path);
  return packets;
}

static void add_to_group(struct reading *in, char *directory) {
  const bool is_live = live_is_address(directory);
  struct metadata_origin origin = {0};
  if (is_live) live_host(directory, origin.host, sizeof(origin.host));
  else origin = metadata_origin(directory);
  struct model_host *const host = model_host_of(in->r, origin.host, origin.clock);
  struct group *group = NULL;
  for (size_t i = 0; i < in->group_count && group == NULL && !is_live; i++) {
    if (in->groups[i].pid == origin.pid && in->groups[i].host == host && !in->groups[i].is_live) group = &in->groups[i];
  }
  if (group == NULL) {
    in->groups = must_grow(in->groups, in->group_count, &in->group_capacity, sizeof(*in->groups));
    group = &in->groups[in->group_count++];
    *group = (struct group){.pid = origin.pid, .host = host, .is_live = is_live};
    host->is_live = host->is_live || is_live;
  }
  group->directories = must_grow(group->directories, group->count, &group->capacity, sizeof(*group->directories));
  group->directories[group->count++] = directory;
  if (is_live) return;
  const uint64_t packets = packets_of(directory);
  group->bytes += bytes_of(directory, &group->written_ns);
  group->packets += packets;
  in->packets += packets;
}

/* The longest first, so that none is left alone at the end. */
static int by_bytes(const void *a, const void *b) {
  const struct group *const x = a, *const y = b;
  if (x->is_live != y->is_live) return x->is_live ? -1 : 1; /* they do not wait */
  return x->bytes != y->bytes ? (x->bytes < y->bytes ? 1 : -1) : x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* A trace without sound metadata, as one that was cut off at its start, is left out. False, with the failure of the first such one, if there is no other. */
static bool make_groups(struct reading *in, char *const *directories, size_t count) {
  char *first = NULL;
  for (size_t i = 0; i < count; i++) {
    if (live_is_address(directories[i]) || metadata_check(directories[i])) {
      add_to_group(in, directories[i]);
      continue;
    }
    if (count > 1 && in->r->lost.unread++ < SAID_MAX) say("%s; this trace is left out", failure());
    if (first == NULL) first = must_copy(failure());
  }
  if (in->group_count == 0 && first != NULL) fail("%s", first);
  free(first);
  if (in->group_count == 0) return false;
  if (in->group_count > 0) qsort(in->groups, in->group_count, sizeof(*in->groups), by_bytes);
  return true;
}

/* ---- Interrupts ---- */

#define SAME_MS 300 /* two signals within this time are one interrupt: of a whole group of processes, and handed on by the parent */

static volatile sig_atomic_t interrupted;
static volatile uint64_t interrupted_ms;

static uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void interrupt(int number) {
  const uint64_t now = now_ms();
  if (interrupted && now - interrupted_ms > SAME_MS) {
    signal(number, SIG_DFL);
    raise(number);
  }
  if (!interrupted) interrupted_ms = now;
  interrupted = 1;
}

/* A second interrupt ends the program. One that ignores interrupts goes on to do so. */
static void catch_interrupt(struct sigaction *before) {
  sigaction(SIGINT, NULL, before);
  if (before->sa_handler != SIG_IGN) sigaction(SIGINT, &(struct sigaction){.sa_handler = interrupt}, NULL);
}

/* ---- Workers ---- */

static bool start_jobs(struct reading *in, const struct trace_choice *choice) {
  for (size_t i = 0; i < in->job_count && in->next < in->group_count && !interrupted; i++) {
    struct job *const job = &in->jobs[i];
    if (job->group != NULL) continue;
    const struct group *const group = &in->groups[in->next];
    if (!worker_start(&job->worker, group->directories, group->count, choice)) return false;
    job->started_ms = now_ms();
    job->group = group;
    in->next++;
    in->running++;
  }
  return true;
}

/* Takes `why` over. Messages wait for the end: if nothing could be read, the first reason is all there is to say. */
static void lose(struct reading *in, const struct group *group, char *why) {
  const bool was_stopped = strcmp(why, TRACE_STOPPED) == 0;
  if (!was_stopped) in->r->lost.unread++, group->host->lost.unread++;
  if (!was_stopped && in->loss_count < SAID_MAX) in->losses[in->loss_count++] = (struct loss){group, why};
  else free(why);
}

static char *take_part(struct report *r, struct job *job, struct trace_model *model) {
  const struct hosts_part part = hosts_begin_part(r);
  char *const why = worker_finish(&job->worker, model);
  hosts_end_part(r, &part, job->group->host, job->group->written_ns);
  return why;
}

static void finish_job(struct reading *in, struct job *job) {
  char *const why = take_part(in->r, job, in->model);
  in->packets_done += job->group->packets;
  if (why != NULL) lose(in, job->group, why);
  job->group = NULL;
  in->running--;
}

static void show_progress(const struct reading *in) {
  uint64_t events = in->r->events, packets = in->packets_done;
  for (size_t i = 0; i < in->job_count; i++) {
    const struct job *const job = &in->jobs[i];
    if (job->group == NULL) continue;
    events += job->worker.progress->events;
    packets += job->worker.progress->packets < job->group->packets ? job->worker.progress->packets : job->group->packets;
  }
  progress_rate(events, "events", in->packets > 0 ? (double)packets / (double)in->packets : 0);
}

/* Waits for a part, or for some time. */
static void wait_for_parts(struct reading *in) {
  struct pollfd ready[JOBS_MAX];
  for (size_t i = 0; i < in->job_count; i++) ready[i] = (struct pollfd){.fd = in->jobs[i].group != NULL ? in->jobs[i].worker.fd : -1, .events = POLLIN};
  poll(ready, in->job_count, POLL_MS);
  for (size_t i = 0; i < in->job_count; i++) {
    struct job *const job = &in->jobs[i];
    if (job->group == NULL) continue;
    const bool has_enough = job->group->is_live && now_ms() - job->started_ms >= in->live_ms;
    if (interrupted || has_enough) job->worker.progress->stop = true;
    if ((ready[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !worker_receive(&job->worker)) finish_job(in, job);
    else worker_watch(&job->worker);
  }
}

static bool follow(struct reading *in, const struct trace_choice *choice) {
  bool good = start_jobs(in, choice);
  while (good && in->running > 0) {
    wait_for_parts(in);
    sandbox_alive();
    show_progress(in);
    good = start_jobs(in, choice);
  }
  return good;
}

/* ---- The whole ---- */

/* Sessions at relays are read at the same time, because each takes as long as all. */
static size_t jobs_for(unsigned jobs, const struct group *groups, size_t count) {
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  const size_t wanted = jobs != 0 ? jobs : processors > 0 ? (size_t)processors : 1, most = wanted < JOBS_MAX ? wanted : JOBS_MAX;
  size_t live = 0;
  for (size_t i = 0; i < count; i++) live += groups[i].is_live;
  const size_t used = live > most ? live : most;
  return used < count ? used < JOBS_MAX ? used : JOBS_MAX : count;
}

/* True also for a partly read trace: a message says so, and it counts as a loss. */
static bool finish(struct reading *in) {
  if (in->r->events == 0 && in->loss_count > 0) return fail("cannot read the trace in %s: %s", in->losses[0].group->directories[0], in->losses[0].why);
  if (in->r->events == 0 && interrupted) return fail("interrupted: no event was read until then");
  for (size_t i = 0; i < in->loss_count; i++) {
    const struct group *const group = in->losses[i].group;
    say("the trace%s in %s could not be read to the end: %s; the report has the events until then", group->count > 1 ? "s" : "", group->directories[0],
        in->losses[i].why);
  }
  if (interrupted) {
    in->r->lost.unread++;
    say("interrupted: the report has the %llu events that were read until then", (unsigned long long)in->r->events);
  }
  return true;
}

bool read_traces(struct report *r, char *const *directories, size_t count, const struct trace_wanted *wanted) {
  struct reading in = {.r = r, .live_ms = (wanted->live_seconds > 0 ? wanted->live_seconds : LIVE_SECONDS) * UINT64_C(1000)};
  struct sigaction before;
  bool good = make_groups(&in, directories, count);
  if (good) {
    in.model = trace_model_create(r);
    in.job_count = jobs_for(wanted->jobs, in.groups, in.group_count);
    in.jobs = must_allocate(in.job_count * sizeof(*in.jobs));
    progress_start("reading the trace");
    interrupted = 0;
    if (wanted->on_interrupt == INTERRUPT_LEAVES_PART) catch_interrupt(&before);
    good = follow(&in, &(struct trace_choice){.pid = wanted->pid, .keep_spans = r->keep_spans});
    if (wanted->on_interrupt == INTERRUPT_LEAVES_PART) sigaction(SIGINT, &before, NULL);
    progress_clear();
    trace_model_finish(in.model);
    hosts_finish(r);
    good = good && finish(&in);
  }
  for (size_t i = 0; i < in.group_count; i++) free(in.groups[i].directories);
  free(in.groups);
  free(in.jobs);
  for (size_t i = 0; i < in.loss_count; i++) free(in.losses[i].why);
  return good;
}
