#include "ask.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"
#include "input/process/alive.h"
#include "input/process/present.h"
#include "input/process/process.h"
#include "input/read_stats.h"

#define AT(member) ((off_t)(sizeof(struct stats_block) + offsetof(struct control, member)))
#define STEP_NS 2000000L
#define SIGNAL_STEPS 50u

static void sleep_a_step(void) { nanosleep(&(struct timespec){.tv_nsec = STEP_NS}, NULL); }

static uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- Its file. ---- */

/* Whether the open file is the statistics file of process a->pid, of this version, and may be written. */
static bool is_good(const struct asker *a) {
  struct stat status;
  struct stats_identity identity;
  uint32_t holder;
  if (fstat(a->fd, &status) != 0) return fail("cannot look at %s: %s", a->path, strerror(errno));
  if (!S_ISREG(status.st_mode)) return fail("%s is not a regular file", a->path);
  if (geteuid() != 0 && status.st_uid != geteuid())
    return fail("%s belongs to another user; only that user and root may change process %" PRIu32, a->path, a->pid);
  if (!read_stats_check(a->path, &identity)) return false;
  if (status.st_size < (off_t)STATS_FILE_SIZE) return fail("%s is cut off; the process repairs it when it next writes its statistics", a->path);
  if (alive_writer(a->fd, &holder) == ALIVE_NO || holder != a->pid) return fail("process %" PRIu32 " has ended", a->pid);
  return true;
}

bool ask_open(struct asker *a, uint32_t pid) {
  *a = (struct asker){.pid = pid, .fd = -1, .path = process_stats_path(pid)};
  if (a->path == NULL) return false;
  const bool by_descriptor = strncmp(a->path, "/proc/", 6) == 0; /* a link by its nature */
  a->fd = open(a->path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (by_descriptor ? 0 : O_NOFOLLOW));
  if (a->fd < 0) return fail("cannot write to %s: %s; only the user who runs process %" PRIu32 ", and root, may", a->path, strerror(errno), pid);
  return is_good(a);
}

void ask_close(struct asker *a) {
  if (a->fd >= 0) close(a->fd);
  free(a->path);
}

/* ---- Asking. ---- */

static bool read_at(const struct asker *a, void *into, size_t size, off_t at) {
  return pread(a->fd, into, size, at) == (ssize_t)size || fail("cannot read %s: it is cut off", a->path);
}

static bool write_at(const struct asker *a, const void *from, size_t size, off_t at) {
  const ssize_t written = pwrite(a->fd, from, size, at);
  return written == (ssize_t)size || fail("cannot write to %s: %s", a->path, strerror(written < 0 ? errno : ENOSPC));
}

/* Whether it has a handler: without one, the signal could end the process. */
static bool catches(uint32_t pid, uint32_t number) {
  char *const path = must_print("/proc/%" PRIu32 "/status", pid), line[256];
  FILE *const file = fopen(path, "re");
  uint64_t caught = 0;
  free(path);
  while (file != NULL && fgets(line, sizeof(line), file) != NULL && sscanf(line, "SigCgt: %" SCNx64, &caught) != 1) {}
  if (file != NULL) fclose(file);
  return number >= 1 && number <= 64 && (caught >> (number - 1) & 1) != 0;
}

bool ask_by_signal(struct asker *a) {
  uint32_t number;
  if (!read_at(a, &number, sizeof(number), offsetof(struct stats_block, stats_signal))) return false;
  if (!catches(a->pid, number))
    return fail("process %" PRIu32 " has no signal by which it can be woken; start the program with HAKMEM_STATS_SIGNAL=USR2", a->pid);
  a->signal = (int)number;
  return true;
}

/* One asker at a time. The lock ends with this process. */
static bool lock(const struct asker *a, uint64_t until_ms) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = AT(asked), .l_len = sizeof(struct control)};
  while (fcntl(a->fd, F_OFD_SETLK, &whole) != 0) {
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) return fail("cannot lock %s: %s", a->path, strerror(errno));
    if (now_ms() >= until_ms) return fail("another hakmem is asking process %" PRIu32 "; try again", a->pid);
    sleep_a_step();
  }
  return true;
}

static void unlock(const struct asker *a) {
  struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = AT(asked), .l_len = sizeof(struct control)};
  fcntl(a->fd, F_OFD_SETLK, &whole);
}

/* Enters the request, and sets *number. `asked` is written last: if this program is killed before, nothing is asked. */
static bool enter(const struct asker *a, const struct control_request *request, uint64_t *number) {
  uint64_t asked, done;
  if (!read_at(a, &asked, sizeof(asked), AT(asked)) || !read_at(a, &done, sizeof(done), AT(done))) return false;
  if (asked - done > CONTROL_SLOTS) asked = done; /* damage: the process drops it, too */
  if (asked - done == CONTROL_SLOTS) return fail("%d requests wait for process %" PRIu32 " already, which rests or is stopped", CONTROL_SLOTS, a->pid);
  *number = asked + 1;
  return write_at(a, request, sizeof(*request), AT(requests) + (off_t)(*number % CONTROL_SLOTS * sizeof(*request))) &&
         write_at(a, number, sizeof(*number), AT(asked));
}

/* Grows with each writing of the statistics. */
static uint32_t publication(const struct asker *a) {
  uint32_t number;
  return read_at(a, &number, sizeof(number), offsetof(struct stats_block, publication)) ? number : 0;
}

static const char *what_it_does(enum control_kind kind) {
  switch (kind) {
    case CONTROL_SET: return "changes its options";
    case CONTROL_TRIM: return "returns its free memory";
    default: return "writes its statistics";
  }
}

static enum ask_result waits(const struct asker *a, enum control_kind kind, enum alive state, uint32_t published) {
  if (publication(a) != published)
    fail("process %" PRIu32 " runs, but has not answered for %.3g s: it or the machine is busy; it %s later", a->pid, a->wait_ms / 1e3, what_it_does(kind));
  else if (state == ALIVE_STOPPED)
    fail("process %" PRIu32 " is stopped: it %s when it continues and next enters the slow path of malloc or free", a->pid, what_it_does(kind));
  else
    fail("process %" PRIu32 " rests: it did not enter the slow path of malloc or free for %.3g s; it %s when it next does%s", a->pid, a->wait_ms / 1e3,
         what_it_does(kind),
         kind == CONTROL_TRIM && a->signal == 0 ? "; a program that was started with HAKMEM_STATS_SIGNAL=USR2 can be woken: hakmem trim --signal" : "");
  return ASK_WAITS;
}

static enum ask_result wait_for(const struct asker *a, enum control_kind kind, uint64_t number, uint32_t cookie, uint64_t until_ms,
                                struct control_answer *answer) {
  const uint32_t published = publication(a);
  for (unsigned step = 0;; step++) {
    uint64_t done;
    uint32_t holder;
    const enum alive state = alive_writer(a->fd, &holder); /* first: a process that ends now answers before it gives up its lock */
    if (!read_at(a, &done, sizeof(done), AT(done))) return ASK_REFUSED;
    if (done - number < CONTROL_SLOTS) break;
    if (state == ALIVE_NO || holder != a->pid) {
      fail("process %" PRIu32 " ended before it did this", a->pid);
      return ASK_REFUSED;
    }
    if (a->signal != 0 && step % SIGNAL_STEPS == 0) kill((pid_t)a->pid, a->signal); /* again: a handler that interrupts the allocator does nothing */
    if (now_ms() >= until_ms) return waits(a, kind, state, published);
    sleep_a_step();
  }
  if (!read_at(a, answer, sizeof(*answer), AT(answers) + (off_t)(number % CONTROL_SLOTS * sizeof(*answer)))) return ASK_REFUSED;
  if (answer->cookie != cookie) {
    fail("process %" PRIu32 " lost the request, because another program wrote to %s; ask again", a->pid, a->path);
    return ASK_REFUSED;
  }
  answer->text[sizeof(answer->text) - 1] = '\0';
  if (answer->error == 0) return ASK_DONE;
  fail("process %" PRIu32 " refuses: %s", a->pid, answer->text[0] != '\0' ? answer->text : strerror(answer->error));
  return ASK_REFUSED;
}

/* Differs between requests to one process. */
static uint32_t new_cookie(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint32_t)now.tv_sec * 1000000000 + (uint32_t)now.tv_nsec;
}

enum ask_result ask(const struct asker *a, enum control_kind kind, const char *text, uint32_t for_ms, struct control_answer *answer) {
  const uint64_t until_ms = now_ms() + a->wait_ms;
  struct control_request request = {.kind = kind, .for_ms = for_ms, .cookie = new_cookie()};
  uint64_t number;
  if (strlen(text) >= sizeof(request.text)) {
    fail("%s is too long", text);
    return ASK_REFUSED;
  }
  strcpy(request.text, text);
  if (!lock(a, until_ms)) return ASK_REFUSED;
  const bool entered = enter(a, &request, &number);
  unlock(a);
  return entered ? wait_for(a, kind, number, request.cookie, until_ms, answer) : ASK_REFUSED;
}

/* ---- What it has. ---- */

/* From its memory if that may be read: a process that rests may have settings that its file has not. */
bool ask_settings(const struct asker *a, struct stats_setting settings[SETTING_COUNT], uint64_t *elapsed_ns) {
  const size_t size = SETTING_COUNT * sizeof(*settings), at = offsetof(struct stats_block, settings);
  const void *block_at;
  uint64_t start_ns;
  struct process process;
  if (!read_at(a, settings, size, (off_t)at) || !read_at(a, &block_at, sizeof(block_at), offsetof(struct stats_block, block_at)) ||
      !read_at(a, &start_ns, sizeof(start_ns), offsetof(struct stats_block, start_monotonic_ns)))
    return false;
  if (process_open(&process, a->pid) == 0) {
    struct stats_setting now[SETTING_COUNT];
    if (process_read(&process, (uintptr_t)block_at + at, now, size) == 0) memcpy(settings, now, size);
    process_close(&process);
  }
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  *elapsed_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec - start_ns;
  return true;
}

bool ask_copy(const struct asker *a, const char *to, bool *as_now) {
  struct stats_block *const block = must_allocate(sizeof(*block));
  bool good = read_stats_block(a->fd, a->path, block);
  if (good) {
    *as_now = present_take(block, a->pid) == 0;
    block->is_copy = 1;
    const int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    const size_t size = sizeof(*block);
    good = fd >= 0 && write(fd, block, size) == (ssize_t)size && ftruncate(fd, STATS_FILE_SIZE) == 0;
    if (!good) fail("cannot write %s: %s", to, strerror(errno));
    if (fd >= 0) close(fd);
  }
  free(block);
  return good;
}
