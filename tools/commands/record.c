/*
 * record.c: hakmem record: a program in an LTTng session of its own. Of the session only the trace stays: every return of command_record passes
 * through its end.
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "src/platform/options.h"
#include "session/capture.h"
#include "command.h"
#include "common/error.h"
#include "session/library.h"
#include "common/memory.h"
#include "session/relay/relay.h"
#include "session/session.h"
#include "session/sessiond.h"

#define STATS_DIRECTORY "stats"
#define TRACE_DIRECTORY "trace"
#define REGISTER_TIMEOUT_MS "10000" /* the program's start waits this long for the daemon to register it */
#define CONTROL_SECONDS 120         /* only a hanging daemon takes longer for a step of the session */
#define POLL_NS 100000000

enum { KEY_FULL = 256, KEY_BUFFER_SIZE, KEY_BUFFER_COUNT, KEY_SHARED_BUFFERS, KEY_TO };

struct record {
  struct capture capture;
  struct session_settings settings;
  struct relay relay;
};

static const struct argp_option options[] = {
  {"full", KEY_FULL, NULL, 0, "Raise an event for every allocation, reallocation and free, with nothing sampled (HAKMEM_TRACE=full)", 2},
  {"buffer-size", KEY_BUFFER_SIZE, "BYTES", 0,
   "Size of one trace buffer: a power of two, perhaps with k, M or G (256K, with --full 1M); larger buffers lose fewer events", 2},
  {"buffer-count", KEY_BUFFER_COUNT, "NUMBER", 0, "Trace buffers for each process and CPU, a power of two (8)", 2},
  {"shared-buffers", KEY_SHARED_BUFFERS, NULL, 0,
   "All processes of a user share their trace buffers: for a program that starts many processes, each of which starts and ends much faster", 2},
  {"to", KEY_TO, "URL", 0,
   "Send the trace to the LTTng relay daemon at URL, net://HOST[:PORT], instead of writing it to DIR; hakmem report reads it there while it grows", 2},
  {0},
};

/* A power of two from 2 to 2^30, perhaps with k, m or g behind it; 0 if it is not. */
static uint64_t parse_power(const char *text) {
  uint64_t value;
  const bool good = option_parse_number(text, 1u << 30, &value) && value >= 2 && (value & (value - 1)) == 0;
  return good ? value : 0;
}

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct record *const r = state->input;
  switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &r->capture; return 0;
    case KEY_FULL: r->settings.full = true; return 0;
    case KEY_SHARED_BUFFERS: r->settings.shared = true; return 0;
    case KEY_TO:
      if (!relay_parse(&r->relay, argument)) argp_error(state, "--to=%s: not an address of a relay, net://HOST[:PORT]", argument);
      r->settings.relay = argument;
      return 0;
    case KEY_BUFFER_SIZE:
      r->settings.buffer_size = parse_power(argument);
      if (r->settings.buffer_size < 4096) argp_error(state, "--buffer-size=%s: not a power of two from 4K to 1024M", argument);
      return 0;
    case KEY_BUFFER_COUNT:
      r->settings.buffer_count = parse_power(argument);
      if (r->settings.buffer_count == 0) argp_error(state, "--buffer-count=%s: not a power of two from 2 to 1024M", argument);
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_child children[] = {{&capture_argp, 0, NULL, 0}, {0}};

const struct argp record_argp = {
  .options = options,
  .parser = parse,
  .args_doc = "[--] PROGRAM [ARGUMENT...]",
  .doc = "Run PROGRAM under libhakmem.so in an LTTng session of its own, and keep the trace and the statistics.\v"
         "Uses the LTTng session daemon that is running; if there is none, starts a private one and ends it afterwards. "
         "The exit code is the program's, or 128 + N if signal N ended it. It is 127 if the program was not found, 126 if "
         "it could not be started, 1 if the session failed, if the library cannot be loaded into the program, or if a file of the data is "
         "missing or cut off although the program ended with 0; 2 for bad usage.",
  .children = children,
};

/* A hanging daemon would make this program hang. It is killed: then its clients get an error. */
static volatile sig_atomic_t daemon_pid;

static void end_daemon(int signal_number) {
  (void)signal_number;
  if (daemon_pid > 0) kill((pid_t)daemon_pid, SIGKILL);
}

static void watch(const struct sessiond *daemon) {
  daemon_pid = daemon->pid;
  const struct sigaction action = {.sa_handler = end_daemon};
  sigaction(SIGALRM, &action, NULL);
  alarm(CONTROL_SECONDS);
}

static bool prepare(struct record *r, struct sessiond *daemon) {
  struct capture *const c = &r->capture;
  if (r->relay.url != NULL && !relay_connect(&r->relay)) return false;
  char *const provider = library_find(LIBRARY_TRACEPOINTS);
  if (provider == NULL) return fail_within("recording needs the LTTng tracepoints");
  const bool prepared = capture_prepare(c, STATS_DIRECTORY);
  if (prepared) launch_preload(&c->launch, provider);
  free(provider);
  const char *home;
  if (!prepared || !sessiond_plan(daemon, &home)) return false;
  if (home != NULL) launch_set(&c->launch, "LTTNG_HOME", home);
  launch_set_default(&c->launch, "LTTNG_UST_REGISTER_TIMEOUT", REGISTER_TIMEOUT_MS);
  if (r->settings.full) launch_set(&c->launch, "HAKMEM_TRACE", "full");
  return true;
}

static void tell_place(const struct record *r, const struct session *session) {
  char host[HOST_NAME_MAX + 1] = "";
  gethostname(host, sizeof(host) - 1);
  const char *const v6 = strchr(r->relay.host, ':') != NULL ? "[" : "";
  say("the trace goes to %s; while the program runs, this reads it (with :PORT behind the host if the relay's live port is not 5344): "
      "hakmem report net://%s%s%s/host/%s/%s",
      r->relay.url, v6, r->relay.host, *v6 != '\0' ? "]" : "", host, session->name);
}

/* Starts the daemon and the session. The program's process has been forked before, so it inherits none of their changes. */
static bool set_up(struct record *r, struct sessiond *daemon, struct session *session) {
  if (!launch_fork(&r->capture.launch) || !sessiond_start(daemon)) return false;
  watch(daemon);
  char *const trace = must_print("%s/" TRACE_DIRECTORY, r->capture.directory);
  const bool started = session_start(session, trace, &r->settings);
  alarm(0);
  free(trace);
  if (!started) return false;
  if (r->relay.url != NULL) tell_place(r, session);
  return launch_interrupted() == 0 || fail("interrupted before the program was started");
}

/* If other programs can find the private daemon, they may already use it. */
static void wait_for_others(const struct sessiond *daemon) {
  if (daemon->pid == 0 || sessiond_is_private(daemon) || session_count() == 0) return;
  say("other programs have sessions with the LTTng session daemon that this recording started; it ends when their sessions have ended");
  while (session_count() > 0 && launch_interrupted() == 0) nanosleep(&(const struct timespec){.tv_nsec = POLL_NS}, NULL);
}

static bool relay_goes_on(const void *relay) { return relay_is_there(relay); }

/* What was sent before a relay was lost is there; the rest is missing, and nothing at the relay says so. */
static bool take_down(struct record *r, struct sessiond *daemon, struct session *session) {
  watch(daemon);
  const bool remote = r->relay.url != NULL;
  bool stopped = session_stop(session, remote ? relay_goes_on : NULL, &r->relay);
  alarm(0);
  if (remote && (!stopped || !relay_is_there(&r->relay))) {
    stopped = fail("%s was lost while the program ran: the trace there lacks what came after that, and the statistics here are complete", r->relay.url);
  }
  if (stopped) wait_for_others(daemon);
  return stopped;
}

static void set_defaults(struct session_settings *settings) {
  if (settings->buffer_size == 0) settings->buffer_size = settings->full ? 1u << 20 : 256u << 10;
  if (settings->buffer_count == 0) settings->buffer_count = 8;
}

int command_record(int argc, char **argv) {
  struct record record = {.relay.fd = -1};
  struct sessiond daemon = {.rundir = -1};
  struct session session = {0};
  int exit_code = EXIT_FAILED;
  capture_init(&record.capture);
  argp_parse(&record_argp, argc, argv, ARGP_IN_ORDER, NULL, &record);
  set_defaults(&record.settings);
  bool ran = false, good = prepare(&record, &daemon) && set_up(&record, &daemon, &session);
  if (good) {
    ran = launch_go(&record.capture.launch, &exit_code);
    if (ran) exit_code = capture_wait(&record.capture);
    good = ran;
    if (ran && !take_down(&record, &daemon, &session)) {
      good = false;
      if (exit_code == EXIT_DONE) exit_code = EXIT_FAILED;
    }
  }
  if (!good) say("%s", failure());
  if (!ran && launch_interrupted() != 0) exit_code = 128 + launch_interrupted();
  launch_cancel(&record.capture.launch);
  session_fini(&session);
  sessiond_stop(&daemon);
  if (ran) {
    if (!capture_finish(&record.capture, STATS_DIRECTORY, record.relay.url == NULL) && exit_code == EXIT_DONE) exit_code = EXIT_FAILED;
    if (record.capture.report && record.capture.has_data) report_on(record.capture.directory);
  } else {
    capture_abandon(&record.capture);
  }
  capture_fini(&record.capture);
  relay_close(&record.relay);
  return exit_code;
}
