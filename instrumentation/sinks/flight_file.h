/*
 * flight_file.h: the flight recorder's directory: `metadata`, and a few files of packets, `events.N`. When one is full the next is begun, and the oldest
 * is removed. So the newest part of the recording is on disk, and no file is ever written twice.
 */
#ifndef HAKMEM_FLIGHT_FILE_H
#define HAKMEM_FLIGHT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A packet is a page: the kernel copies a part of one page whole, even if the process is killed meanwhile. */
#define FLIGHT_PACKET_SIZE 4096

/* Of the Common Trace Format; flight_metadata.c describes it. Lengths are in bits. The last three grow while the packet fills, and are written together. */
struct flight_packet_head {
  uint32_t magic;
  uint8_t uuid[16];
  uint32_t stream_id;
  uint64_t instance;
  uint64_t begin, packet_size, number;
  uint64_t end, discarded, content_size;
} __attribute__((packed));

struct flight_packet {
  uint32_t length;                         /* atomic; bytes of the head and of whole records */
  uint64_t begin;                          /* time of the first record */
  uint64_t end;                            /* atomic; of the last one, or of a later one */
  uint64_t discarded;                      /* atomic */
  unsigned char bytes[FLIGHT_PACKET_SIZE]; /* the head, then the records */
};

/* Begins the directory of this process, when there is no file yet. False if it cannot be made; a message has said so. */
bool flight_file_open(void);
bool flight_file_is_open(void);

/*
 * Writes what the file does not have of a packet: the records from `written` to `length`, then the head. `written` is the size of the head if nothing of the
 * packet is in the file. False if the recording has ended: the disk is full, or the directory was removed.
 */
bool flight_file_write(struct flight_packet *packet, size_t written, size_t length);
/* Whether the next packet begins a new file. The `process` event is its first packet. */
bool flight_file_wants_process(void);

void flight_file_fork_child(void);

#endif
