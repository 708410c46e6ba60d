/*
 * stats_file.c: HAKMEM_STATS_FILE: which file takes the statistics, and when they are written.
 *
 * The program counts in its own memory, which is copied to the file again and again. A mapping of the file would end the program with SIGBUS if
 * another process truncated it, or if the disk is full. And any count could wait for the disk.
 *
 * A file belongs to one process. Its lock (flock) is held from its creation to the end of the process, so hakmem never guesses from a process id. An
 * existing file is never written to. A new file replaces it if its process has ended; otherwise it stays as it is. This process takes
 *
 *   NAME, else NAME.PID, else NAME.PID.2, NAME.PID.3, ...
 *
 * Only the first file of a program replaces another, and only if its name has no %p. So the files of a parent, of an earlier program of this
 * process, and of a process with the same id stay. A program that calls exec at once has written only its beginning, and is replaced.
 *
 *   on disk:  the block (stats_pages.c). Behind it: requests of other processes, and the answers (control.h)
 */
#include <string.h>
#include <sys/file.h>

#include "src/platform/config.h"
#include "src/memory/os.h"
#include "src/platform/message.h"
#include "src/platform/syscall.h"
#include "base/clock.h"
#include "stats_file.h"
#include "stats_pages.h"

#define SHORTEST_MS 4  /* between two writings; a longer life has rarer ones, */
#define LIFE_PART 16   /* so that a kill loses at most one part in this number of the life, */
#define LONGEST_MS 100 /* or this much */
#define COST_PART 100  /* writing takes at most this percentage of the processor time, */
#define WAIT_PART 10   /* and of all time, if the disk or the processor is busy */
#define LOOK_MS 100    /* a writing may be due late. Requests are looked for this often, which takes two system calls */
#define NAMES 100
#define FIRST_PUBLICATION 2
#define END_WAITS 20000 /* of 50 us: for another thread that writes to a slow disk */

static char path[PATH_MAX + 32]; /* empty: there is no file */
static struct own_file file = NO_FILE;
static bool writing;      /* atomic; one thread at a time, */
static bool wanted;       /* atomic; which then does once more what another wants meanwhile */
static bool begins;       /* nothing has happened yet: the next writing is the first page alone */
static bool failed;       /* that it cannot be written was said */
static uint64_t due_ms;   /* atomic; when it is written next */
static uint64_t look_ms;  /* atomic; when requests are looked for next */
static uint64_t replaced; /* what the file's `programs_replaced` is to say */
static uint64_t born_ns;  /* when the process took its file, by the monotonic clock */

static struct control control; /* `asked` and `done` are atomic */
static uint64_t answered;      /* the answers up to this one are in the file */
#define AT_CONTROL(member) (off_t)(sizeof(struct stats_block) + offsetof(struct control, member))

static void say(const char *what, const char *why, const char *therefore) { message_say_file("HAKMEM_STATS_FILE", what, path, why, therefore); }

static void say_unwritten(int error) {
  if (failed) return;
  failed = true;
  say("write", strerrordesc_np(error), "; it lacks what this process counts from now on");
}

/* ---- The file's name. ---- */

enum claim { CLAIMED, TAKEN, REFUSED };

static bool is_at_path(const struct own_file *f) {
  struct stat status;
  return sys_stat(path, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_dev == f->device && status.st_ino == f->inode;
}

/* Another process that found the file unlocked may have locked or removed it. */
static bool lock(const struct own_file *f) { return (sys_flock(f->number, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) && is_at_path(f); }

static enum claim create(void) {
  file = file_open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
  if (file.number < 0) return errno == EEXIST ? TAKEN : REFUSED;
  if (lock(&file)) return CLAIMED;
  file_close(&file);
  return TAKEN;
}

/* Why the file at the path cannot be a file that hakmem wrote for this user, else NULL. */
static const char *objection(const struct stat *status) {
  if (S_ISLNK(status->st_mode)) return "it is a symbolic link";
  if (!S_ISREG(status->st_mode)) return "it is not a regular file";
  return status->st_uid == sys_geteuid() ? NULL : "it belongs to another user";
}

/* The beginning of a block. */
struct beginning {
  char bytes[offsetof(struct stats_block, stride)];
};

/* Whether this process made the file before it called exec, with nothing in it but its beginning. */
static bool is_of_earlier_self(const struct beginning *beginning, const struct stats_block *own) {
#define IS(member, value) (memcmp(beginning->bytes + offsetof(struct stats_block, member), &(value), sizeof(value)) == 0)
  static const uint32_t no = 0, first = FIRST_PUBLICATION;
  return IS(version, own->version) && IS(publication, first) && IS(complete, no) && IS(pid, own->pid) && IS(parent_pid, own->parent_pid) &&
         IS(pid_namespace, own->pid_namespace) && own->pid_namespace != 0;
}

/* What the beginning of such a file says of the programs before it. */
static uint64_t programs_before(const struct own_file *old) {
  uint64_t programs;
  return file_read_at(old, &programs, sizeof(programs), offsetof(struct stats_block, programs_replaced)) == (ssize_t)sizeof(programs) ? programs : 0;
}

/* Removes the file of an ended process. */
static enum claim remove_ended(const struct stats_block *own, bool may_replace, const char **why) {
  struct beginning beginning;
  struct own_file old = file_open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  if (old.number < 0) return REFUSED;
  enum claim result = TAKEN;
  if (sys_flock(old.number, LOCK_EX | LOCK_NB) == 0 && is_at_path(&old)) {
    const ssize_t got = file_read_at(&old, &beginning, sizeof(beginning), 0);
    const bool ours = got == 0 || (got == (ssize_t)sizeof(beginning) && memcmp(&beginning, STATS_MAGIC, sizeof(STATS_MAGIC) - 1) == 0);
    if (!ours && may_replace) *why = "it is not a statistics file, and is not overwritten";
    const bool earlier = got > 0 && ours && is_of_earlier_self(&beginning, own);
    if (earlier) replaced = programs_before(&old) + 1;
    if (!may_replace && !earlier) result = TAKEN;
    else result = ours && sys_unlink(path) == 0 ? CLAIMED : REFUSED;
  }
  file_close(&old);
  return result;
}

static enum claim claim(const struct stats_block *own, bool may_replace, const char **why) {
  struct stat status;
  enum claim result = create();
  if (result != TAKEN || sys_stat(path, &status, AT_SYMLINK_NOFOLLOW) != 0) return result;
  *why = objection(&status);
  if (*why != NULL) return REFUSED;
  result = remove_ended(own, may_replace, why);
  return result == CLAIMED ? create() : result;
}

static bool claim_a_name(const struct stats_block *own, bool may_replace) {
  const char *why = NULL;
  if (!config_file_path(config.stats_file, path)) {
    errno = ENAMETOOLONG;
    say("make", strerrordesc_np(errno), "; this process keeps its statistics in memory");
    return false;
  }
  const size_t length = strlen(path);
  enum claim result = claim(own, may_replace, &why);
  for (unsigned name = 1; result == TAKEN && name < NAMES; name++) {
    config_other_path(path, length, name);
    result = claim(own, false, &why);
  }
  if (result == CLAIMED) {
    pages_none();
    answered = 0;
    return true;
  }
  say("make",
      why != NULL       ? why
      : result == TAKEN ? "too many files with this name exist"
                        : strerrordesc_np(errno),
      "; this process keeps its statistics in memory");
  path[0] = '\0';
  return false;
}

/*
 * The program may have closed the descriptor, which drops the lock. Opens the file by its path or, if another process has claimed it, one of
 * another name.
 */
static bool reopen(const struct stats_block *own) {
  struct stat status;
  if (file_is_own(&file, &status)) {
    if (status.st_size == STATS_FILE_SIZE) return true;
    pages_truncated();
    const int error = file_resize(&file, STATS_FILE_SIZE);
    if (error != 0) say_unwritten(error);
    return error == 0;
  }
  const struct own_file before = file;
  file = file_open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  if (file.device == before.device && file.inode == before.inode && lock(&file)) return true;
  file_close(&file);
  return claim_a_name(own, false);
}

/* ---- Requests and answers. ---- */

struct control *stats_file_control(void) {
  return path[0] != '\0' ? &control : NULL;
}

/* The asker writes `asked` after the requests, so they are read after it. */
static void read_requests(void) {
  uint64_t asked;
  if (file_read_at(&file, &asked, sizeof(asked), AT_CONTROL(asked)) != (ssize_t)sizeof(asked) || asked == control.asked) return;
  if (file_read_at(&file, control.requests, sizeof(control.requests), AT_CONTROL(requests)) != (ssize_t)sizeof(control.requests)) return;
  __atomic_store_n(&control.asked, asked, __ATOMIC_RELEASE);
}

static int write_answers(void) {
  const uint64_t done = __atomic_load_n(&control.done, __ATOMIC_ACQUIRE);
  if (done == answered) return 0;
  int error = file_write_at(&file, control.answers, sizeof(control.answers), AT_CONTROL(answers));
  if (error == 0) error = file_write_at(&file, &done, sizeof(done), AT_CONTROL(done));
  if (error == 0) answered = done;
  return error;
}

/* ---- A copy. ---- */

int stats_file_copy(struct stats_block *b, const char *to) {
  struct own_file copy = file_open(to, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
  if (copy.number < 0) return errno;
  const int error = pages_copy(&copy, b);
  if (error != 0) sys_unlink(to); /* a part of the statistics would look like all of them, and be in the way of the next try */
  file_close(&copy);
  return error;
}

/* ---- When it is written. ---- */

static bool is_own_process(const struct stats_block *b) { return b->pid == (uint32_t)sys_getpid(); }

/* All signals are blocked, so that no handler of this thread runs while it writes. */
static void write_once(struct stats_block *b) {
  const int saved = errno;
  const uint64_t start_ns = clock_ns(CLOCK_MONOTONIC), start_work_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  if (reopen(b)) {
    if (!begins) read_requests();              /* a new file has none */
    if (!begins && b->start_monotonic_ns != 0) /* the counts are younger than the last snapshot */
      __atomic_store_n(&b->elapsed_ns, start_ns - b->start_monotonic_ns, __ATOMIC_RELAXED);
    int error = pages_write(&file, b, begins);
    begins = false;
    if (error == 0) error = write_answers();
    if (error != 0) say_unwritten(error);
  }
  const uint64_t now_ns = clock_ns(CLOCK_MONOTONIC), part_ms = (now_ns - born_ns) / 1000000 / LIFE_PART;
  const uint64_t pause_ms = part_ms < SHORTEST_MS ? SHORTEST_MS : part_ms > LONGEST_MS ? LONGEST_MS : part_ms;
  const uint64_t work_ns = (clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_work_ns) * COST_PART, wait_ns = (now_ns - start_ns) * WAIT_PART;
  __atomic_store_n(&due_ms, os_now_ms() + pause_ms + (work_ns > wait_ns ? work_ns : wait_ns) / 1000000, __ATOMIC_RELAXED);
  errno = saved;
}

void stats_file_changing(struct stats_block *b) { __atomic_fetch_add(&b->changes, 1, __ATOMIC_SEQ_CST); }

bool stats_file_is_there(const struct stats_block *b) { return path[0] != '\0' && is_own_process(b); }

/* Writes as long as a thread wants that. Signals are blocked. */
static void write_wanted(struct stats_block *b) {
  while (__atomic_load_n(&wanted, __ATOMIC_SEQ_CST) && !__atomic_exchange_n(&writing, true, __ATOMIC_SEQ_CST)) {
    __atomic_store_n(&wanted, false, __ATOMIC_SEQ_CST);
    write_once(b);
    __atomic_store_n(&writing, false, __ATOMIC_SEQ_CST);
  }
}

void stats_file_write(struct stats_block *b) {
  if (!stats_file_is_there(b)) return;
  const uint64_t signals = sys_block_signals();
  __atomic_store_n(&wanted, true, __ATOMIC_SEQ_CST);
  write_wanted(b);
  sys_restore_signals(signals);
}

/* Reads requests without writing the file. */
static void look_for_requests(struct stats_block *b) {
  if (!stats_file_is_there(b)) return;
  const uint64_t signals = sys_block_signals();
  if (!__atomic_exchange_n(&writing, true, __ATOMIC_SEQ_CST)) {
    struct stat status;
    const int saved = errno;
    if (file_is_own(&file, &status)) read_requests();
    errno = saved;
    __atomic_store_n(&writing, false, __ATOMIC_SEQ_CST);
  }
  write_wanted(b); /* another thread may have wanted it meanwhile */
  sys_restore_signals(signals);
}

/* Another thread may be writing, or between two writings. `wanted` is read first: it becomes false after `writing` is true (tests/models/flight.pml). */
void stats_file_end(struct stats_block *b) {
  stats_file_write(b);
  if (!stats_file_is_there(b)) return;
  for (unsigned i = 0; i < END_WAITS && (__atomic_load_n(&wanted, __ATOMIC_SEQ_CST) || __atomic_load_n(&writing, __ATOMIC_SEQ_CST)); i++) sys_sleep_ns(50000);
}

bool stats_file_tick(struct stats_block *b, uint64_t now_ms, uint32_t late_ms) {
  if (path[0] == '\0') return false;
  if (now_ms >= __atomic_load_n(&due_ms, __ATOMIC_RELAXED) + late_ms) {
    stats_file_write(b);
    return true;
  }
  if (now_ms >= __atomic_load_n(&look_ms, __ATOMIC_RELAXED)) {
    __atomic_store_n(&look_ms, now_ms + LOOK_MS, __ATOMIC_RELAXED);
    look_for_requests(b);
  }
  return false;
}

void stats_file_start(struct stats_block *b, bool is_child) {
  if (config.stats_file[0] == '\0') return;
  const int saved = errno;
  born_ns = clock_ns(CLOCK_MONOTONIC);
  begins = !is_child; /* a child has inherited counts */
  replaced = 0;
  if (claim_a_name(b, !is_child && strstr(config.stats_file, "%p") == NULL)) {
    b->programs_replaced = replaced;
    stats_file_write(b);
  }
  errno = saved;
}

/* The lock is the parent's: while the child had the descriptor, the file would seem in use. */
void stats_file_fork_child(void) {
  file_close(&file);
  path[0] = '\0';
  writing = wanted = failed = false;
  memset(&control, 0, sizeof(control));
  answered = 0;
}
