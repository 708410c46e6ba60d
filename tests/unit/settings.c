/* Settings that change while the program runs: what is refused and why, values for a time, and what two threads that change settings do. */
#include "control/settings.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "src/names/hakmem.h"
#include "src/memory/os.h"
#include "src/platform/config.h"

static struct message why;

/* Sets the option `name` to `value`, for `for_ms` milliseconds if that is not 0. Returns the error, and puts the reason into `why`. */
static int set(const char *name, const char *value, uint32_t for_ms) {
  message_start(&why);
  const int error = settings_change(name, strlen(name), value, for_ms, &why);
  why.text[why.length] = '\0';
  return error;
}

static void refused(const char *name, const char *value, int error, const char *because) {
  cr_assert_eq(set(name, value, 0), error, "%s=%s", name, value);
  cr_assert_str_eq(why.text, because);
}

static void start(void) { hak_free(hak_malloc(1)); }

Test(settings, refuses_what_is_no_setting, .init = start) {
  refused("GAURD", "1", EINVAL, "GAURD is not an option; the nearest is GUARD");
  refused("QQQQQQQQQQQQ", "1", EINVAL, "QQQQQQQQQQQQ is not an option");
  refused("HAKMEM_DEBUG", "1", EPERM,
          "DEBUG is read at the start only; while the program runs, these change: PROFILE, GUARD, TRACE, LOG, STATS_INTERVAL, SOFT_LIMIT");
}

Test(settings, refuses_a_value_that_is_not_allowed, .init = start) {
  refused("PROFILE", "many", EINVAL, "PROFILE=many is not allowed (0 to 1073741824 bytes)");
  refused("HAKMEM_TRACE", "some", EINVAL, "TRACE=some is not allowed (off|full)");
  refused("TRACE", "full", ENODEV, "TRACE=full needs a tracer in the process; start the program with hakmem record, or preload libhakmem-tracepoints.so");
  cr_assert_eq(set("LOG", "drain,nothing", 0), EINVAL);
}

Test(settings, a_value_for_a_time_is_put_back, .init = start) {
  cr_assert_eq(set("STATS_INTERVAL", "7", 20), 0);
  cr_assert_eq(config.fragmentation, 7);
  cr_assert_eq(set("STATS_INTERVAL", "9", 40), 0, "a second one");
  settings_tick(os_now_ms());
  cr_assert_eq(config.fragmentation, 9, "not yet");
  settings_tick(os_now_ms() + 1000);
  cr_assert_eq(config.fragmentation, 100, "the value from before the first one");
  settings_tick(os_now_ms() + 2000);
  cr_assert_eq(config.fragmentation, 100);
}

Test(settings, each_kind_comes_into_force, .init = start) {
  cr_assert_eq(set("PROFILE", "4K", 0), 0);
  cr_assert_eq(config.profile, 4096);
  cr_assert_eq(set("GUARD", "3", 0), 0);
  cr_assert_eq(config.guard, 3);
  for (int i = 0; i < 100; i++) hak_free(hak_malloc(100));
  cr_assert_eq(set("GUARD", "0", 0), 0);
  cr_assert_eq(set("PROFILE", "0", 0), 0);
  cr_assert_eq(set("LOG", "", 0), 0);
  cr_assert_eq(set("SOFT_LIMIT", "1M", 0), 0);
  cr_assert_eq(set("SOFT_LIMIT", "0", 0), 0);
  cr_assert_eq(set("TRACE", "off", 0), 0);
}

Test(settings, guard_needs_address_space, .init = start) {
  struct rlimit before, none;
  cr_assert_eq(getrlimit(RLIMIT_AS, &before), 0);
  none = before;
  none.rlim_cur = 0;
  cr_assert_eq(setrlimit(RLIMIT_AS, &none), 0);
  const int error = set("GUARD", "1", 0);
  cr_assert_eq(setrlimit(RLIMIT_AS, &before), 0);
  cr_assert_eq(error, ENOMEM);
  cr_assert_str_eq(why.text, "GUARD stays 0: there is not enough address space for guarded blocks (raise ulimit -v)");
  cr_assert_eq(config.guard, 0);
  cr_assert_eq(set("GUARD", "1", 0), 0, "once there is");
}
