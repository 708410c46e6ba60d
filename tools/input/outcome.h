/*
 * outcome.h: how the program of `hakmem run` or `hakmem record` ended. The file lies beside the data:
 *
 *   OUTCOME_FILE, in the run's directory: one line, "PID exit CODE END RSS" or "PID signal NUMBER END RSS"
 *
 * END: realtime in nanoseconds. RSS: the most bytes that were resident, of the process or of a child for which it waited. Both are 0 if unknown.
 */
#ifndef HAKMEM_TOOLS_OUTCOME_H
#define HAKMEM_TOOLS_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#define OUTCOME_FILE "ended.txt"

struct outcome {
  uint32_t pid;
  bool by_signal;
  int number;
  uint64_t end_ns, rss_max;
};

bool outcome_write(const char *path, const struct outcome *outcome);

/* False, with a failure set, if the file is unreadable or not an outcome. */
bool outcome_read(struct outcome *outcome, const char *path);

#endif
