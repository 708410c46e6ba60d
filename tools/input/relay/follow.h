/*
 * follow.h: sessions at relays (live.h) that are read again and again while their programs run. A worker reads each, and gives its model, as it is then,
 * whenever it is asked.
 */
#ifndef HAKMEM_TOOLS_FOLLOW_H
#define HAKMEM_TOOLS_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "model/model.h"

struct follow;

/* Starts to read the sessions; `addresses` must live as long. NULL, with a failure set, if no worker can be started. */
struct follow *follow_start(char *const *addresses, size_t count);
void follow_end(struct follow *f);

/*
 * All that was read until now, as a new report. A session whose worker does not answer at once is as it was. model_host.is_live says whether any session of
 * the host is still read.
 */
struct report *follow_take(struct follow *f);

/* How many sessions are still read. */
size_t follow_running(const struct follow *f);
/* Why the session `index` is not read to its end; NULL if it is still read, or ended in order. */
const char *follow_trouble(const struct follow *f, size_t index);

#endif
