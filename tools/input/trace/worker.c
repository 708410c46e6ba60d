#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"
#include "common/sandbox.h"
#include "input/trace/sum/trace_part.h"
#include "live.h"

#define STALL_SECONDS 10             /* of processor time, without a message */
#define STALL_WALL_SECONDS 60        /* of real time: a slow disk is not a damaged trace */
#define LAST_SECONDS 5               /* of real time, to hand over after that */
#define MEMORY_MAX ((rlim_t)2 << 30) /* sound traces take some MiB a stream; damaged ones ask for arrays of 2^32 */
#define READ_SIZE (1u << 16)
#define STACK_SIZE (1u << 16)
#define HAND_OVER SIGUSR1

/* ---- The worker ---- */

static const struct trace_model *own_model;
static int own_fd, own_parts;

/* It crashed within libbabeltrace2, or is stuck there: the model is as it was after the last event. */
static void hand_over(int number) {
  trace_part_write(own_fd, own_model, "");
  if (number == HAND_OVER) _exit(EXIT_FAILED);
  raise(number); /* now it ends the process */
}

/* In place of the part before, which the parent process has read. */
static void give_part(const struct trace_model *model) {
  if (own_parts < 0 || ftruncate(own_parts, 0) != 0 || lseek(own_parts, 0, SEEK_SET) != 0) return;
  trace_part_write(own_parts, model, NULL);
}

static void catch_crashes(void) {
  static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, HAND_OVER};
  const stack_t stack = {.ss_sp = must_allocate(STACK_SIZE), .ss_size = STACK_SIZE}; /* a recursion may have used the other one up */
  sigaltstack(&stack, NULL);
  for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++) {
    sigaction(crashes[i], &(struct sigaction){.sa_handler = hand_over, .sa_flags = SA_ONSTACK | (int)SA_RESETHAND | SA_NODEFER}, NULL);
  }
}

static _Noreturn void be_worker(const struct worker *w, int fd, pid_t parent, char *const *directories, size_t count, const struct trace_choice *choice) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(EXIT_FAILED);
  signal(SIGINT, SIG_IGN); /* the one who waits for it says when to end */
  setrlimit(RLIMIT_DATA, &(const struct rlimit){MEMORY_MAX, MEMORY_MAX});
  sandbox_silence();
  struct report *const r = model_create(SOURCE_TRACE, "");
  r->keep_spans = choice->keep_spans;
  struct trace_model *const model = trace_model_create(r);
  own_model = model;
  own_fd = fd;
  own_parts = w->parts;
  catch_crashes();
  const bool good = trace_decode(directories, count, choice->pid, model, w->progress, give_part);
  trace_part_write(fd, model, good ? NULL : failure());
  _exit(EXIT_DONE);
}

/* ---- The one who waits for it ---- */

bool worker_start(struct worker *w, char *const *directories, size_t count, const struct trace_choice *choice) {
  int ends[2];
  *w = (struct worker){.parts = -1};
  w->progress = mmap(NULL, sizeof(*w->progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (w->progress == MAP_FAILED || pipe2(ends, O_CLOEXEC) != 0) return fail("cannot read the trace: %s", strerror(errno));
  if (choice->in_parts && (w->parts = memfd_create("hakmem-parts", MFD_CLOEXEC)) < 0) return fail("cannot read the trace: %s", strerror(errno));
  const pid_t parent = getpid();
  w->is_live = live_is_address(directories[0]);
  w->pid = fork();
  if (w->pid == 0) be_worker(w, ends[1], parent, directories, count, choice);
  close(ends[1]);
  w->fd = ends[0];
  if (w->pid > 0) return true;
  w->pid = 0;
  close(w->fd);
  return fail("cannot start a process: %s", strerror(errno));
}

bool worker_receive(struct worker *w) {
  if (w->capacity - w->length < READ_SIZE) {
    w->capacity = w->capacity * 2 + READ_SIZE;
    unsigned char *const larger = must_allocate(w->capacity);
    if (w->length > 0) memcpy(larger, w->bytes, w->length);
    free(w->bytes);
    w->bytes = larger;
  }
  const ssize_t got = read(w->fd, w->bytes + w->length, w->capacity - w->length);
  if (got > 0) w->length += (size_t)got;
  return got > 0 || (got < 0 && errno == EINTR);
}

void worker_ask(struct worker *w) {
  if (worker_given(w)) w->progress->asked++;
}

bool worker_given(const struct worker *w) { return w->progress->given == w->progress->asked; }

unsigned char *worker_part(const struct worker *w, size_t *length) {
  struct stat status;
  if (fstat(w->parts, &status) != 0 || status.st_size <= 0) return NULL;
  unsigned char *const bytes = must_allocate((size_t)status.st_size);
  const ssize_t got = pread(w->parts, bytes, (size_t)status.st_size, 0);
  *length = got > 0 ? (size_t)got : 0;
  return bytes;
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

void worker_watch(struct worker *w) {
  const double processor = processor_of(w->pid), wall = seconds_of(CLOCK_MONOTONIC);
  const uint64_t done = w->progress->messages + w->length;
  if (w->wall == 0 || (done != w->seen && !w->is_stalled)) {
    w->seen = done;
    w->processor = processor;
    w->wall = wall;
  } else if (w->is_stalled) {
    if (wall - w->wall >= LAST_SECONDS) kill(w->pid, SIGKILL);
  } else if (processor - w->processor >= STALL_SECONDS || wall - w->wall >= (w->is_live ? STALL_SECONDS : STALL_WALL_SECONDS)) {
    w->is_stalled = true;
    w->wall = wall;
    kill(w->pid, HAND_OVER);
  }
}

char *worker_finish(struct worker *w, struct trace_model *t) {
  int status = 0;
  char *why;
  kill(w->pid, SIGKILL); /* it has ended, unless it closed the pipe */
  while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR) {}
  w->pid = 0;
  close(w->fd);
  if (w->parts >= 0) close(w->parts);
  const bool good = trace_part_take(t, w->bytes, w->length, &why);
  free(w->bytes);
  munmap(w->progress, sizeof(*w->progress));
  if (good && (why == NULL || *why != '\0')) return why;
  free(why);
  if (w->is_stalled && w->is_live) return must_print("the relay did not answer for %d s", STALL_SECONDS);
  const int ended_by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return w->is_stalled ? must_print("libbabeltrace2 made no progress on it for %d s", STALL_SECONDS)
                       : must_print("libbabeltrace2 failed on it (%s)", ended_by != 0 ? strsignal(ended_by) : "it ended");
}
