/* The options: defaults, every kind of value, what is said about a bad one, paths with the process id. */
#include "platform/config.h"
#include "platform/environment.h"
#include "platform/options.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* Reads the environment "NAME=value", ... and nothing else. */
static void read_from(char **entries) {
  environ = entries;
  cr_assert(environment_read());
}

Test(config, defaults) {
  cr_assert_eq(config_superslab_size(), 2 * MIB);
  cr_assert_eq(config.ss_limit, 0);
  cr_assert_eq(config.drain_interval, 2048);
  cr_assert_eq(config.lookup, 0);
  cr_assert_eq(config.release_delay, 250);
  cr_assert_eq(config.on_error, ON_ERROR_AUTO);
  cr_assert_eq(config.trace, 0);
  cr_assert_eq(config.sample, 1024);
  cr_assert_eq(config.stats, 0);
  cr_assert_str_eq(config.stats_file, "");
  cr_assert_str_eq(config.log, "");
  cr_assert_eq(config.fragmentation, 100);
}

Test(config, values, .init = cr_redirect_stderr) {
  read_from((char *[]){"PATH=/bin", "HAKMEM_SS_SIZE=512K", "HAKMEM_SS_LIMIT=7", "HAKMEM_LOOKUP=linear", "HAKMEM_ON_ERROR=abort", "HAKMEM_DRAIN_INTERVAL=0",
                       "HAKMEM_LOG=drain,ss", "HAKMEM_STATS_FILE=/tmp/a b", "XHAKMEM_STATS_SAMPLE=1", NULL});
  cr_assert_eq(config_superslab_size(), 512 * KIB);
  cr_assert_eq(config.ss_limit, 7);
  cr_assert_eq(config.lookup, 2);
  cr_assert_eq(config.on_error, ON_ERROR_ABORT);
  cr_assert_eq(config.drain_interval, 0);
  cr_assert_str_eq(config.log, "drain,ss");
  cr_assert_str_eq(config.stats_file, "/tmp/a b");
  cr_assert_eq(config.sample, 1024, "another prefix is not ours");
  cr_assert_stderr_eq_str("");
}

Test(config, sizes_of_a_superslab) {
  static const char *const names[] = {"HAKMEM_SS_SIZE=512K", "HAKMEM_SS_SIZE=1M", "HAKMEM_SS_SIZE=2M", "HAKMEM_SS_SIZE=4M"};
  for (unsigned i = 0; i < 4; i++) {
    read_from((char *[]){(char *)(uintptr_t)names[i], NULL});
    cr_assert_eq(config_superslab_size(), 512 * KIB << i);
  }
}

Test(config, numbers_with_a_unit, .init = cr_redirect_stderr) {
  read_from((char *[]){"HAKMEM_PROFILE=512k", "HAKMEM_POPULATE=3M", "HAKMEM_DEBUG_QUARANTINE=1g", "HAKMEM_DEBUG_REDZONE=4K", "HAKMEM_SS_SIZE=1024k", NULL});
  cr_assert_eq(config.profile, 512 * KIB);
  cr_assert_eq(config.populate, 3 * MIB);
  cr_assert_eq(config.quarantine, 1024 * MIB);
  cr_assert_eq(config.redzone, 4 * KIB);
  cr_assert_eq(config_superslab_size(), 1 * MIB);
  read_from((char *[]){"HAKMEM_GUARD=10k", "HAKMEM_DRAIN_INTERVAL=1M", "HAKMEM_RELEASE_DELAY=2K", "HAKMEM_STATS_SAMPLE=1G", "HAKMEM_DEBUG_FILL=0k", NULL});
  cr_assert_eq(config.guard, 10240);
  cr_assert_eq(config.drain_interval, 1u << 20);
  cr_assert_eq(config.release_delay, 2048);
  cr_assert_eq(config.sample, 1u << 30);
  cr_assert_eq(config.fill, 0);
  read_from((char *[]){"HAKMEM_SS_SIZE=4m", "HAKMEM_PROFILE=7m", NULL});
  cr_assert_eq(config_superslab_size(), 4 * MIB);
  read_from((char *[]){"HAKMEM_SS_SIZE=524288", NULL});
  cr_assert_eq(config_superslab_size(), 512 * KIB);
  cr_assert_stderr_eq_str("");
}

Test(config, what_is_no_number, .init = cr_redirect_stderr) {
  read_from((char *[]){"HAKMEM_PROFILE=2g", "HAKMEM_PROFILE=1kk", "HAKMEM_PROFILE=k", "HAKMEM_STATS_SAMPLE=1t", "HAKMEM_SS_SIZE=3m", "HAKMEM_TRACE=0k", NULL});
  cr_assert_eq(config.profile, 0);
  cr_assert_eq(config.sample, 1024);
  cr_assert_eq(config_superslab_size(), 2 * MIB);
  fflush(stderr);
  cr_assert_stderr_eq_str("hakmem: HAKMEM_PROFILE=2g is not allowed (0 to 1073741824 bytes); using 0\n"
                          "hakmem: HAKMEM_PROFILE=1kk is not allowed (0 to 1073741824 bytes); using 0\n"
                          "hakmem: HAKMEM_PROFILE=k is not allowed (0 to 1073741824 bytes); using 0\n"
                          "hakmem: HAKMEM_STATS_SAMPLE=1t is not allowed (0 to 1073741824 operations); using 1024\n"
                          "hakmem: HAKMEM_SS_SIZE=3m is not allowed (512K|1M|2M|4M); using 2M\n"
                          "hakmem: HAKMEM_TRACE=0k is not allowed (off|full); using off\n");
}

Test(config, bad_values_leave_the_default, .init = cr_redirect_stderr) {
  read_from((char *[]){"HAKMEM_STATS_SAMPLE=many", "HAKMEM_SS_LIMIT=-3", "HAKMEM_TRACE=", "HAKMEM_SS_LIMIT=1048577", "HAKMEM_NO=1", NULL});
  cr_assert_eq(config.sample, 1024);
  cr_assert_eq(config.ss_limit, 0);
  cr_assert_eq(config.trace, 0);
  fflush(stderr);
  cr_assert_stderr_eq_str("hakmem: HAKMEM_STATS_SAMPLE=many is not allowed (0 to 1073741824 operations); using 1024\n"
                          "hakmem: HAKMEM_SS_LIMIT=-3 is not allowed (0 to 1048576 SuperSlabs); using 0\n"
                          "hakmem: HAKMEM_TRACE= is not allowed (off|full); using off\n"
                          "hakmem: HAKMEM_SS_LIMIT=1048577 is not allowed (0 to 1048576 SuperSlabs); using 0\n"
                          "hakmem: HAKMEM_NO is not an option and is ignored; HAKMEM_HELP=1 lists the options\n");
}

Test(config, numbers_up_to_their_bounds) {
  read_from((char *[]){"HAKMEM_SS_LIMIT=1048576", "HAKMEM_STATS_SAMPLE=1073741824", "HAKMEM_STATS_INTERVAL=0", NULL});
  cr_assert_eq(config.ss_limit, 1048576);
  cr_assert_eq(config.sample, 1073741824);
  cr_assert_eq(config.fragmentation, 0);
}

Test(config, old_names, .init = cr_redirect_stderr) {
  read_from(
    (char *[]){"HAKMEM_REDZONE=32", "HAKMEM_FILL=1", "HAKMEM_QUARANTINE=2k", "HAKMEM_SAMPLE=3", "HAKMEM_FRAGMENTATION=x", "HAKMEM_QUARANTINE_AGE=5", NULL});
  cr_assert_eq(config.redzone, 32);
  cr_assert_eq(config.fill, 1);
  cr_assert_eq(config.quarantine, 2048);
  cr_assert_eq(config.sample, 3);
  cr_assert_eq(config.fragmentation, 100);
  fflush(stderr);
  cr_assert_stderr_eq_str("hakmem: HAKMEM_REDZONE is the old name of HAKMEM_DEBUG_REDZONE: it works in this release, but not in the next\n"
                          "hakmem: HAKMEM_FILL is the old name of HAKMEM_DEBUG_FILL: it works in this release, but not in the next\n"
                          "hakmem: HAKMEM_QUARANTINE is the old name of HAKMEM_DEBUG_QUARANTINE: it works in this release, but not in the next\n"
                          "hakmem: HAKMEM_SAMPLE is the old name of HAKMEM_STATS_SAMPLE: it works in this release, but not in the next\n"
                          "hakmem: HAKMEM_FRAGMENTATION is the old name of HAKMEM_STATS_INTERVAL: it works in this release, but not in the next\n"
                          "hakmem: HAKMEM_STATS_INTERVAL=x is not allowed (0 to 1073741824 ms); using 100\n"
                          "hakmem: HAKMEM_QUARANTINE_AGE is no longer an option and is ignored; HAKMEM_HELP=1 lists the options\n");
}

Test(config, the_new_name_wins, .init = cr_redirect_stderr) {
  read_from((char *[]){"HAKMEM_FILL=1", "HAKMEM_DEBUG_FILL=2", "HAKMEM_DEBUG_REDZONE=32", "HAKMEM_REDZONE=16", "HAKMEM_DEBUG_REDZONES", NULL});
  cr_assert_eq(config.fill, 2);
  cr_assert_eq(config.redzone, 32);
  fflush(stderr);
  cr_assert_stderr_eq_str("hakmem: HAKMEM_FILL is ignored: it is the old name of HAKMEM_DEBUG_FILL, which is also set\n"
                          "hakmem: HAKMEM_REDZONE is ignored: it is the old name of HAKMEM_DEBUG_REDZONE, which is also set\n");
}

static const char *nearest_to(const char *name) {
  const struct config_option *const nearest = option_nearest(name, strlen(name));
  return nearest != NULL ? nearest->name : "";
}

Test(config, nearest_name) {
  cr_assert_str_eq(nearest_to("GAURD"), "GUARD");
  cr_assert_str_eq(nearest_to("SS_LIMITS"), "SS_LIMIT");
  cr_assert_str_eq(nearest_to("DEBUG_QUARENTINE"), "DEBUG_QUARANTINE");
  cr_assert_str_eq(nearest_to("RED_ZONE"), "DEBUG_REDZONE", "near an old name");
  cr_assert_str_eq(nearest_to("STATFILE"), "STATS_FILE");
  cr_assert_str_eq(nearest_to("QUARANTINE_AG"), "DEBUG_QUARANTINE", "not one that was removed");
  cr_assert_str_eq(nearest_to("MALLOC_ARENA_MAX"), "");
  cr_assert_str_eq(nearest_to("NO"), "");
  cr_assert_str_eq(nearest_to(""), "");
}

Test(config, no_environment_yet) {
  environ = NULL;
  cr_assert_not(environment_read());
}

Test(config, paths) {
  char out[64], expected[64];
  config_expand_path("/tmp/x.%p.y%p", out, sizeof out);
  snprintf(expected, sizeof expected, "/tmp/x.%d.y%d", getpid(), getpid());
  cr_assert_str_eq(out, expected);
  config_expand_path("100%", out, sizeof out);
  cr_assert_str_eq(out, "100%");
  char little[5];
  config_expand_path("abcdefgh", little, sizeof little);
  cr_assert_str_eq(little, "abcd");
}
