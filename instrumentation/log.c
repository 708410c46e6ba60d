/*
 * log.c: the bracketed log lines. HAKMEM_LOG chooses them; a header reset is an error and is always said.
 */
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "src/platform/config.h"
#include "src/platform/message.h"
#include "src/platform/options.h"
#include "src/platform/syscall.h"
#include "clock.h"
#include "hub.h"

static bool drains, superslabs, headers;

/* ---- Where lines go. ---- */

/*
 * The file is made by its first line, and kept open, because the program may give up the right to open it. If the descriptor is another file's meanwhile,
 * it is opened again by its path.
 */
static char path[PATH_MAX];     /* absolute; empty: lines go to standard error */
static struct own_file output = NO_FILE;
static bool opening;            /* atomic; one thread at a time puts what it has opened into `output` */
static bool failed;             /* atomic; that the file cannot be used was said */
static bool incomplete;         /* atomic; that lines are missing was said */

static void say(const char *what, const char *why, const char *therefore) {
  struct message m;
  message_start(&m);
  message_text(&m, "hakmem: HAKMEM_LOG_FILE: cannot ");
  message_text(&m, what);
  message_text(&m, " ");
  message_quoted(&m, path);
  message_text(&m, ": ");
  message_text(&m, why);
  message_text(&m, therefore);
  message_error(&m);
}

static void say_failure(const char *why) {
  if (!__atomic_exchange_n(&failed, true, __ATOMIC_RELAXED)) say("open", why, "; using standard error");
}

/* Sends a line to the log; once says if it is lost. */
static int put_line(struct message *m, const struct own_file *file) {
  const int error = message_send_to(m, file);
  if (error != 0 && !__atomic_exchange_n(&incomplete, true, __ATOMIC_RELAXED)) say("write", strerrordesc_np(error), "; lines of the log are missing");
  return error;
}

/* Whether a device of this number may be a terminal: of the console, serial or a pseudo one. */
static bool may_be_terminal(dev_t device) {
  static const unsigned consoles = 4, controlling = 5, pseudo_first = 136, pseudo_last = 143; /* Linux, Documentation/admin-guide/devices.txt */
  return major(device) == consoles || major(device) == controlling || (major(device) >= pseudo_first && major(device) <= pseudo_last);
}

static bool is_null_device(const struct stat *status) {
  struct stat null;
  return sys_stat("/dev/null", &null, 0) == 0 && null.st_rdev == status->st_rdev;
}

/* Why it cannot be the log, else NULL: a terminal and /dev/null can, and of regular files the user's own. Nothing is opened for this. */
static const char *objection(const struct stat *status) {
  if (S_ISREG(status->st_mode)) return status->st_uid == sys_geteuid() ? NULL : "it belongs to another user";
  if (S_ISFIFO(status->st_mode)) return NULL; /* somebody reads it, or it cannot be opened */
  if (S_ISLNK(status->st_mode)) return "it is a symbolic link";
  if (S_ISDIR(status->st_mode)) return strerrordesc_np(EISDIR);
  if (!S_ISCHR(status->st_mode)) return "it is neither a regular file nor a terminal";
  return is_null_device(status) || may_be_terminal(status->st_rdev) ? NULL : "it is a device, but no terminal";
}

/* The same for the file that was opened. */
static const char *refusal(const struct own_file *file) {
  struct stat status;
  struct termios terminal;
  if (!file_is_own(file, &status)) return "its descriptor was closed at once";
  const char *why = objection(&status);
  if (why != NULL || !S_ISCHR(status.st_mode) || is_null_device(&status)) return why;
  return sys_ioctl(file->number, TCGETS, &terminal) == 0 ? NULL : "it is a device, but no terminal";
}

/* NO_FILE after saying why; `must_exist`: without a word if there is none. */
static struct own_file open_log(bool must_exist) {
  struct stat before; /* opening a device may do something already: a watchdog starts */
  const char *why = sys_stat(path, &before, AT_SYMLINK_NOFOLLOW) == 0 ? objection(&before) : NULL;
  if (why != NULL) {
    say_failure(why);
    return NO_FILE;
  }
  struct own_file file = file_open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOFOLLOW | (must_exist ? 0 : O_CREAT));
  if (file.number < 0) {
    const int error = errno;
    if (must_exist && error == ENOENT) return file;
    say_failure(error == ENXIO ? "nobody reads it" : error == ELOOP ? "it is a symbolic link" : strerrordesc_np(error));
    return file;
  }
  why = refusal(&file);
  if (why == NULL) return file;
  say_failure(why);
  file_close(&file);
  return file;
}

/* The number last, as another thread may be about to compare it. */
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

/* A file that is there is opened now; whether another can be made is seen by its directory. */
static void start_file(void) {
  if (!config_file_path(config.log_file, path)) return say_failure("the path is too long");
  const struct own_file file = open_log(true);
  if (file.number >= 0) {
    keep(&file);
    return;
  }
  char *const slash = strrchr(path, '/'), *const name = slash != NULL ? slash + 1 : path, first = *name;
  *name = '\0';
  const bool can = sys_access(slash != NULL ? path : ".", W_OK | X_OK) == 0; /* no directory: of one that was removed the kernel does not say the path */
  *name = first;
  if (!can) say_failure(strerrordesc_np(errno));
}

/* ---- The lines. ---- */

static void put_class(struct message *m, uint32_t cls) {
  message_text(m, " cls=");
  if (cls < CLASS_COUNT) message_number(m, cls);
  else message_text(m, cls == CLASS_LARGE ? "large" : cls == CLASS_HUGE ? "huge" : "none");
}

static void put_number(struct message *m, const char *key, uint64_t value) {
  message_text(m, key);
  message_number(m, value);
}

static void put_pointer(struct message *m, const char *key, const void *value) {
  message_text(m, key);
  message_pointer(m, (uintptr_t)value);
}

static void put_text(struct message *m, const char *key, const char *value) {
  message_text(m, key);
  message_text(m, value);
}

/* The same incident again is said when it has happened twice, four times, eight times, ..., without its details. */
static void on_hdr_reset(const struct event_hdr_reset *e) {
  const uint64_t times = incident_times();
  if ((times & (times - 1)) != 0) return;
  struct message m;
  message_start(&m);
  message_text(&m, "[TLS_SLL_HDR_RESET]");
  put_class(&m, e->cls);
  put_pointer(&m, " base=", e->base);
  message_text(&m, " got=");
  message_byte(&m, e->got);
  message_text(&m, " expect=");
  message_byte(&m, e->expect);
  put_number(&m, " count=", e->count);
  put_text(&m, " verdict=", event_names_hdr_verdict[e->verdict]);
  if (e->stack != 0) put_number(&m, " stack=", e->stack);
  if (e->over != 0) put_number(&m, " over=", e->over);
  int (*const send)(struct message *) = headers ? log_send : message_error;
  if (times <= 1) return blackbox_send(&m, e, send);
  put_number(&m, " times=", times);
  send(&m);
}

static void on_shared_fail(const struct event_shared_fail *e) {
  struct message m;
  message_start(&m);
  message_text(&m, "[SS_BACKEND] shared_fail→legacy");
  put_class(&m, e->cls);
  put_text(&m, " reason=", event_names_fail_reason[e->reason]);
  put_number(&m, " active=", e->active);
  put_number(&m, " limit=", e->limit);
  log_send(&m);
}

static void put_superslab(const char *what, const void *base, uint64_t size, const char *why, uint32_t active) {
  struct message m;
  message_start(&m);
  message_text(&m, "[SS_BACKEND] ");
  message_text(&m, what);
  put_pointer(&m, " base=", base);
  put_number(&m, " size=", size);
  message_text(&m, why);
  put_number(&m, " active=", active);
  log_send(&m);
}

static void on_superslab_acquire(const struct event_superslab_acquire *e) {
  put_superslab("acquire", e->base, e->size, e->source == ACQUIRE_MAPPED ? " source=mapped" : " source=reserve", e->active);
}

static void on_superslab_release(const struct event_superslab_release *e) {
  put_superslab("release", e->base, e->size, e->reason == RELEASE_DELAY ? " reason=delay" : " reason=trim", e->active);
}

static void on_tls_sll_drain(const struct event_tls_sll_drain *e) {
  struct message m;
  message_start(&m);
  message_text(&m, "[TLS_SLL_DRAIN]");
  put_class(&m, e->cls);
  put_text(&m, " reason=", event_names_drain_reason[e->reason]);
  put_number(&m, " before=", e->before);
  put_number(&m, " moved=", e->moved);
  put_number(&m, " slabs=", e->slabs);
  put_number(&m, " ns=", clock_to_ns(e->ticks));
  log_send(&m);
}

static void on_deepbind(const struct event_deepbind *e) {
  struct message m;
  message_start(&m);
  message_text(&m, "[DLOPEN] without RTLD_DEEPBIND, which would give the library another malloc: ");
  message_quoted(&m, e->path);
  log_send(&m);
}

const struct hak_event_sink log_sink = {
  .hdr_reset = on_hdr_reset, .shared_fail = on_shared_fail, .superslab_acquire = on_superslab_acquire,
  .superslab_release = on_superslab_release, .tls_sll_drain = on_tls_sll_drain,
  .deepbind = on_deepbind};

bool log_hears(enum event_id id) {
  switch (id) {
    case EVENT_ID_hdr_reset: return true;
    case EVENT_ID_tls_sll_drain: return drains;
    case EVENT_ID_deepbind: return drains || superslabs || headers;
    default: return superslabs;
  }
}

static void read_words(void) {
  uint32_t words;
  if (!option_log_words(config.log, &words)) {
    struct message m;
    message_start(&m);
    message_text(&m, "hakmem: HAKMEM_LOG=");
    message_quoted(&m, config.log);
    message_text(&m, " has a word that is none of drain, ss, hdr, all; that word is ignored");
    message_error(&m);
  }
  drains = (words & OPTION_LOG_DRAIN) != 0;
  superslabs = (words & OPTION_LOG_SS) != 0;
  headers = (words & OPTION_LOG_HDR) != 0;
}

static void say_drain_setting(void) {
  static const uint32_t default_interval = 2048;
  const char *origin = config.drain_interval == default_interval ? " (default)" : " (HAKMEM_DRAIN_INTERVAL)";
  struct message m;
  message_start(&m);
  message_text(&m, "[TLS_SLL_DRAIN] Drain ");
  message_text(&m, config.drain_interval != 0 ? "ENABLED" : "DISABLED");
  message_text(&m, config.drain_interval != 0 ? " (default)" : " (HAKMEM_DRAIN_INTERVAL=0)");
  log_send(&m);
  if (config.drain_interval == 0) return;
  put_number(&m, "[TLS_SLL_DRAIN] Interval=", config.drain_interval);
  message_text(&m, origin);
  log_send(&m);
}

void log_start(void) {
  read_words();
  if (config.log_file[0] != '\0') start_file();
  else if (config.stats != 0 || config.leaks != 0) message_keep_error(); /* many programs close standard error before they end */
  if (drains) say_drain_setting();
}
