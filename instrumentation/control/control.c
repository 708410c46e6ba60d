#include "control.h"

#include <errno.h>
#include <string.h>

#include "src/alloc/usage.h"
#include "src/memory/os.h"
#include "src/names/hakmem.h"
#include "src/platform/config.h"
#include "src/probe.h"
#include "snapshots/snapshot.h"
#include "statistics/calls.h"
#include "statistics/stats.h"
#include "statistics/stats_file.h"
#include "settings.h"

static bool handling;         /* atomic; one thread at a time does what is asked */
static uint32_t published_by; /* the process whose block has the settings */

/* ---- What is asked. ---- */

/* Of the thread that handles a request. Not on its stack, which may be a fiber's of one page. */
static struct control_request asked; /* a copy, in which the text ends */
static struct message why;

/* NAME=VALUE, which another process has written. */
static int set(void) {
  const char *const equals = strchr(asked.text, '=');
  if (equals != NULL) return settings_change(asked.text, (size_t)(equals - asked.text), equals + 1, asked.for_ms, &why);
  message_quoted(&why, asked.text);
  message_text(&why, " is not NAME=VALUE");
  return EINVAL;
}

static void trim(struct control_answer *answer, bool in_signal) {
  answer->before = snapshot_resident();
  if (in_signal) answer->error = usage_trim_in_signal() ? 0 : EAGAIN;
  else hak_trim(0);
  answer->after = snapshot_resident();
}

static void handle(const struct control_request *request, struct control_answer *answer, bool in_signal) {
  asked = *request;
  asked.text[sizeof(asked.text) - 1] = '\0';
  message_start(&why);
  *answer = (struct control_answer){.cookie = asked.cookie};
  switch (asked.kind) {
    case CONTROL_SET: answer->error = set(); break;
    case CONTROL_DUMP: snapshot_take(true, false); break;
    case CONTROL_TRIM: trim(answer, in_signal); break;
    default: answer->error = ENOSYS; message_text(&why, "this version of the library does not know the request");
  }
  const size_t kept = min_size(why.length, sizeof(answer->text) - 1);
  memcpy(answer->text, why.text, kept);
}

/*
 * Does the requests that wait. If an asker wrote an impossible count, all of them are dropped. In a signal handler, it stops before a request that cannot
 * be done there.
 */
static void handle_all(struct control *c, bool in_signal) {
  const uint64_t last = __atomic_load_n(&c->asked, __ATOMIC_ACQUIRE);
  uint64_t done = c->done;
  if (last - done > CONTROL_SLOTS) done = last;
  while (done != last) {
    const struct control_request *const next = &c->requests[(done + 1) % CONTROL_SLOTS];
    struct control_answer *const answer = &c->answers[(done + 1) % CONTROL_SLOTS];
    if (in_signal && next->kind != CONTROL_TRIM) break;
    handle(next, answer, in_signal);
    if (in_signal && answer->error == EAGAIN) break;
    done++;
  }
  __atomic_store_n(&c->done, done, __ATOMIC_RELEASE);
}

static void publish_if_new(void) {
  const uint32_t pid = stats_block()->pid;
  if (__atomic_exchange_n(&published_by, pid, __ATOMIC_RELAXED) != pid) settings_publish();
}

static bool is_asked(const struct control *c) { return __atomic_load_n(&c->asked, __ATOMIC_ACQUIRE) != __atomic_load_n(&c->done, __ATOMIC_RELAXED); }

void control_tick(void) {
  if (hub_on_is_inside()) return; /* a trim must not interrupt the instrumentation's own malloc */
  publish_if_new();
  settings_tick(os_now_ms());
  struct control *const c = stats_file_control();
  if (c == NULL || settings_are_changing() || !is_asked(c)) return;
  if (__atomic_exchange_n(&handling, true, __ATOMIC_ACQUIRE)) return;
  handle_all(c, false);
  __atomic_store_n(&handling, false, __ATOMIC_RELEASE);
  stats_publish();
}

bool control_signal(void) {
  struct control *const c = stats_file_control();
  if (c == NULL) return false;
  stats_publish(); /* reads what is asked */
  if (!is_asked(c)) return false;
  if (__atomic_exchange_n(&handling, true, __ATOMIC_ACQUIRE)) return true; /* perhaps by the thread that this handler interrupted */
  handle_all(c, true);
  __atomic_store_n(&handling, false, __ATOMIC_RELEASE);
  stats_publish();
  return true;
}

void control_start(void) { publish_if_new(); }

void control_fork_child(void) {
  handling = false;
  settings_fork_child();
}

/* ---- What the program asks. ---- */

int hub_on_set(const char *name, const char *value) {
  const int saved = errno;
  struct message unused;
  message_start(&unused);
  calls_begin();
  const int error = settings_change(name, strlen(name), value, 0, &unused);
  calls_none();
  errno = saved;
  return error;
}

int hub_on_snapshot(void) {
  calls_begin();
  snapshot_take(true, false);
  calls_none();
  stats_publish();
  return 0;
}

int hub_on_profile_dump(const char *path) {
  const int saved = errno;
  calls_begin();
  snapshot_take(true, false);
  calls_none();
  struct stats_block *const b = stats_block();
  const int error = b->profile_at[PROFILE_LAST] == 0 ? ENODATA : stats_file_copy(b, path);
  errno = saved;
  return error;
}
