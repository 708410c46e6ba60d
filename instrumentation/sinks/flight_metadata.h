/* flight_metadata.h: the description of the flight recorder's trace, in the language of the Common Trace Format 1.8. */
#ifndef HAKMEM_FLIGHT_METADATA_H
#define HAKMEM_FLIGHT_METADATA_H

#include <stddef.h>
#include <stdint.h>

/* Writes it to text[size], for this process. Returns its length; 0 if it does not fit. */
size_t flight_metadata(char *text, size_t size, const uint8_t uuid[16]);

#endif
