/* event_names.h: the names of an enumeration's values, in order: event_names_lookup_result[LOOKUP_HIT] is "hit". */
#ifndef HAKMEM_EVENT_NAMES_H
#define HAKMEM_EVENT_NAMES_H

#include "src/events.h"

#define EVENT_NAMES_DECLARE(e) extern const char *const event_names_##e[e##_count];
HAK_ENUMS(EVENT_NAMES_DECLARE)

#endif
