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

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void progress_start(const char *what) {
  progress_clear();
  work = what;
  started_ns = now_ns();
  next_ns = isatty(STDERR_FILENO) ? started_ns + FIRST_AFTER_NS : UINT64_MAX;
}

void progress_update(uint64_t done, uint64_t total, const char *unit) {
  if (next_ns == UINT64_MAX) return;
  const uint64_t now = now_ns();
  if (now < next_ns) return;
  next_ns = now + REPEAT_AFTER_NS;
  visible = true;
  const double seconds = (double)(now - started_ns) / 1e9;
  fprintf(stderr, CLEAR_LINE "%s: %" PRIu64, work, done);
  if (total > 0) fprintf(stderr, " of %" PRIu64, total);
  fprintf(stderr, " %s, %.0f s", unit, seconds);
  fflush(stderr);
}

void progress_clear(void) {
  if (!visible) return;
  visible = false;
  fputs(CLEAR_LINE, stderr);
  fflush(stderr);
}
