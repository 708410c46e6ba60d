/*
 * read_trace.c: reads a trace: a child decodes it and sends the events through a pipe; this process adds them up. If the child crashes, runs out of
 * memory or makes no progress, the model has the events until then.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/error.h"
#include "common/sandbox.h"
#include "common/memory.h"
#include "metadata.h"
#include "common/progress.h"
#include "read_trace.h"
#include "trace_decode.h"

#define STALL_SECONDS 10      /* of processor time, without a message */
#define STALL_WALL_SECONDS 60 /* of real time: a slow disk is not a damaged trace */
#define POLL_MS 500
#define MEMORY_MAX ((rlim_t)2 << 30) /* sound traces take some MiB a stream; damaged ones ask for arrays of 2^32 */
#define PIPE_SIZE (1 << 20)
#define READ_SIZE (1u << 18)

struct child {
  pid_t pid;
  int fd;
  struct wire_room *room; /* shared */
  uint64_t seen;
  double processor, wall; /* seconds; the time of its last progress */
};

struct reading {
  struct report *r;
  struct trace_model *model;
  unsigned char *bytes; /* bytes of the pipe that are not yet parsed */
  size_t length, capacity;
  bool ended; /* WIRE_END has arrived */
  char *why;  /* why it ended too early; NULL: unknown */
};

static _Noreturn void be_child(int fd, struct wire_room *room, pid_t parent, char *const *directories, size_t count, uint32_t pid) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(EXIT_FAILED);
  setrlimit(RLIMIT_DATA, &(const struct rlimit){MEMORY_MAX, MEMORY_MAX});
  sandbox_silence();
  struct wire out = {.fd = fd, .room = room};
  if (trace_decode(directories, count, pid, &out)) wire_end(&out);
  else wire_failed(&out, failure());
  wire_send(&out);
  _exit(EXIT_DONE);
}

static bool start(struct child *c, char *const *directories, size_t count, uint32_t pid) {
  int ends[2];
  c->room = mmap(NULL, sizeof(*c->room), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (c->room == MAP_FAILED || pipe2(ends, O_CLOEXEC) != 0) return fail("cannot read the trace: %s", strerror(errno));
  fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE); /* fewer switches between the processes, if the kernel allows the size */
  const pid_t parent = getpid();
  c->pid = fork();
  if (c->pid == 0) be_child(ends[1], c->room, parent, directories, count, pid);
  close(ends[1]);
  c->fd = ends[0];
  if (c->pid > 0) return true;
  close(c->fd);
  return fail("cannot start a process: %s", strerror(errno));
}

static double seconds_of(clockid_t clock) {
  struct timespec now = {0};
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double processor_of(pid_t pid) {
  clockid_t clock;
  return clock_getcpuclockid(pid, &clock) == 0 ? seconds_of(clock) : 0;
}

/* Whether the child has made no progress for too long. */
static bool is_stalled(struct child *c) {
  const double processor = processor_of(c->pid), wall = seconds_of(CLOCK_MONOTONIC);
  if (c->wall == 0 || c->room->messages != c->seen) {
    c->seen = c->room->messages;
    c->processor = processor;
    c->wall = wall;
  }
  return processor - c->processor >= STALL_SECONDS || wall - c->wall >= STALL_WALL_SECONDS;
}

static void take_entry(struct reading *in, struct wire_entry *entry) {
  struct model_losses lost;
  switch (entry->kind) {
    case WIRE_END: in->ended = true; break;
    case WIRE_FAILED:
      ((char *)entry)[entry->length - 1] = '\0';
      free(in->why);
      in->why = must_copy((char *)wire_body(entry));
      break;
    case WIRE_LOST: memcpy(&lost, wire_body(entry), sizeof(lost));
#define ADD_LOSS(name, text) in->r->lost.name += lost.name;
      MODEL_LOSSES(ADD_LOSS)
      break;
    default:
      if (!wire_take_event(entry, in->model)) in->r->lost.invalid++;
  }
}

/* The least bytes of an entry. */
static size_t least_length(uint32_t kind) { return sizeof(struct wire_entry) + (kind == WIRE_LOST ? sizeof(struct model_losses) : kind == WIRE_END ? 0 : 8); }

/* Parses the whole entries. False if the data are nonsense. */
static bool take_entries(struct reading *in) {
  size_t at = 0;
  while (in->length - at >= sizeof(struct wire_entry)) {
    struct wire_entry *const entry = (struct wire_entry *)(void *)(in->bytes + at);
    if (entry->length % 8 != 0 || entry->length < least_length(entry->kind) || entry->length > WIRE_LENGTH_MAX) return false;
    if (entry->length > in->length - at) break;
    at += entry->length;
    take_entry(in, entry);
  }
  in->length -= at;
  memmove(in->bytes, in->bytes + at, in->length);
  return true;
}

static void make_room(struct reading *in, size_t size) {
  if (in->capacity - in->length >= size) return;
  in->capacity = in->capacity * 2 + size;
  unsigned char *const larger = must_allocate(in->capacity);
  if (in->length > 0) memcpy(larger, in->bytes, in->length);
  free(in->bytes);
  in->bytes = larger;
}

/* Parses the entries that the child had not sent when it crashed or was killed. */
static void take_unsent(struct reading *in, const struct wire_room *room) {
  const size_t sent = room->sent, whole = room->whole;
  if (sent > whole || whole > WIRE_ROOM) return;
  make_room(in, whole - sent);
  memcpy(in->bytes + in->length, room->bytes + sent, whole - sent);
  in->length += whole - sent;
  take_entries(in);
}

/* Reads once from the pipe. False at its end. */
static bool receive(struct reading *in, int fd) {
  make_room(in, READ_SIZE);
  const ssize_t got = read(fd, in->bytes + in->length, in->capacity - in->length);
  if (got > 0) in->length += (size_t)got;
  return (got > 0 && take_entries(in)) || (got < 0 && errno == EINTR);
}

/* Receives from the child until it ends, or must be killed. */
static void follow(struct child *c, struct reading *in) {
  bool stalled = false, more = true;
  while (more && !stalled) {
    struct pollfd ready = {.fd = c->fd, .events = POLLIN};
    if (poll(&ready, 1, POLL_MS) > 0) more = receive(in, c->fd);
    else stalled = is_stalled(c);
    sandbox_alive();
    progress_update(in->r->events, 0, "events");
  }
  kill(c->pid, SIGKILL); /* it has ended, unless it stalled or sent nonsense */
  int status = 0;
  while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR) {}
  if (in->why == NULL && !in->ended) take_unsent(in, c->room);
  if (in->why != NULL || in->ended) return;
  const int ended_by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  in->why = stalled ? must_print("libbabeltrace2 made no progress on it for %d s", STALL_SECONDS)
                    : must_print("libbabeltrace2 failed on it (%s)", ended_by != 0 ? strsignal(ended_by) : "it ended");
}

/* True also for a partly read trace: a message says so, and it counts as a loss. */
static bool finish(struct reading *in, char *const *directories, size_t count) {
  if (in->ended) return true;
  if (in->r->events == 0) return fail("cannot read the trace in %s: %s", directories[0], in->why);
  say("the trace%s in %s could not be read to the end: %s; the report has the events until then", count > 1 ? "s" : "", in->r->path, in->why);
  in->r->lost.unread++;
  return true;
}

bool read_traces(struct report *r, char *const *directories, size_t count, uint32_t pid) {
  for (size_t i = 0; i < count; i++) {
    if (!metadata_check(directories[i])) return false;
  }
  struct child child = {0};
  if (!start(&child, directories, count, pid)) return false;
  struct reading in = {.r = r, .model = trace_model_create(r)};
  progress_start("reading the trace");
  follow(&child, &in);
  progress_clear();
  close(child.fd);
  munmap(child.room, sizeof(*child.room));
  trace_model_finish(in.model);
  const bool good = finish(&in, directories, count);
  free(in.bytes);
  free(in.why);
  return good;
}
