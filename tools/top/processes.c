#include "processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "common/format.h"
#include "common/memory.h"
#include "common/regular.h"
#include "input/process/alive.h"
#include "input/inputs.h"
#include "input/process/present.h"
#include "input/process/process.h"
#include "instrumentation/statistics/stats_block.h"

#define FIRST_WAIT 1.0 /* seconds until a process without statistics is looked at again: it may call exec */
#define LAST_WAIT 60.0
#define EXEC_WAIT 5.0 /* until one is looked at again whose memory is no longer readable: it may have called exec */

/* A process without statistics. Looking at its descriptors costs, so each look comes later than the one before. */
struct stranger {
  uint32_t pid;
  uint64_t started;
  double next, wait;
  bool seen;
};

/* ---- What the kernel says ---- */

struct kernel {
  char state;
  uint64_t started, rss;
  double processor;
};

/* The name in /proc/PID/stat may hold anything; it ends with the last bracket. Fields are counted from the state on. */
static bool ask_kernel(uint32_t pid, struct kernel *k) {
  char path[64], text[1024];
  snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", pid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t length = read(fd, text, sizeof(text) - 1);
  close(fd);
  if (length <= 0) return false;
  text[length] = '\0';
  const char *const fields = strrchr(text, ')');
  uint64_t user, system;
  if (fields == NULL || sscanf(fields, ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64 " %" SCNu64 " %*s %*s %*s %*s %*s %*s %" SCNu64 " %*s %" SCNu64,
                               &k->state, &user, &system, &k->started, &k->rss) != 5)
    return false;
  k->rss *= (uint64_t)sysconf(_SC_PAGESIZE);
  k->processor = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
  return k->state != 'Z' && k->state != 'X';
}

static double processor_time(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- The figures of one ---- */

#define FIGURES_SIZE offsetof(struct stats_block, timings)
#define FIRST_EXACT 0.1 /* seconds of the processor for exact readings: at first, */
#define EXACT 0.004     /* and in a refresh */

/* Only the members before `timings` are read; the rest of the block stays as it is. */
static struct stats_block *figures;

static bool read_memory(const struct entry *e) {
  const struct iovec into = {figures, FIGURES_SIZE}, from = {(void *)(uintptr_t)e->block_at, FIGURES_SIZE};
  return process_vm_readv((pid_t)e->pid, &into, 1, &from, 1, 0) == (ssize_t)FIGURES_SIZE;
}

static bool read_file(const struct entry *e) {
  const int fd = regular_open(e->path);
  if (fd < 0) return false;
  const bool good = pread(fd, figures, FIGURES_SIZE, 0) == (ssize_t)FIGURES_SIZE;
  close(fd);
  return good;
}

static bool is_ours(const struct stats_block *b) {
  return memcmp(b->magic, STATS_MAGIC, sizeof(b->magic)) == 0 && b->version == STATS_VERSION && b->classes == CLASS_ROWS && b->size == sizeof(*b);
}

static void take_buckets(struct entry *e) {
  const struct stats_buckets *const b = &figures->buckets;
  e->live = b->live + b->guarded;
  e->held = b->cached_tls + b->cached_pool + b->partial + b->empty + b->tails + b->huge_cache;
}

static void take_figures(struct entry *e) {
  const uint64_t calls_before = e->calls;
  e->incidents = figures->counters.hdr_reset + figures->counters.shared_fail_limit + figures->counters.shared_fail_os_enomem +
                 figures->counters.shared_fail_no_address_space;
  e->calls = 0;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) e->calls += figures->cls[cls].allocs + figures->cls[cls].frees;
  e->rests = e->since > 0 && e->calls == calls_before;
  if (e->since > 0 && e->calls >= calls_before) e->calls_rate = (double)(e->calls - calls_before) / (e->as_of - e->since);
  if (!e->rests) e->is_exact = false;
  if (!e->is_exact) take_buckets(e);
}

/* The last snapshot of a process that rests may be old, so its structures are read once. The others wait for the next refresh if that takes too long. */
static void read_exactly(struct entry *e, double *budget) {
  const bool is_worth_it = e->rests || e->since == 0;
  if (!is_worth_it || e->is_exact || *budget <= 0) return;
  const double before = processor_time();
  if (present_take(figures, e->pid) == 0) take_buckets(e);
  e->is_exact = true;
  *budget -= processor_time() - before;
}

static void refresh(struct entry *e, double now, double *budget) {
  struct kernel k;
  const bool ended = e->state == ENTRY_ENDED || !ask_kernel(e->pid, &k) || k.started != e->started;
  if (e->state == ENTRY_ENDED && e->as_of > 0) return;
  e->since = e->as_of;
  e->as_of = now;
  if (!ended) {
    e->state = k.state == 'T' || k.state == 't' ? ENTRY_STOPPED : ENTRY_RUNS;
    e->rss = k.rss;
    if (e->since > 0) e->load = (k.processor - e->processor) / (now - e->since);
    e->processor = k.processor;
  }
  e->is_present = !ended && read_memory(e) && is_ours(figures) && figures->start_realtime_ns == e->start_realtime_ns;
  const bool known = e->is_present || (read_file(e) && is_ours(figures));
  if (known) take_figures(e);
  if (e->is_present) read_exactly(e, budget);
  if (!ended) return;
  if (known && e->rss == 0) e->rss = figures->rss;
  e->state = ENTRY_ENDED;
  e->calls_rate = e->load = 0;
}

/* ---- Finding them ---- */

static bool has_file(const struct processes *all, const char *path) {
  for (size_t i = 0; i < all->count; i++) {
    if (strcmp(all->entries[i].path, path) == 0) return true;
  }
  return false;
}

/* Takes over `path`. `pid` 0: of a process that has ended. */
static void add_entry(struct processes *all, char *path, uint32_t pid, uint64_t started) {
  struct entry e = {.path = path, .state = pid != 0 ? ENTRY_RUNS : ENTRY_ENDED, .started = started};
  if (!read_file(&e) || !is_ours(figures)) {
    free(path);
    return;
  }
  figures->program[sizeof(figures->program) - 1] = '\0';
  e.program = must_copy(format_last_part(figures->program));
  e.pid = pid != 0 ? pid : figures->pid;
  e.block_at = (uint64_t)(uintptr_t)figures->block_at;
  e.start_realtime_ns = figures->start_realtime_ns;
  for (size_t i = 0; i < all->count && pid != 0; i++) { /* the same process before it called exec */
    if (all->entries[i].pid == pid) all->entries[i].state = ENTRY_ENDED;
  }
  all->entries = must_grow(all->entries, all->count, &all->capacity, sizeof(*all->entries));
  all->entries[all->count++] = e;
}

static void search_directory(struct processes *all, const struct inputs *in) {
  for (size_t i = 0; i < in->stats_count; i++) {
    uint32_t pid = 0;
    struct kernel k = {0};
    if (has_file(all, in->stats[i])) continue;
    const int fd = regular_open(in->stats[i]);
    if (fd < 0) continue;
    if (alive_writer(fd, &pid) == ALIVE_NO || !ask_kernel(pid, &k)) pid = 0;
    close(fd);
    add_entry(all, must_copy(in->stats[i]), pid, k.started);
  }
}

static struct stranger *stranger_of(struct processes *all, uint32_t pid, uint64_t started) {
  for (size_t i = 0; i < all->stranger_count; i++) {
    struct stranger *const s = &all->strangers[i];
    if (s->pid != pid) continue;
    if (s->started != started) *s = (struct stranger){.pid = pid, .started = started};
    return s;
  }
  all->strangers = must_grow(all->strangers, all->stranger_count, &all->stranger_capacity, sizeof(*all->strangers));
  all->strangers[all->stranger_count] = (struct stranger){.pid = pid, .started = started};
  return &all->strangers[all->stranger_count++];
}

static void look_at(struct processes *all, uint32_t pid, double now) {
  for (size_t i = 0; i < all->count; i++) {
    if (all->entries[i].pid == pid && all->entries[i].state != ENTRY_ENDED && all->entries[i].is_present) return;
  }
  struct kernel k;
  struct stranger *s;
  for (size_t i = 0; i < all->stranger_count; i++) { /* one of which is known that it waits costs nothing */
    s = &all->strangers[i];
    if (s->pid == pid && s->next > now) {
      s->seen = true;
      return;
    }
  }
  if (!ask_kernel(pid, &k)) return;
  s = stranger_of(all, pid, k.started);
  s->seen = true;
  char *const path = process_stats_path(pid);
  s->wait = path != NULL ? EXEC_WAIT : s->wait == 0 ? FIRST_WAIT : s->wait * 2 > LAST_WAIT ? LAST_WAIT : s->wait * 2;
  s->next = now + s->wait;
  if (path != NULL && !has_file(all, path)) add_entry(all, path, pid, k.started);
  else free(path);
}

static void search_user(struct processes *all, double now) {
  DIR *const proc = opendir("/proc");
  struct stat status;
  uint32_t pid;
  if (proc == NULL) return;
  for (size_t i = 0; i < all->stranger_count; i++) all->strangers[i].seen = false;
  for (const struct dirent *entry; (entry = readdir(proc)) != NULL;) {
    if (!process_is_id(entry->d_name, &pid)) continue;
    if (fstatat(dirfd(proc), entry->d_name, &status, 0) == 0 && status.st_uid == geteuid()) look_at(all, pid, now);
  }
  closedir(proc);
  size_t kept = 0;
  for (size_t i = 0; i < all->stranger_count; i++) {
    if (all->strangers[i].seen) all->strangers[kept++] = all->strangers[i];
  }
  all->stranger_count = kept;
}

/* In the list of a user's processes, one that ended has nothing to show. In that of a directory, it has its file. */
static void drop_ended(struct processes *all) {
  size_t kept = 0;
  for (size_t i = 0; i < all->count; i++) {
    struct entry *const e = &all->entries[i];
    if (e->state != ENTRY_ENDED) {
      all->entries[kept++] = *e;
    } else {
      free(e->path);
      free(e->program);
    }
  }
  all->count = kept;
}

bool processes_refresh(struct processes *all, double now) {
  if (figures == NULL) figures = must_allocate(sizeof(*figures));
  bool good = true;
  if (all->directory != NULL) {
    struct inputs in = {0};
    good = inputs_add(&in, all->directory) || all->count > 0;
    search_directory(all, &in);
    inputs_fini(&in);
  } else {
    search_user(all, now);
  }
  double budget = all->is_read ? EXACT : FIRST_EXACT;
  for (size_t i = 0; i < all->count; i++) refresh(&all->entries[i], now, &budget);
  all->is_read = true;
  if (all->directory == NULL) drop_ended(all);
  return good;
}

void processes_free(struct processes *all) {
  for (size_t i = 0; i < all->count; i++) {
    free(all->entries[i].path);
    free(all->entries[i].program);
  }
  free(all->entries);
  free(all->strangers);
}

uint64_t processes_id(const struct entry *e) { return e->start_realtime_ns ^ (uint64_t)e->pid << 40; }

const struct entry *processes_find(const struct processes *all, uint64_t id) {
  for (size_t i = 0; i < all->count; i++) {
    if (processes_id(&all->entries[i]) == id) return &all->entries[i];
  }
  return NULL;
}
