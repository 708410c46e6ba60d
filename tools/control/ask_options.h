/* ask_options.h: what set, dump and trim have in common: the process, how long to wait for it, the exit code. */
#ifndef HAKMEM_TOOLS_ASK_OPTIONS_H
#define HAKMEM_TOOLS_ASK_OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "ask.h"

struct ask_options {
  uint32_t pid, wait_ms;
};
extern const struct argp ask_argp; /* its input is a struct ask_options */

/* A time such as 30s, 5m, 500ms or 2 (seconds). False if it is none, or longer than `most` ms. */
bool ask_time(const char *text, uint32_t most, uint32_t *ms);

/* Opens the process; says why not. Returns an exit code. */
int ask_begin(struct asker *a, const struct ask_options *o);

/* The exit code of a request, after a message if it is not done. */
int ask_exit(enum ask_result result);

#endif
