/*
 * read_stats.c: reads a statistics file: the block of a process that ended, was killed or still runs. A running process writes the file again and again,
 * so the reader takes a copy between two writings. The counters may be of slightly different moments.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"
#include "common/regular.h"
#include "merged/merged.h"
#include "plausible.h"
#include "process/alive.h"
#include "process/present.h"
#include "read_stats.h"
#include "stats_model.h"

/* Reads up to `end`; returns how far it came. */
static size_t read_range(int fd, char *into, size_t at, size_t end) {
  while (at < end) {
    const ssize_t got = pread(fd, into + at, end - at, (off_t)at);
    if (got <= 0 && !(got < 0 && errno == EINTR)) break;
    if (got > 0) at += (size_t)got;
  }
  return at;
}

/* `into` is zeroed. Most of a file is holes, which are not read, and which take no memory. */
static size_t read_all(int fd, void *into, size_t size) {
  struct stat status;
  if (fstat(fd, &status) != 0) return 0;
  const size_t end = (uint64_t)status.st_size < size ? (size_t)status.st_size : size;
  for (size_t at = 0; at < end;) {
    const off_t data = lseek(fd, (off_t)at, SEEK_DATA), hole = data >= 0 ? lseek(fd, data, SEEK_HOLE) : -1;
    if (data < 0 && errno == ENXIO) break; /* only holes follow */
    const size_t from = hole > data ? (size_t)data : at, to = hole > data && (size_t)hole < end ? (size_t)hole : end;
    at = read_range(fd, into, from, to);
    if (at < to) return at;
  }
  return end;
}

static bool check_header(const struct stats_block *b, size_t got, const char *path) {
  const size_t header = offsetof(struct stats_block, pid);
  if (got == 0) return fail("%s is empty: there was no room for it, or its process ended before it could write", path);
  if (got < header || memcmp(b->magic, STATS_MAGIC, sizeof(b->magic)) != 0) return fail("%s is not a statistics file of hakmem", path);
  if (b->version != STATS_VERSION) {
    return fail("%s has version %u of the statistics format, this program reads version %d; use the hakmem that belongs to the library", path, b->version,
                STATS_VERSION);
  }
  if (b->classes != CLASS_ROWS || b->size != sizeof(*b)) {
    return fail("%s has another layout (%u classes, %llu bytes) than this program reads; use the hakmem that belongs to the library", path, b->classes,
                (unsigned long long)b->size);
  }
  if (got < sizeof(*b)) return fail("%s is cut off: %zu of %zu bytes", path, got, sizeof(*b));
  return true;
}

#define READINGS 5       /* readings of the file of a busy process */
#define WAIT_NS 2000000L /* it takes far less to write it */

/* Reads the file, again if it was being written. A process that was killed while it wrote leaves such a file: that is taken as it is. */
static size_t read_block(int fd, struct stats_block *block, bool is_zeroed) {
  size_t got = 0;
  for (unsigned i = 0; i < READINGS; i++) {
    uint32_t after;
    if (i > 0) nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
    if (i > 0 || !is_zeroed) memset(block, 0, sizeof(*block));
    got = read_all(fd, block, sizeof(*block));
    if (got < sizeof(*block)) break;
    const bool whole = block->publication % 2 == 0 && pread(fd, &after, sizeof(after), offsetof(struct stats_block, publication)) == (ssize_t)sizeof(after);
    if (whole && after == block->publication) break;
  }
  return got;
}

bool read_stats_block(int fd, const char *path, struct stats_block *block) { return check_header(block, read_block(fd, block, false), path); }

/* Whether another program's file shows that this process called exec, and was not killed. */
bool read_stats_became(const struct stats_identity *a, const struct stats_identity *b) {
  return !a->complete && a->pid_namespace != 0 && b->pid == a->pid && b->pid_namespace == a->pid_namespace && b->parent_pid == a->parent_pid &&
         b->start_realtime_ns > a->start_realtime_ns;
}

static struct stats_identity identity_of(const struct model_process *p) {
  return (struct stats_identity){p->pid, p->parent_pid, p->pid_namespace, p->start_realtime_ns, p->complete};
}

static bool has_become_another(const struct report *r, const struct model_process *p) {
  const struct stats_identity own = identity_of(p);
  for (size_t i = 0; i < r->process_count; i++) {
    const struct stats_identity other = identity_of(r->processes[i]);
    if (read_stats_became(&own, &other)) return true;
  }
  return false;
}

void read_stats_end(struct report *r) {
  for (size_t i = 0; i < r->process_count; i++) {
    struct model_process *const p = r->processes[i];
    if (p->merge != NULL) continue;
    p->has_called_exec = has_become_another(r, p);
    if (p->has_called_exec) p->state = PROCESS_EXEC;
    if (p->state == PROCESS_CUT_SHORT) r->lost.incomplete++;
  }
}

/* How a block was read: from the memory of a process that is alive, or, for the reason of an errno, from its file alone. */
struct reading {
  enum alive state;
  bool is_present;
  int refusal;
  uint64_t age_ns;
};

static uint64_t age_of(int fd) {
  struct stat status;
  struct timespec now;
  if (fstat(fd, &status) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0) return 0;
  const int64_t age = (int64_t)(now.tv_sec - status.st_mtim.tv_sec) * 1000000000 + (now.tv_nsec - status.st_mtim.tv_nsec);
  return age > 0 ? (uint64_t)age : 0;
}

/* Reads the file, and the memory of its process if that is alive. One that ends meanwhile has written its end. */
static bool read_now(int fd, const char *path, struct stats_block *block, struct reading *reading) {
  for (unsigned i = 0; i < READINGS; i++) {
    uint32_t pid;
    reading->state = alive_writer(fd, &pid); /* first: a process that ends now writes its end before it gives up its lock */
    if (!check_header(block, read_block(fd, block, i == 0), path)) return false;
    reading->age_ns = age_of(fd);
    if (reading->state == ALIVE_NO || block->complete == 1 || block->exited == 1) break;
    reading->refusal = present_take(block, pid);
    reading->is_present = reading->refusal == 0;
    if (reading->refusal != ESRCH) break;
  }
  return true;
}

static void take_reading(struct model_process *p, const struct reading *reading) {
  if (p->state != PROCESS_CUT_SHORT || reading->state == ALIVE_NO) return;
  p->state = reading->state == ALIVE_STOPPED ? PROCESS_STOPPED : PROCESS_RUNS;
  p->is_present = reading->is_present;
  p->refusal = reading->refusal;
  p->age_ns = reading->age_ns;
}

/* Its processes have no ids of their own any more. */
static bool read_merge(struct report *r, int fd, const char *path, uint32_t pid) {
  if (pid != 0) return true;
  struct merged *const m = must_allocate(sizeof(*m));
  const bool good = merged_read(m, fd, path);
  if (good) merged_to_report(r, m);
  free(m);
  return good;
}

/* Of a block as it is in the file: the memory of a process that runs may be read while its figures change. */
static bool check_figures(const struct stats_block *b, const char *path) {
  if (!plausible_checksum(b)) return fail("%s is damaged: its checksum is that of other data", path);
  const char *const fault = plausible_fault(b);
  return fault == NULL || fail("%s is damaged: %s", path, fault);
}

/* Processes with one id have other starts; a file that was copied has the same. */
static bool is_in(const struct report *r, const struct stats_block *b) {
  for (size_t i = 0; i < r->process_count; i++) {
    const struct model_process *const p = r->processes[i];
    if (p->merge == NULL && p->pid == b->pid && p->start_realtime_ns == b->start_realtime_ns && p->pid_namespace == b->pid_namespace) return true;
  }
  return false;
}

bool read_stats_file(struct report *r, const char *path, uint32_t pid) {
  const int fd = regular_open(path);
  if (fd < 0) return false;
  if (merged_is_file(fd)) {
    const bool good = read_merge(r, fd, path, pid);
    close(fd);
    return good;
  }
  struct stats_block *const block = must_allocate(sizeof(*block));
  const size_t count = r->process_count;
  struct reading reading = {0};
  bool good = read_now(fd, path, block, &reading);
  close(fd);
  if (good && !reading.is_present) good = check_figures(block, path);
  bool is_wanted = good && (pid == 0 || block->pid == pid);
  if (is_wanted && is_in(r, block)) {
    say("%s was left out: its process is in what was named before it, too", path);
    is_wanted = false;
  }
  if (is_wanted) good = stats_model_add(r, block, path);
  if (r->process_count > count) take_reading(r->processes[count], &reading);
  free(block);
  return good;
}

/* What identifies a process is written once. So a file that a live process writes for long, because it is short of processors, has it as well. */
static bool is_being_written(int fd, const char *path) {
  uint32_t pid;
  return alive_writer(fd, &pid) != ALIVE_NO || fail("%s was not written to the end: its process was killed, or there was no room", path);
}

bool read_stats_check(const char *path, struct stats_identity *identity) {
  const size_t head = offsetof(struct stats_block, stride);
  const int fd = regular_open(path);
  if (fd < 0) return false;
  struct stats_block *const block = must_map(sizeof(*block));
  struct stat status;
  bool good = false;
  for (unsigned i = 0; i < READINGS; i++) { /* a live process may be writing its first page */
    if (i > 0) nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
    const bool there = pread(fd, block, head, 0) == (ssize_t)head && fstat(fd, &status) == 0;
    good = check_header(block, there ? (size_t)status.st_size : 0, path) && (block->publication % 2 == 0 || is_being_written(fd, path));
    if (good || !there || block->publication % 2 == 0) break;
  }
  close(fd);
  if (good) *identity = (struct stats_identity){block->pid, block->parent_pid, block->pid_namespace, block->start_realtime_ns, block->complete != 0};
  munmap(block, sizeof(*block));
  return good;
}
