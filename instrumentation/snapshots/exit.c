/*
 * exit.c: _exit of the C library. Most forked children end by it: no destructor runs, so the statistics file is brought up to date here. Part of
 * libhakmem.so only. A child of vfork shares its parent's memory; its process id tells the two apart.
 */
#include "src/platform/syscall.h"
#include "statistics/stats.h"
#include "snapshot.h"

EXPORT _Noreturn void _exit(int status) {
  if (stats_has_file()) snapshot_take(false, true); /* the caller may be a signal handler */
  stats_exit();
  for (;;) sys_raw(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

EXPORT _Noreturn void _Exit(int status) { _exit(status); }
