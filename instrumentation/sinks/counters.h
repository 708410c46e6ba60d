/* counters.h: the sink that counts into the statistics block. */
#ifndef HAKMEM_COUNTERS_H
#define HAKMEM_COUNTERS_H

#include "base/sink.h"

extern const struct hak_event_sink counters_sink;

#endif
