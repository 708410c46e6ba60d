/* flight_metadata.h: the description of the flight recorder's trace, in the language of the Common Trace Format 1.8. */
#ifndef HAKMEM_FLIGHT_METADATA_H
#define HAKMEM_FLIGHT_METADATA_H

#include <stddef.h>
#include <stdint.h>

#include "src/events.h"

/*
 * Single operations and sampled lookups are not kept: the statistics have them all, and they would push the rare events out. An event of fragmentation
 * is raised for a tracer only.
 */
#define FLIGHT_KEEPS(id) \
  ((id) != EVENT_ID_superslab_lookup && (id) != EVENT_ID_alloc && (id) != EVENT_ID_free && (id) != EVENT_ID_realloc && (id) != EVENT_ID_fragmentation)

/* Writes it to text[size], for this process. Returns its length; 0 if it does not fit. */
size_t flight_metadata(char *text, size_t size, const uint8_t uuid[16]);

#endif
