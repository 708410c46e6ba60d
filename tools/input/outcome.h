/*
 * outcome.h: how the program of `hakmem run` or `hakmem record` ended. The file lies beside the data:
 *
 *   OUTCOME_FILE, in the run's directory: one line, "PID exit CODE" or "PID signal NUMBER"
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
};

/* `status` is waitpid's. */
bool outcome_write(const char *path, uint32_t pid, int status);

/* False, with a failure set, if the file is unreadable or not an outcome. */
bool outcome_read(struct outcome *outcome, const char *path);

#endif
