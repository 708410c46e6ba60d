#include "probe.h"
#include "soft_limit.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "os.h"
#include "platform/file.h"
#include "platform/options.h"

#define STEP_PART 16u   /* a release that returned less than this part of the limit, */
#define STEP_LEAST MIB  /* or less than this, returned little. If `held` grows by as much, the next release does not wait */
#define LINE_MOST 8192u /* of a file of /proc; longer lines are cut */
#define HIGH "/memory.high"

uint64_t soft_limit;
bool soft_limit_passed;

/* When the next release may begin. Only the thread that set `busy` writes here; others read racily. */
static struct {
  bool busy; /* atomic */
  uint32_t pause_ms;
  uint64_t next_ms; /* not before this time; earlier if `enough` bytes are held */
  uint64_t enough;
  uint64_t since; /* hub_ticks() up to which the time above the limit was counted */
} turn = {.pause_ms = SOFT_LIMIT_FIRST_MS};

/* ---- Keeping the limit. ---- */

static void set_above(bool above) { __atomic_store_n(&soft_limit_passed, above, __ATOMIC_RELAXED); }

static uint64_t resident(uint64_t held, uint64_t limit) {
  if (held <= limit) return held;
  const uint64_t by_kernel = os_resident_set();
  return by_kernel != 0 && by_kernel < held ? by_kernel : held;
}

static READS_RACILY bool is_too_soon(uint64_t held, uint64_t now) { return now < turn.next_ms && held < turn.enough; }

/* Plans the next release, `held` bytes being held after this one. */
static void plan(uint64_t now, uint64_t held, uint64_t limit, bool in_vain) {
  const uint64_t step = max_size(limit / STEP_PART, STEP_LEAST);
  turn.pause_ms = !in_vain ? SOFT_LIMIT_FIRST_MS : turn.pause_ms * 2 < SOFT_LIMIT_LAST_MS ? turn.pause_ms * 2 : SOFT_LIMIT_LAST_MS;
  turn.next_ms = now + turn.pause_ms;
  turn.enough = held + step;
}

/* One look; `e` says what it found and did. Called by one thread at a time. */
static void look(const struct soft_limit_hooks *hooks, void *context, uint64_t held, uint64_t now, struct event_soft_limit *e) {
  const uint64_t limit = e->limit, begin = hub_ticks();
  const bool was_above = soft_limit_is_above();
  bool above = resident(held, limit) > limit;
  e->crossed = above && !was_above;
  if (was_above) e->above_ticks = begin - turn.since;
  if (above) {
    set_above(true); /* before the release: from now on, what is freed is released */
    e->released = hooks->release(context);
    held = hooks->held();
  }
  e->held = resident(held, limit);
  above = e->held > limit;
  set_above(above);
  turn.since = hub_ticks();
  e->ticks = turn.since - begin;
  if (was_above || e->crossed) e->above_ticks += e->ticks;
  plan(now, held, limit, above && e->released < max_size(limit / STEP_PART, STEP_LEAST));
}

void soft_limit_keep(const struct soft_limit_hooks *hooks, void *context) {
  struct event_soft_limit e = {.limit = soft_limit_bytes()};
  const uint64_t held = hooks->held();
  const bool was_above = soft_limit_is_above();
  if (e.limit == 0 || (held <= e.limit && !was_above)) return;
  const uint64_t now = os_now_ms();
  if (is_too_soon(held, now) || __atomic_exchange_n(&turn.busy, true, __ATOMIC_ACQUIRE)) return;
  look(hooks, context, held, now, &e);
  __atomic_store_n(&turn.busy, false, __ATOMIC_RELEASE);
  if (was_above || e.crossed)
    EVENT(soft_limit, .limit = e.limit, .held = e.held, .crossed = e.crossed, .released = e.released, .above_ticks = e.above_ticks, .ticks = e.ticks);
}

void soft_limit_fork_child(void) { turn.busy = false; }

/* ---- memory.high. ---- */

/* Calls `visit` for each line of a file until it returns true. False if it never did, or if the file cannot be read. */
static bool find_line(const char *path, bool (*visit)(char *line, void *context), void *context) {
  static char line[LINE_MOST];
  char chunk[256];
  size_t length = 0;
  bool found = false;
  const int saved = errno; /* a program begins with 0 */
  struct own_file file = file_open_briefly(path);
  off_t offset = 0;
  for (ssize_t n; !found && (n = file_read_at(&file, chunk, sizeof(chunk), offset)) > 0; offset += n) {
    for (ssize_t i = 0; i < n && !found; i++) {
      if (chunk[i] != '\n') {
        if (length < sizeof(line) - 1) line[length++] = chunk[i];
        continue;
      }
      line[length] = '\0';
      length = 0;
      found = visit(line, context);
    }
  }
  file_close(&file);
  errno = saved;
  return found;
}

/* Where the process's cgroup lies. `path` is its name in the hierarchy, and later its folder; `mount` bytes of that are the mount's. */
struct place {
  char path[2 * PATH_MAX + sizeof(HIGH)];
  size_t mount;
};

/* "0::/NAME" is the line of the second version. */
static bool find_name(char *line, void *context) {
  struct place *const place = context;
  if (strncmp(line, "0::/", 4) != 0 || strlen(line + 3) >= PATH_MAX) return false;
  strcpy(place->path, line + 3);
  return true;
}

/* The end of the `count`th word from `text` on. */
static char *skip_words(char *text, unsigned count) {
  for (; count > 0 && text != NULL; count--) {
    text = strchr(text, ' ');
    if (text != NULL) text++;
  }
  return text;
}

static bool lies_under(const char *path, const char *root, size_t length) {
  return strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == '\0' || length == 0);
}

/* "ID PARENT DEVICE ROOT MOUNT OPTIONS.. - TYPE SOURCE ..". Only what lies under ROOT is mounted. */
static bool find_mount(char *line, void *context) {
  struct place *const place = context;
  char *const type = strstr(line, " - cgroup2 "), *const root = type != NULL ? skip_words(line, 3) : NULL, *const mount = skip_words(root, 1);
  if (mount == NULL || skip_words(mount, 1) == NULL) return false;
  mount[-1] = '\0';
  skip_words(mount, 1)[-1] = '\0';
  const size_t covered = strcmp(root, "/") == 0 ? 0 : strlen(root), length = strlen(mount);
  if (!lies_under(place->path, root, covered) || length >= PATH_MAX) return false;
  memmove(place->path + length, place->path + covered, strlen(place->path + covered) + 1);
  memcpy(place->path, mount, length);
  place->mount = length;
  return true;
}

static bool read_high(char *line, void *high) { return option_parse_number(line, INT64_MAX, high); }

uint64_t soft_limit_of_cgroup(const char *membership, const char *mounts) {
  static struct place place;
  uint64_t lowest = 0;
  if (!find_line(membership, find_name, &place) || !find_line(mounts, find_mount, &place)) return 0;
  for (size_t length = strlen(place.path); length >= place.mount && length > 0; length--) {
    if (place.path[length] != '/' && place.path[length] != '\0') continue;
    uint64_t high = 0;
    strcpy(place.path + length, HIGH);
    if (find_line(place.path, read_high, &high) && high != 0 && (lowest == 0 || high < lowest)) lowest = high;
    place.path[length] = '\0';
  }
  return lowest;
}

void soft_limit_set(uint64_t bytes) {
  if (bytes == BYTES_AUTO) bytes = soft_limit_of_cgroup("/proc/self/cgroup", "/proc/self/mountinfo");
  __atomic_store_n(&soft_limit, bytes, __ATOMIC_RELAXED);
  if (bytes == 0) set_above(false);
}
