/*
 * log_file.c: where log lines go: HAKMEM_LOG_FILE, else standard error.
 */
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "src/platform/config.h"
#include "src/platform/syscall.h"
#include "log_file.h"

/*
 * The first line creates the file, which stays open: the program may give up the right to open it later. If the program has reused the descriptor,
 * the file is opened again by its path.
 */
static char path[PATH_MAX]; /* absolute; empty: lines go to standard error */
static struct own_file output = NO_FILE;
static bool opening;    /* one thread at a time stores the file that it opened into `output` */
static bool failed;     /* a message has said that the file cannot be used */
static bool incomplete; /* a message has said that lines are missing */

static void say(const char *what, const char *why, const char *therefore) { message_say_file("HAKMEM_LOG_FILE", what, path, why, therefore); }

static void say_failure(const char *why) {
  if (!__atomic_exchange_n(&failed, true, __ATOMIC_RELAXED)) say("open", why, "; using standard error");
}

/* Sends a line to the log. The first loss is reported, later ones are not. */
static int put_line(struct message *m, const struct own_file *file) {
  const int error = message_send_to(m, file);
  if (error != 0 && !__atomic_exchange_n(&incomplete, true, __ATOMIC_RELAXED)) say("write", strerrordesc_np(error), "; lines of the log are missing");
  return error;
}

/* Whether a device of this number may be a terminal: a console, a serial line or a pseudo-terminal. */
static bool may_be_terminal(dev_t device) {
  static const unsigned consoles = 4, controlling = 5, pseudo_first = 136, pseudo_last = 143; /* Linux, Documentation/admin-guide/devices.txt */
  return major(device) == consoles || major(device) == controlling || (major(device) >= pseudo_first && major(device) <= pseudo_last);
}

static bool is_null_device(const struct stat *status) {
  struct stat null;
  return sys_stat("/dev/null", &null, 0) == 0 && null.st_rdev == status->st_rdev;
}

/* Why the file cannot be the log, else NULL. Allowed are terminals, /dev/null and the user's own regular files. Opens nothing. */
static const char *objection(const struct stat *status) {
  if (S_ISREG(status->st_mode)) return status->st_uid == sys_geteuid() ? NULL : "it belongs to another user";
  if (S_ISFIFO(status->st_mode)) return NULL; /* without a reader, open fails */
  if (S_ISLNK(status->st_mode)) return "it is a symbolic link";
  if (S_ISDIR(status->st_mode)) return strerrordesc_np(EISDIR);
  if (!S_ISCHR(status->st_mode)) return "it is neither a regular file nor a terminal";
  return is_null_device(status) || may_be_terminal(status->st_rdev) ? NULL : "it is a device, but not a terminal";
}

/* The same for the opened file. */
static const char *refusal(const struct own_file *file) {
  struct stat status;
  struct termios terminal;
  if (!file_is_own(file, &status)) return "its descriptor was closed at once";
  const char *why = objection(&status);
  if (why != NULL || !S_ISCHR(status.st_mode) || is_null_device(&status)) return why;
  return sys_ioctl(file->number, TCGETS, &terminal) == 0 ? NULL : "it is a device, but not a terminal";
}

/* NO_FILE after a message that says why. `must_exist`: no message if there is no file. */
static struct own_file open_log(bool must_exist) {
  struct stat before; /* opening a device may already do something: a watchdog starts */
  const char *why = sys_stat(path, &before, AT_SYMLINK_NOFOLLOW) == 0 ? objection(&before) : NULL;
  if (why != NULL) {
    say_failure(why);
    return NO_FILE;
  }
  struct own_file file = file_open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOFOLLOW | (must_exist ? 0 : O_CREAT));
  if (file.number < 0) {
    const int error = errno;
    if (must_exist && error == ENOENT) return file;
    say_failure(error == ENXIO ? "it has no reader" : error == ELOOP ? "it is a symbolic link" : strerrordesc_np(error));
    return file;
  }
  why = refusal(&file);
  if (why == NULL) return file;
  say_failure(why);
  file_close(&file);
  return file;
}

/* The number last: another thread may be about to compare it. */
static bool keep(const struct own_file *file) {
  if (__atomic_exchange_n(&opening, true, __ATOMIC_ACQUIRE)) return false;
  __atomic_store_n(&output.number, -1, __ATOMIC_RELEASE);
  output.device = file->device;
  output.inode = file->inode;
  __atomic_store_n(&output.number, file->number, __ATOMIC_RELEASE);
  __atomic_store_n(&opening, false, __ATOMIC_RELEASE);
  return true;
}

int log_send(struct message *m) {
  if (path[0] == '\0' || __atomic_load_n(&failed, __ATOMIC_RELAXED)) return message_error(m);
  const struct own_file kept = {__atomic_load_n(&output.number, __ATOMIC_ACQUIRE), output.device, output.inode};
  if (file_is_own(&kept, NULL)) return put_line(m, &kept);
  struct own_file file = open_log(false);
  if (file.number < 0) return message_error(m);
  const int error = put_line(m, &file);
  if (!keep(&file)) file_close(&file);
  return error;
}

/* An existing file is opened now. Otherwise the permissions of its directory tell whether it can be created. */
static void start_file(void) {
  if (!config_file_path(config.log_file, path)) return say_failure("the path is too long");
  const struct own_file file = open_log(true);
  if (file.number >= 0) {
    keep(&file);
    return;
  }
  char *const slash = strrchr(path, '/'), *const name = slash != NULL ? slash + 1 : path, first = *name;
  *name = '\0';
  const bool can = sys_access(slash != NULL ? path : ".", W_OK | X_OK) == 0; /* no directory: the kernel gives no path of a removed one */
  *name = first;
  if (!can) say_failure(strerrordesc_np(errno));
}

void log_file_start(void) {
  if (config.log_file[0] != '\0') start_file();
  else if (config.stats != 0 || config.leaks != 0) message_keep_error(); /* many programs close standard error before they end */
}
