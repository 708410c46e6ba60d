/* log.h: the sink that writes bracketed lines. */
#ifndef HAKMEM_LOG_H
#define HAKMEM_LOG_H

#include <stdint.h>

#include "base/sink.h"

extern const struct hak_event_sink log_sink;

/* After the options are read. */
void log_start(void);
/* The set of words of HAKMEM_LOG (options.h) that is in force; another one. */
uint32_t log_words(void);
void log_choose(uint32_t set);
/* Whether the log has a line for such an event: log_sink must not be called for others. */
bool log_hears(enum event_id id);

#endif
