#include "file.h"

#include "syscall.h"

/* The lowest number to ask for, tried in this order. RLIMIT_NOFILE may allow only low numbers, but never take those of the standard files. */
static const int lowest[] = {240, 10, STDERR_FILENO + 1};

/* ---- Signals, with the kernel's own sets. ---- */

static_assert(_NSIG <= 65, "a set of signals is a word");
#define OF_WRITES (SIGNAL_BIT(SIGPIPE) | SIGNAL_BIT(SIGXFSZ) | SIGNAL_BIT(SIGTTOU))

static uint64_t block(uint64_t set) {
  uint64_t before = 0;
  sys_raw(SYS_rt_sigprocmask, SIG_BLOCK, (long)&set, (long)&before, sizeof(set), 0, 0);
  return before;
}

static uint64_t pending(void) {
  uint64_t set = 0;
  sys_raw(SYS_rt_sigpending, (long)&set, sizeof(set), 0, 0, 0, 0);
  return set;
}

/* Takes the signal that the kernel sent along with `error`. If the program had one of these pending already, it is left for the program. */
static void take_signal(int error, uint64_t waiting) {
  const uint64_t set = (error == EPIPE ? SIGNAL_BIT(SIGPIPE) : error == EFBIG ? SIGNAL_BIT(SIGXFSZ) : 0) & ~waiting;
  const struct timespec at_once = {0};
  if (set != 0) sys_raw(SYS_rt_sigtimedwait, (long)&set, 0, (long)&at_once, sizeof(set), 0, 0);
}

/* ---- Is the number still our file? ---- */

struct own_file file_adopt(int number) {
  struct stat status;
  const int saved = errno;
  if (number < 0 || sys_fstat(number, &status) != 0) {
    errno = saved;
    return NO_FILE;
  }
  return (struct own_file){number, status.st_dev, status.st_ino};
}

bool file_is_own(const struct own_file *file, struct stat *status) {
  struct stat own;
  const int saved = errno;
  if (status == NULL) status = &own;
  const bool is = file->number >= 0 && sys_fstat(file->number, status) == 0 && status->st_dev == file->device && status->st_ino == file->inode;
  errno = saved;
  return is;
}

/* ---- Opening and closing. ---- */

struct own_file file_duplicate(const struct own_file *file) {
  const int saved = errno;
  int high = -1;
  for (size_t i = 0; i < ARRAY_LENGTH(lowest) && high < 0; i++) high = sys_fcntl(file->number, F_DUPFD_CLOEXEC, lowest[i]);
  if (high < 0) return NO_FILE;
  errno = saved;
  return file_adopt(high);
}

struct own_file file_open(const char *path, int flags) {
  struct own_file low = file_adopt(sys_open(path, flags | O_CLOEXEC | O_NOCTTY, S_IRUSR | S_IWUSR));
  if (low.number < 0) return low;
  const struct own_file high = file_duplicate(&low);
  file_close(&low);
  return high;
}

struct own_file file_open_briefly(const char *path) {
  return file_adopt(sys_open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0));
}

static bool first_thread_ended; /* atomic */

void file_first_thread_ends(void) { __atomic_store_n(&first_thread_ended, true, __ATOMIC_RELAXED); }

struct own_file file_open_process(const char *name) {
  const char *const parts[] = {__atomic_load_n(&first_thread_ended, __ATOMIC_RELAXED) ? "/proc/thread-self/" : "/proc/self/", name};
  char path[32] = "";
  size_t length = 0;
  for (unsigned i = 0; i < ARRAY_LENGTH(parts); i++) {
    for (const char *c = parts[i]; *c != '\0' && length < sizeof(path) - 1; c++) path[length++] = *c; /* libasan's strcpy may not be ready yet */
  }
  return file_open_briefly(path);
}

void file_close(struct own_file *file) {
  const int saved = errno;
  if (file_is_own(file, NULL)) sys_close(file->number);
  *file = NO_FILE;
  errno = saved;
}

/* ---- Reading and writing. ---- */

ssize_t file_read_at(const struct own_file *file, void *into, size_t size, off_t offset) {
  ssize_t got;
  if (!file_is_own(file, NULL)) {
    errno = EBADF;
    return -1;
  }
  do got = sys_pread(file->number, into, size, offset);
  while (got < 0 && errno == EINTR);
  return got;
}

/* `offset` < 0: at the file's position. Signals of a write are blocked. */
static int write_piece(int number, const char *data, size_t size, off_t offset) {
  for (size_t done = 0; done < size;) {
    const ssize_t n = offset < 0 ? sys_write(number, data + done, size - done) : sys_pwrite(number, data + done, size - done, offset + (off_t)done);
    if (n > 0) done += (size_t)n;
    else if (n < 0 && errno != EINTR) return errno;
  }
  return 0;
}

static int write_all(int number, const struct file_piece *pieces, size_t count) {
  const int saved = errno;
  int error = 0;
  const uint64_t before = block(OF_WRITES), waiting = (before & OF_WRITES) != 0 ? pending() : 0;
  for (size_t i = 0; i < count && error == 0; i++) error = write_piece(number, pieces[i].data, pieces[i].size, pieces[i].offset);
  take_signal(error, waiting);
  sys_restore_signals(before);
  errno = saved;
  return error;
}

int file_write_pieces(const struct own_file *file, const struct file_piece *pieces, size_t count) {
  return file_is_own(file, NULL) ? write_all(file->number, pieces, count) : EBADF;
}

int file_write_at(const struct own_file *file, const void *data, size_t size, off_t offset) {
  return file_write_pieces(file, &(struct file_piece){data, size, offset}, 1);
}

int file_write(const struct own_file *file, const void *data, size_t size) { return file_write_at(file, data, size, -1); }

int file_resize(const struct own_file *file, off_t size) {
  const int saved = errno;
  const uint64_t before = block(OF_WRITES), waiting = (before & OF_WRITES) != 0 ? pending() : 0;
  const int error = !file_is_own(file, NULL) ? EBADF : sys_ftruncate(file->number, size) != 0 ? errno : 0;
  take_signal(error, waiting);
  sys_restore_signals(before);
  errno = saved;
  return error;
}

int file_write_number(int number, const void *data, size_t size) { return write_all(number, &(struct file_piece){data, size, -1}, 1); }
