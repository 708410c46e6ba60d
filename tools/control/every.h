/* diff_every.h: hakmem diff --every. */
#ifndef HAKMEM_TOOLS_DIFF_EVERY_H
#define HAKMEM_TOOLS_DIFF_EVERY_H

#include <stdbool.h>
#include <stdint.h>

struct every {
  uint32_t pid, every_ms;
  unsigned count; /* intervals; 0: until the process ends */
  bool json, all;
};

/* Reads the process until it ends or the user interrupts, and prints how its call sites grow. Returns an exit code. */
int diff_every(const struct every *o);

#endif
