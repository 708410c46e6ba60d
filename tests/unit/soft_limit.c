/* The soft limit: when memory is released, how often it is tried, and what cgroups say. */
#include "memory/soft_limit.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory/os.h"
#include "platform/syscall.h"

/* ---- Keeping it. The resident set of the test counts, too: it is a few MiB, above the limits here. ---- */

#define LIMIT 65536

static uint64_t held_now, held_then, freed;
static unsigned releases;

static uint64_t held(void) { return held_now; }
static size_t release(void *context) {
  releases += context == &releases;
  cr_assert(soft_limit_is_above());
  cr_assert_eq(soft_limit_delay_ms(), 0);
  held_now = held_then;
  return freed;
}
static void keep(uint64_t before, uint64_t after, uint64_t bytes) {
  static const struct soft_limit_hooks hooks = {held, release};
  held_now = before;
  held_then = after;
  freed = bytes;
  soft_limit_keep(&hooks, &releases);
}

static void wait_ms(uint64_t ms) {
  for (const uint64_t start = os_now_ms(); os_now_ms() < start + ms;) sys_sleep_ns(1000000);
}

Test(soft_limit, none) {
  keep(UINT64_MAX / 2, 0, 0);
  cr_assert_eq(releases, 0);
  cr_assert_eq(soft_limit_delay_ms(), config.release_delay);
}

Test(soft_limit, released_at_once) {
  soft_limit_set(LIMIT);
  keep(LIMIT, 0, 0);
  cr_assert_eq(releases, 0);
  keep(LIMIT + 1, LIMIT, 1);
  cr_assert_eq(releases, 1);
  cr_assert(!soft_limit_is_above());
  cr_assert_eq(soft_limit_delay_ms(), config.release_delay);
}

Test(soft_limit, tried_ever_more_seldom) {
  soft_limit_set(LIMIT);
  for (unsigned n = 1; n <= 6; n++) {
    keep(2 * LIMIT, 2 * LIMIT, 0);
    cr_assert_eq(releases, n);
    cr_assert(soft_limit_is_above());
    for (unsigned i = 0; i < 1000; i++) keep(2 * LIMIT, 2 * LIMIT, 0); /* takes less than a step of the clock */
    cr_assert_leq(releases, n + 1);
    wait_ms(SOFT_LIMIT_LAST_MS + 10);
    releases = n;
  }
  keep(LIMIT, LIMIT, 0); /* the program has freed enough */
  cr_assert(!soft_limit_is_above());
  cr_assert_eq(releases, 6);
}

Test(soft_limit, growth_does_not_wait) {
  soft_limit_set(LIMIT);
  keep(2 * LIMIT, 2 * LIMIT, 0);
  keep(2 * LIMIT + MIB, 2 * LIMIT + MIB, 0);
  cr_assert_eq(releases, 2);
  keep(2 * LIMIT + MIB + 1, 2 * LIMIT + MIB + 1, 0);
  cr_assert_eq(releases, 2);
}

/* A mapping that was never touched is held by the books, but not resident. */
Test(soft_limit, untouched_memory_is_not_resident) {
  soft_limit_set((uint64_t)1 << 40);
  keep((uint64_t)2 << 40, 0, 0);
  cr_assert_eq(releases, 0);
  cr_assert(!soft_limit_is_above());
}

Test(soft_limit, switched_off_while_above) {
  soft_limit_set(LIMIT);
  keep(2 * LIMIT, 2 * LIMIT, 0);
  cr_assert(soft_limit_is_above());
  soft_limit_set(0);
  cr_assert(!soft_limit_is_above());
}

static size_t release_meanwhile_switched_off(void *context) {
  const size_t bytes = release(context);
  soft_limit_set(0); /* as by another thread */
  return bytes;
}

/* With no limit, no thread looks again: so the delay would stay 0, and nothing would be scavenged any more. */
Test(soft_limit, switched_off_while_a_thread_looks) {
  static const struct soft_limit_hooks hooks = {held, release_meanwhile_switched_off};
  soft_limit_set(LIMIT);
  held_now = held_then = 2 * LIMIT;
  soft_limit_keep(&hooks, &releases);
  cr_assert_eq(releases, 1);
  cr_assert(!soft_limit_is_above());
  cr_assert_eq(soft_limit_delay_ms(), config.release_delay);
}

/* ---- memory.high. ---- */

static char place[] = "/tmp/hakmem-soft-limit.XXXXXX";
static char membership[64], mounts[64];

static void put(const char *name, const char *text) {
  char path[256];
  snprintf(path, sizeof(path), "%s/%s", place, name);
  for (char *slash = strchr(path + sizeof(place), '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    mkdir(path, 0700);
    *slash = '/';
  }
  FILE *const file = fopen(path, "w");
  cr_assert_not_null(file);
  fputs(text, file);
  fclose(file);
}

static void begin(void) {
  cr_assert_not_null(mkdtemp(place));
  snprintf(membership, sizeof(membership), "%s/membership", place);
  snprintf(mounts, sizeof(mounts), "%s/mounts", place);
}
static void end(void) {
  char command[128];
  snprintf(command, sizeof(command), "rm -rf %s", place);
  cr_assert_eq(system(command), 0);
}

/* The limit with these lines; in `line` of the mounts, %s is the place. */
static uint64_t high(const char *groups, const char *line) {
  char text[512] = "22 1 0:1 / / rw - ext4 /dev/vda rw\n";
  const size_t length = strlen(text);
  snprintf(text + length, sizeof(text) - length, line, place);
  put("mounts", text);
  put("membership", groups);
  return soft_limit_of_cgroup(membership, mounts);
}

Test(cgroup, the_lowest_limit_above_counts, .init = begin, .fini = end) {
  const char *const mount = "31 22 0:28 / %s/mnt rw,relatime shared:4 - cgroup2 cgroup2 rw\n";
  put("mnt/a/b/memory.high", "max\n");
  cr_assert_eq(high("0::/a/b\n", mount), 0);
  put("mnt/a/memory.high", "1048576\n");
  cr_assert_eq(high("0::/a/b\n", mount), MIB);
  cr_assert_eq(high("4:memory:/x\n0::/a/b\n", mount), MIB);
  put("mnt/a/b/memory.high", "65536\n");
  cr_assert_eq(high("0::/a/b\n", mount), 65536);
  put("mnt/memory.high", "4096\n");
  cr_assert_eq(high("0::/a/b\n", mount), 4096);
  cr_assert_eq(high("0::/\n", mount), 4096);
  put("memory.high", "1\n"); /* above the mount: not a cgroup */
  cr_assert_eq(high("0::/a/b\n", mount), 4096);
}

Test(cgroup, only_a_part_is_mounted, .init = begin, .fini = end) {
  put("mnt/b/memory.high", "123456\n");
  cr_assert_eq(high("0::/docker/1/b\n", "31 22 0:28 /docker/1 %s/mnt rw - cgroup2 none rw\n"), 123456);
  cr_assert_eq(high("0::/docker/2/b\n", "31 22 0:28 /docker/1 %s/mnt rw - cgroup2 none rw\n"), 0);
  put("mnt2/b/memory.high", "1\n");
  cr_assert_eq(high("0::/docker/12/b\n", "31 22 0:28 /docker/1 %s/mnt rw - cgroup2 none rw\n"), 0, "another group whose name begins alike");
}

Test(cgroup, what_cannot_be_read_is_no_limit, .init = begin, .fini = end) {
  put("mnt/memory.high", "max\n");
  cr_assert_eq(high("0::/\n", "31 22 0:28 / %s/mnt rw - tmpfs tmpfs rw\n"), 0);
  cr_assert_eq(high("4:memory:/\n", "31 22 0:28 / %s/mnt rw - cgroup2 none rw\n"), 0);
  cr_assert_eq(high("0::/nothing/here\n", "31 22 0:28 / %s/mnt rw - cgroup2 none rw\n"), 0);
  cr_assert_eq(high("0::/\n", " - cgroup2 %s"), 0);
  errno = 0;
  cr_assert_eq(soft_limit_of_cgroup("/nonexistent", "/nonexistent"), 0);
  cr_assert_eq(errno, 0);
  put("mnt/memory.high", "-5\n");
  cr_assert_eq(high("0::/\n", "31 22 0:28 / %s/mnt rw - cgroup2 none rw\n"), 0);
}

/* The kernel makes names of up to 4095 bytes, both of groups and of mounts. Only AddressSanitizer would see that these do not fit. */
Test(cgroup, the_longest_names_fit, .init = begin, .fini = end) {
  static char lines[9000];
  const int length = snprintf(lines, sizeof(lines), "0::/%04094d\n", 0);
  FILE *file = fopen(membership, "w");
  cr_assert(file != NULL && fwrite(lines, 1, (size_t)length, file) == (size_t)length);
  fclose(file);
  file = fopen(mounts, "w");
  cr_assert(file != NULL && fprintf(file, "31 22 0:28 / /%04094d rw - cgroup2 none rw\n", 0) > 4094);
  fclose(file);
  cr_assert_eq(soft_limit_of_cgroup(membership, mounts), 0);
}
