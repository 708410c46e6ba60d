#include "progress.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define FIRST_AFTER_NS 1000000000u
#define REPEAT_AFTER_NS 200000000u
#define CLEAR_LINE "\r\033[K"

static const char *work = "";
static uint64_t started_ns, next_ns;
static bool visible;
static int out = STDERR_FILENO;

void progress_use(int fd) { out = fd; }

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void progress_start(const char *what) {
  progress_clear();
  work = what;
  started_ns = now_ns();
  next_ns = isatty(out) ? started_ns + FIRST_AFTER_NS : UINT64_MAX;
}

/* Whether it is time to show the line; then the seconds since the start. */
static bool is_due(double *seconds) {
  if (next_ns == UINT64_MAX) return false;
  const uint64_t now = now_ns();
  if (now < next_ns) return false;
  next_ns = now + REPEAT_AFTER_NS;
  visible = true;
  *seconds = (double)(now - started_ns) / 1e9;
  return true;
}

void progress_update(uint64_t done, uint64_t total, const char *unit) {
  double seconds;
  if (!is_due(&seconds)) return;
  if (total > 0) {
    dprintf(out, CLEAR_LINE "%s: %" PRIu64 " of %" PRIu64 " %s, %.0f s", work, done, total, unit, seconds);
  } else {
    dprintf(out, CLEAR_LINE "%s: %" PRIu64 " %s, %.0f s", work, done, unit, seconds);
  }
}

void progress_rate(uint64_t done, const char *unit, double share) {
  double seconds;
  if (!is_due(&seconds)) return;
  dprintf(out, CLEAR_LINE "%s: %" PRIu64 " %s, %.0f a second", work, done, unit, (double)done / seconds);
  if (share > 0 && share <= 1) dprintf(out, ", %.0f %%, %.0f s left", share * 100, seconds / share * (1 - share));
}

void progress_clear(void) {
  if (!visible) return;
  visible = false;
  dprintf(out, CLEAR_LINE);
}
