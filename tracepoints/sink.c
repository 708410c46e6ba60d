/*
 * sink.c: hands the events of libhakmem.so to the tracepoints of provider.h.
 *
 * Preloaded beside the library (LD_PRELOAD=libhakmem.so:libhakmem-tracepoints.so). Neither is linked to the other, and the library does not need
 * this one: the one shared name is looked up. This file owns the sink, for the life of the process, and tells LTTng of forks.
 *
 * The order of the start; each step needs the one before:
 *
 *   1. liblttng-ust's constructor starts LTTng's threads. It waits until the session daemon has told them of its sessions
 *      (LTTNG_UST_REGISTER_TIMEOUT, 3 s; not at all if no session daemon listens).
 *   2. provider.c's constructors register the tracepoints. Those of a running session are enabled before they
 *      return.
 *   3. The constructor below attaches the sink. So the library's replay of its early events reaches the trace. It
 *      comes after 2 because CMakeLists.txt links the two files in this order.
 *
 * Locks. The library raises events with no lock held, so it never takes LTTng's locks while it holds its own. The other way round it
 * happens, because LTTng allocates under ust_lock. A tracepoint takes no lock, except for a thread's first one, which registers the
 * thread with LTTng's own userspace RCU (thread_begin does that). A fork must take the locks in the same order: the
 * program's, then LTTng's, then the library's. pthread_atfork's prepare handlers run in the reverse order of their registration, and
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

/* A tracepoint first tests whether a session wants it. If none does, an event costs this call and one load. */
#define SINK_FUNCTION(name, text, fields) \
  static void sink_##name(const struct event_##name *event) { lttng_ust_tracepoint(hakmem, name, event); }
HAK_EVENTS(SINK_FUNCTION)

/* ---- Sessions that listen. ---- */

struct lttng_ust_session;

static uintptr_t sessions_begun; /* atomic */

/* A tracepoint of LTTng's own, raised at the start of a session that takes events already. */
static void on_session_begun(void *data, struct lttng_ust_session *session) {
  (void)data, (void)session;
  __atomic_add_fetch(&sessions_begun, 1, __ATOMIC_RELAXED);
}

static const char *probes_of(const struct lttng_ust_tracepoint *tracepoint) {
  return CMM_LOAD_SHARED(tracepoint->state) ? (const char *)CMM_LOAD_SHARED(tracepoint->probes) : NULL;
}

/*
 * Tells whether a session wants the events that are raised on a schedule or once; the value changes with each new listener. When a session adds or removes
 * a tracepoint, that tracepoint gets a new array of probes; without a session, it has none. A little later, the session begins to take
 * events: that counts as another listener.
 */
static const void *listeners(void) {
  const char *probes = probes_of(&lttng_ust_tracepoint_hakmem___process);
  if (probes == NULL) probes = probes_of(&lttng_ust_tracepoint_hakmem___fragmentation);
  if (probes == NULL) probes = probes_of(&lttng_ust_tracepoint_hakmem___stack);
  return probes != NULL ? probes + __atomic_load_n(&sessions_begun, __ATOMIC_RELAXED) : NULL;
}

static void watch_sessions(void) {
  lttng_ust_tracepoint_provider_register("lttng_ust_statedump", "start", (void (*)(void))on_session_begun, NULL, "struct lttng_ust_session *, session");
}

#define SINK_MEMBER(name, text, fields) .name = sink_##name,
static const struct hak_event_sink sink = {.version = HAK_EVENT_SINK_VERSION,
                                           .size = sizeof(sink),
                                           /*
   * LTTng's thread-local variables use the global dynamic model. If the provider was preloaded, they lie in the static block of each
   * thread, and no access allocates. If it was opened later, a thread's first access to each one allocates. Either
   * way, thread_begin makes them exist before a signal handler that allocates may interrupt a tracepoint.
   */
                                           .thread_begin = lttng_ust_init_thread,
                                           .listeners = listeners,
                                           HAK_EVENTS(SINK_MEMBER)};

/* Writes through libhakmem.so if possible: it knows whether standard error is still the file that it was, or now one of the program's. */
static void say(const char *what) {
  void *symbol = dlsym(RTLD_DEFAULT, "hak_event_sink_say");
  if (symbol != NULL) {
    void (*through_library)(const char *);
    memcpy(&through_library, &symbol, sizeof(through_library)); /* ISO C has no conversion from an object's address to a function's */
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
 * also see the forks that the C library makes itself (forkpty). They run after the program's prepare handlers, which may wait
 * for threads that trace. Neither sees vfork and posix_spawn, whose child only runs another program, nor _Fork.
 * liblttng-ust-fork.so also sees clone without CLONE_VM, so it may be preloaded as well. Then only that library tells LTTng of forks,
 * because LTTng's locks cannot be taken twice.
 */
static sigset_t signals_before; /* guarded by the locks that lttng_ust_before_fork takes */
static bool ended;              /* LTTng is being torn down at exit, or has been */

/* A thread that holds stdio's locks may allocate, and then take LTTng's. So glibc's lock of its list of FILEs comes first, as in src/alloc/start.c. */
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

/* The child registers again with the session daemon, and waits for it as at the start of a program. */
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
  /* Threads may trace while the process exits, so LTTng must keep the functions that they are about to call. */
  tracepoint_disable_destructors();
  tell_of_forks();
  watch_sessions();
  int (*attach)(const struct hak_event_sink *);
  memcpy(&attach, &symbol, sizeof(attach)); /* ISO C has no conversion from an object's address to a function's */
  switch (attach(&sink)) {
    case 0: break;
    case EINVAL: say("libhakmem.so is of another version, so nothing is traced (install both from one build)"); break;
    case EBUSY: say("another tracer is attached to libhakmem.so already, and gets the events (preload one of them)"); break;
    default: say("libhakmem.so did not take the tracer, so nothing is traced");
  }
}

__attribute__((destructor)) static void end(void) { ended = true; }
