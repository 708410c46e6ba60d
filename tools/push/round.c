/*
 * round.c: one push. What a store expects of the values, by its documentation:
 *
 *   inuse_*, pinned_*  gauges: what is live at `time_nanos`; the profile has no duration
 *   alloc_*            Pyroscope adds profiles up, so one holds what was allocated in its time; Parca expects what was allocated since the start
 *
 * Statistics have no counts of allocations by call site. So a push on a schedule, which reads statistics alone, has gauges alone. A trace has counts; it is
 * pushed once, as one profile from its start to its end.
 */
#include "round.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"
#include "control/wait.h"
#include "common/regular.h"
#include "common/sandbox.h"
#include "export/export.h"
#include "export/store/http.h"
#include "input/inputs.h"
#include "input/process/process.h"

#define TRIES 3
#define WAIT_PART 20 /* before the second try, this part of --timeout is waited; before the third, the double */
#define TOKEN_MOST 4096
#define TOKEN_VARIABLE "PUSH_TOKEN"

/* ---- What is read ---- */

static void add_path(struct round *r, const char *path) {
  r->paths = must_grow(r->paths, r->path_count, &r->path_capacity, sizeof(*r->paths));
  r->paths[r->path_count++] = must_copy(path);
}

static void add_process(void *context, uint32_t pid, const char *stats_path) {
  (void)pid;
  add_path(context, stats_path);
}

/* The file of a process is found once: another process may get its id. */
bool round_begin(struct round *r, struct shared *shared) {
  r->shared = shared;
  r->only_processes = r->load->count > 0;
  for (int i = 0; i < r->load->count; i++) {
    const char *const path = r->load->paths[i];
    struct stat status;
    uint32_t pid;
    const bool is_process = stat(path, &status) != 0 && process_is_id(path, &pid);
    char *const of_process = is_process ? process_stats_path(pid) : NULL;
    if (is_process && of_process == NULL) return false;
    add_path(r, is_process ? of_process : path);
    r->only_processes &= is_process;
    free(of_process);
  }
  return http_begin();
}

void round_end(struct round *r) {
  for (size_t i = 0; i < r->path_count; i++) free(r->paths[i]);
  free(r->paths);
}

/* On a schedule, a directory's statistics are read and not its traces. The file of a process may end with it. */
static bool find_statistics(struct round *r) {
  struct inputs in = {0};
  bool good = true;
  for (size_t i = 0; i < r->path_count && good; i++) {
    if (!r->only_processes || access(r->paths[i], F_OK) == 0) good = inputs_add(&in, r->paths[i]);
  }
  if (good && in.stats_count == 0 && !r->only_processes)
    good = fail("%s holds no statistics, which --every reads; push a trace once, without --every", r->paths[0]);
  round_end(r);
  r->paths = NULL;
  r->path_count = r->path_capacity = 0;
  for (size_t i = 0; i < in.stats_count && good; i++) add_path(r, in.stats[i]);
  inputs_fini(&in);
  return good;
}

static bool find_paths(struct round *r) {
  if (r->load->count == 0) {
    process_each(add_process, r);
    return r->path_count > 0 || fail("no process of this user runs under hakmem");
  }
  return r->push->every_ms == 0 || find_statistics(r);
}

/* ---- The token ---- */

/* A header may hold printable ASCII alone. The token itself is never printed. */
static bool token_check(char *token, const char *from) {
  size_t length = strlen(token);
  while (length > 0 && strchr(" \t\r\n", token[length - 1]) != NULL) token[--length] = '\0';
  if (length == 0) return fail("%s holds no token", from);
  for (const char *c = token; *c != '\0'; c++) {
    if (*c <= ' ' || *c > '~') return fail("%s holds a token with letters that no token has", from);
  }
  return true;
}

static bool token_read(const char *path, char token[TOKEN_MOST + 1]) {
  const int fd = regular_open(path);
  if (fd < 0) return fail("cannot read the token in %s: %s", path, strerror(errno));
  const ssize_t length = read(fd, token, TOKEN_MOST + 1);
  close(fd);
  if (length < 0) return fail("cannot read the token in %s: %s", path, strerror(errno));
  if (length > TOKEN_MOST) return fail("%s holds more than %d bytes: that is no token", path, TOKEN_MOST);
  token[length] = '\0';
  return token_check(token, path);
}

/* It is read for each push, because it may be replaced. *token becomes "" if there is none. */
static bool token_find(const struct push *p, char token[TOKEN_MOST + 1]) {
  token[0] = '\0';
  if (p->token_file != NULL) return token_read(p->token_file, token);
  const char *const variable = getenv(TOKEN_VARIABLE);
  if (variable == NULL || variable[0] == '\0') return true;
  if (strlen(variable) > TOKEN_MOST) return fail("the environment variable " TOKEN_VARIABLE " holds more than %d bytes: that is no token", TOKEN_MOST);
  strcpy(token, variable);
  return token_check(token, "the environment variable " TOKEN_VARIABLE);
}

/* ---- Sending ---- */

static uint64_t realtime_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool send_package(const struct round *r, const struct package *package, const char *token) {
  char *const shown = receiver_shown(package->url);
  const struct http_post post = {.url = package->url,
                                 .shown = shown,
                                 .type = package->type,
                                 .body = package->body,
                                 .size = package->size,
                                 .token = token[0] != '\0' ? token : NULL,
                                 .ca_file = r->push->ca_file,
                                 .timeout_ms = r->push->timeout_ms,
                                 .interrupted = &r->shared->interrupted};
  enum http_result result = HTTP_AGAIN;
  for (unsigned i = 0; i < TRIES && result == HTTP_AGAIN && !r->shared->interrupted; i++) {
    if (i > 0) wait_until(wait_now_ms() + ((uint64_t)r->push->timeout_ms / WAIT_PART << (i - 1)), &r->shared->interrupted);
    if (r->shared->interrupted) break;
    result = http_post(&post);
  }
  free(shown);
  return result == HTTP_DONE;
}

/* The time of the data: now, of a process that is alive. */
static void set_times(const struct round *r, const struct page *page, const struct model_process *m, struct delivery *d, struct export_moment *moment) {
  const bool counts = page->trace != NULL;
  d->until_ns = r->push->every_ms != 0 ? realtime_ns() : m->start_realtime_ns + m->elapsed_ns;
  uint64_t span_ns = (uint64_t)r->push->every_ms * 1000000;
  if (counts) span_ns = m->elapsed_ns;
  d->from_ns = d->until_ns > span_ns ? d->until_ns - span_ns : 0;
  *moment = (struct export_moment){.pid = m->pid, .time_ns = d->until_ns};
  if (counts && receiver_adds(r->push->receiver)) *moment = (struct export_moment){.pid = m->pid, .time_ns = d->from_ns, .duration_ns = span_ns};
}

static void add_labels(struct delivery *d, const struct push *p, const struct model_process *m) {
  char pid[16], host[LABEL_LENGTH + 1] = "";
  snprintf(pid, sizeof(pid), "%u", m->pid);
  gethostname(host, sizeof(host) - 1);
  labels_copy(&d->labels, &p->labels);
  labels_default(&d->labels, "program", d->program);
  labels_default(&d->labels, "pid", pid);
  labels_default(&d->labels, "host", host);
}

enum sent { SENT_DONE, SENT_NOTHING /* the process has no call sites */, SENT_FAILED };

static bool has_sites(const struct page *page, const struct model_process *m) {
  const struct model_process *const traced = model_find_process(page->trace, m->host, m->pid);
  return m->profiles[PROFILE_LAST] != NULL || m->leak_count > 0 || (traced != NULL && traced->allocation_count > 0);
}

static enum sent send_process(struct round *r, const struct page *page, const struct model_process *m, const char *token) {
  struct delivery d = {.program = m->program[0] != '\0' ? format_last_part(m->program) : "unknown"};
  struct export_moment moment;
  char *profile = NULL;
  if (!has_sites(page, m)) return SENT_NOTHING;
  FILE *const out = open_memstream(&profile, &d.size);
  if (out == NULL) return fail("no memory"), SENT_FAILED;
  set_times(r, page, m, &d, &moment);
  const bool made = export_pprof(out, page, &(struct export_options){.moment = &moment});
  if (fclose(out) != 0 && made) fail("no memory");
  if (!made || profile == NULL) {
    free(profile);
    return SENT_FAILED;
  }
  d.profile = profile;
  struct package package;
  add_labels(&d, r->push, m);
  receiver_pack(r->push->receiver, r->push->url, &d, &package);
  const bool good = send_package(r, &package, token);
  if (good) {
    r->shared->outcome.profiles++;
    r->shared->outcome.bytes += package.size;
  }
  receiver_unpack(&package);
  labels_free(&d.labels);
  free(profile);
  return good ? SENT_DONE : SENT_FAILED;
}

/* ---- The round ---- */

/* A program that called exec has several entries, with one id: the last one stands for all. */
static bool has_later_entry(const struct report *r, size_t index) {
  for (size_t i = index + 1; i < r->process_count; i++) {
    if (r->processes[i]->pid == r->processes[index]->pid) return true;
  }
  return false;
}

/* The first failure ends the round: the next process's profile would meet the same server. */
static bool send_all(struct round *r, const struct page *page, const char *token) {
  const struct report *const from = page->memory;
  size_t alive = 0, empty = 0;
  for (size_t i = 0; i < from->process_count; i++) {
    const struct model_process *const m = from->processes[i];
    if (has_later_entry(from, i)) continue;
    const bool is_alive = model_is_alive(m);
    if (r->push->every_ms != 0 && !is_alive) continue; /* its end is not pushed again and again */
    alive++;
    sandbox_alive();
    const enum sent sent = r->shared->interrupted ? SENT_FAILED : send_process(r, page, m, token);
    if (sent == SENT_FAILED) return false;
    if (sent == SENT_NOTHING) empty++;
  }
  r->shared->outcome.all_ended = r->only_processes && alive == 0;
  if (alive == 0 && !r->only_processes) say("%s: no process runs; it is looked at again", page->path);
  if (empty == 0) return true;
  if (empty == alive) return fail("%s: no process has a profile of its live heap; hakmem set PID PROFILE=512K switches it on", page->path);
  say("%zu of %zu processes have no profile of their live heap, and are left out; hakmem set PID PROFILE=512K switches it on", empty, alive);
  return true;
}

int round_run(void *context) {
  struct round *const r = context;
  struct page page = {.all = true};
  char token[TOKEN_MOST + 1];
  signal(SIGPIPE, SIG_IGN);
  if (r->is_later) { /* each message about the data was shown in the first round */
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0) dup2(nowhere, STDERR_FILENO);
  }
  bool good = token_find(r->push, token) && find_paths(r), whole = true, is_said = false;
  if (good && r->path_count == 0) {
    r->shared->outcome.all_ended = true;
  } else if (good) {
    struct load load = *r->load;
    load.paths = r->paths;
    load.count = (int)r->path_count;
    whole = load_page(&page, &load);
    is_said = page.main == NULL && !r->is_later;
    good = page.main != NULL && send_all(r, &page, token);
  }
  if (!good && !is_said && !r->shared->interrupted) snprintf(r->shared->outcome.why, ROUND_WHY, "%s", failure());
  explicit_bzero(token, sizeof(token));
  load_free(&page);
  return good && whole ? EXIT_DONE : EXIT_FAILED;
}
