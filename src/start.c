/*
 * start.c: how the allocator starts, ends, and goes through a fork: which lock is taken when.
 */
#include <pthread.h>
#include <unistd.h>

#include "alloc.h"
#include "config.h"
#include "debug.h"
#include "events.h"
#include "guard.h"
#include "legacy.h"
#include "os.h"
#include "quarantine.h"
#include "recording.h"
#include "records.h"
#include "shared_pool.h"

/* ---- Fork. ---- */

static void fork_prepare(void) {
  hub_fork_prepare();
  quarantine_fork_prepare();
  sll_fork_prepare();
  guard_fork_prepare();
  pool_fork_prepare();
  units_fork_prepare();
  legacy_fork_prepare();
  directory_fork_prepare();
  debug_fork_prepare();
  record_fork_prepare();
  os_fork_prepare();
}

static void fork_parent(void) {
  os_fork_release();
  record_fork_release();
  debug_fork_release();
  directory_fork_release();
  legacy_fork_release();
  units_fork_release();
  pool_fork_release();
  guard_fork_release();
  sll_fork_release();
  quarantine_fork_release();
  hub_fork_parent();
}

static void fork_child(void) {
  os_fork_child();
  record_fork_child();
  debug_fork_child();
  directory_fork_child();
  legacy_fork_child();
  units_fork_child();
  pool_fork_child();
  guard_fork_child();
  sll_fork_child();
  quarantine_fork_child();
  hub_fork_child();
}

/* ---- Start. ---- */

static bool options_read, started;

/*
 * One thread exists at the first block, and other libraries' constructors may still run before ours: they may start threads, and fork. Where
 * the C library has no environment yet, the next one to come tries again.
 */
void alloc_prepare(void) {
  if (options_read) return;
  static bool registered;
  if (!registered) {
    registered = true;
    sll_start();
    pthread_atfork(fork_prepare, fork_parent, fork_child);
  }
  options_read = config_read();
  const bool checked = hub_check();
  sll_go_slow(config.trace != 0 || checked || recording_all() || debug_on());
  guard_start();
  debug_start();
}

/* What opens files and libraries must not run within a malloc of the loader's: a constructor does it, ours or that of a tracer. */
void alloc_start(void) {
  if (started) return;
  started = true;
  alloc_prepare();
  if (config.help != 0) config_print(STDERR_FILENO);
  hub_start();
}

__attribute__((constructor(101))) static void start(void) { alloc_start(); }

__attribute__((destructor(101))) static void stop(void) {
  if (debug_on()) debug_audit();
  else guard_audit();
  sll_audit_ended();
  hub_stop();
}
