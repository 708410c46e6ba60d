/*
 * sink.c: hands the events of libhakmem.so to the tracepoints of provider.h.
 *
 * Preloaded beside the library (LD_PRELOAD=libhakmem.so:libhakmem-tracepoints.so), never linked to it and never needed
 * by it: the one name that is shared is looked up. What is owned here: the sink, for the life of the process, and what
 * LTTng is told of forks.
 *
 * The order of things, each step resting on the one before:
 *
 *   1. liblttng-ust's constructor starts LTTng's threads and waits (LTTNG_UST_REGISTER_TIMEOUT, 3 s; not at all
 *      where no session daemon listens) until the daemon has told them of its sessions.
 *   2. provider.c's constructors register the tracepoints; those of a running session are enabled before they
 *      return.
 *   3. The constructor below attaches the sink. So the library's replay of its early events reaches the trace. That
 *      it comes after 2 is the order in which CMakeLists.txt links the two files.
 *
 * Locks. The library raises events with no lock held, so nothing of its own is ever above LTTng's locks; below them it
 * is, since LTTng allocates under ust_lock. A tracepoint takes no lock, but for a thread's first, which registers the
 * thread with LTTng's own flavour of userspace RCU (thread_begin does that). At a fork the order must be the same: the
 * program's locks, then LTTng's, then the library's. pthread_atfork's prepare handlers run last registered first, and
 * the library has registered its own at the first malloc.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <lttng/ust-fork.h>
#include <lttng/ust-thread.h>

#include "instrumentation/base/sink.h"
#include "provider.h"

/* A tracepoint looks first whether any session wants it: without one, an event costs this call and one load. */
#define SINK_FUNCTION(name, text, fields) \
  static void sink_##name(const struct event_##name *event) { lttng_ust_tracepoint(hakmem, name, event); }
HAK_EVENTS(SINK_FUNCTION)

/* ---- Who listens. ---- */

struct lttng_ust_session;

static uintptr_t sessions_begun; /* atomic */

/* LTTng's own tracepoint at the start of a session, when the session takes events already. */
static void on_session_begun(void *data, struct lttng_ust_session *session) {
  (void)data, (void)session;
  __atomic_add_fetch(&sessions_begun, 1, __ATOMIC_RELAXED);
}

static const char *probes_of(const struct lttng_ust_tracepoint *tracepoint) {
  return CMM_LOAD_SHARED(tracepoint->state) ? (const char *)CMM_LOAD_SHARED(tracepoint->probes) : NULL;
}

/*
 * Whether a session wants what is told on a schedule, or once. A tracepoint's array of probes is a new one whenever a
 * session takes it up or leaves it, and there is none without a session. A little later the session begins to take
 * events: that counts as another listener.
 */
static const void *listeners(void) {
  const char *probes = probes_of(&lttng_ust_tracepoint_hakmem___process);
  if (probes == NULL) probes = probes_of(&lttng_ust_tracepoint_hakmem___fragmentation);
  if (probes == NULL) probes = probes_of(&lttng_ust_tracepoint_hakmem___stack);
  return probes != NULL ? probes + __atomic_load_n(&sessions_begun, __ATOMIC_RELAXED) : NULL;
}

static void watch_sessions(void) {
  lttng_ust_tracepoint_provider_register("lttng_ust_statedump", "start", (void (*)(void))on_session_begun, NULL,
                                         "struct lttng_ust_session *, session");
}

#define SINK_MEMBER(name, text, fields) .name = sink_##name,
static const struct hak_event_sink sink = {
  .version = HAK_EVENT_SINK_VERSION,
  .size = sizeof(sink),
  /*
   * LTTng's thread-local variables are of the global dynamic model. Preloaded, they lie in the static block of each
   * thread, and no access allocates; where the provider was opened later, a thread's first access to each does. Either
   * way they are there before a signal handler that allocates may interrupt a tracepoint.
   */
  .thread_begin = lttng_ust_init_thread,
  .listeners = listeners,
  HAK_EVENTS(SINK_MEMBER)
};

/* Through libhakmem.so if that can: it knows whether standard error still is what it was, or by now a file of the program's. */
static void say(const char *what) {
  void *symbol = dlsym(RTLD_DEFAULT, "hak_event_sink_say");
  if (symbol != NULL) {
    void (*through_library)(const char *);
    memcpy(&through_library, &symbol, sizeof(through_library)); /* as below */
    through_library(what);
    return;
  }
  const char *const parts[] = {"hakmem: ", what, "\n"};
  for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
    const ssize_t written = write(STDERR_FILENO, parts[i], strlen(parts[i]));
    (void)written;
  }
}

/* ---- Forks. ---- */

/*
 * liblttng-ust-fork.so, LTTng's own answer, stands before fork and daemon of the C library. Handlers of pthread_atfork
 * also see the forks that the C library makes itself (forkpty), and come after the program's handlers, which may wait
 * for threads that trace. Neither sees vfork and posix_spawn, whose child only runs another program, nor _Fork.
 * liblttng-ust-fork.so does see clone without CLONE_VM, so it may be preloaded as well: then it does all the telling,
 * because LTTng's locks cannot be taken twice.
 */
static sigset_t signals_before; /* guarded by the locks that lttng_ust_before_fork takes */
static bool ended;              /* LTTng is being, or has been, taken down at exit */

/* A thread that holds stdio's locks allocates, and so may take LTTng's: glibc's lock of its list of FILEs comes first, as in src/alloc/start.c. */
extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));

static void fork_prepare(void) {
  if (ended) return;
  const int saved = errno;
  sigset_t signals;
  if (_IO_list_lock != NULL) _IO_list_lock();
  lttng_ust_before_fork(&signals);
  signals_before = signals;
  errno = saved;
}

static void fork_parent(void) {
  if (ended) return;
  const int saved = errno;
  sigset_t signals = signals_before;
  lttng_ust_after_fork_parent(&signals);
  if (_IO_list_unlock != NULL) _IO_list_unlock();
  errno = saved;
}

/* The child registers with the session daemon anew, and waits for it as at the start of a program. */
static void fork_child(void) {
  if (ended) return;
  const int saved = errno;
  sigset_t signals = signals_before;
  if (_IO_list_resetlock != NULL) _IO_list_resetlock();
  lttng_ust_after_fork_child(&signals);
  errno = saved;
}

static void tell_of_forks(void) {
  void *other = dlopen("liblttng-ust-fork.so.1", RTLD_LAZY | RTLD_NOLOAD);
  if (other != NULL) dlclose(other);
  else if (pthread_atfork(fork_prepare, fork_parent, fork_child) != 0)
    say("no memory to follow forks; the events of forked children will carry their parent's process id");
}

/* ---- Start and end. ---- */

__attribute__((constructor)) static void start(void) {
  void *symbol = dlsym(RTLD_DEFAULT, "hak_event_sink_attach");
  if (symbol == NULL) {
    say("libhakmem.so is not loaded, so there is nothing to trace "
        "(use LD_PRELOAD=libhakmem.so:libhakmem-tracepoints.so, with their full paths)");
    return;
  }
  /* Threads may trace while the process exits: LTTng must not forget the functions that they are about to call. */
  tracepoint_disable_destructors();
  tell_of_forks();
  watch_sessions();
  int (*attach)(const struct hak_event_sink *);
  memcpy(&attach, &symbol, sizeof(attach)); /* ISO C has no conversion from an object's address to a function's */
  switch (attach(&sink)) {
    case 0: break;
    case EINVAL:
      say("libhakmem.so is of another version, so nothing is traced (install both from one build)");
      break;
    case EBUSY:
      say("another tracer is attached to libhakmem.so already, and gets the events (preload one of them)");
      break;
    default: say("libhakmem.so did not take the tracer, so nothing is traced");
  }
}

__attribute__((destructor)) static void end(void) { ended = true; }
