/*
 * flight_packets.h: records wait in packets in memory, and go to the file in the order of their times.
 */
#ifndef HAKMEM_FLIGHT_PACKETS_H
#define HAKMEM_FLIGHT_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flight_file.h"

#define FLIGHT_TEXT_MAX 1000     /* bytes of a text; the rest is cut */
#define FLIGHT_SEQUENCE_MAX 1024 /* bytes of an array; likewise */
#define FLIGHT_RECORD_MAX 2560   /* of an event: a module has two texts */

extern bool flight_is_on __attribute__((visibility("hidden"))); /* atomic */

struct flight_record_head {
  uint16_t id;   /* enum event_id */
  uint64_t time; /* filled in when the record gets its place, so that times rise */
  uint32_t tid;
} __attribute__((packed));

/* `process`: writes the record of the `process` event to `at`, and returns its length. Each file begins with it. */
void flight_packets_start(size_t (*process)(unsigned char *at));

/*
 * Begins to add a record; flight_packets_add must follow. False if another thread, or the interrupted part of this one, is adding: the record is counted as
 * discarded. Never waits for another thread.
 */
bool flight_packets_begin(void);
/* Takes a record, which begins with a flight_record_head. `at_once`: writes it to the file, whatever that costs. */
void flight_packets_add(unsigned char *record, size_t length, bool at_once);

void flight_packets_end(void);
void flight_packets_fork_child(void);

#endif
