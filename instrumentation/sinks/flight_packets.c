/*
 * flight_packets.c: packets in memory, and when they are written.
 *
 *   out <= fill < out + PACKETS      packet n lies in packets[n % PACKETS]
 *   out:  the packet that is being written to the file; its first `written` bytes are there
 *   fill: the packet that takes records; those before it take no more
 *
 * A thread makes a record and adds it under a lock, which it holds for some hundred instructions. No thread waits long for it: if the lock stays taken,
 * the record is counted as discarded. The thread then writes the file, with no lock held, unless another thread is writing it.
 *
 * The file is written by pwrite. A mapping would cost less, but would end the program with SIGBUS if another process truncated the file, or if the disk is
 * full. So the cost is bounded: each record is written at once while writing has taken less than 0.5 % of the time so far, and a little more for bursts.
 * Beyond that, a packet is written when it is full. SIGKILL then loses at most the last packet.
 */
#include "src/platform/lock.h"
#include "src/platform/syscall.h"
#include "base/clock.h"
#include "flight_packets.h"

#include <string.h>

#define PACKETS 8
#define TRIES 200        /* to take the lock */
#define BIRTH_MS 20      /* a process that ends earlier leaves no recording, unless it has an incident or many events */
#define COST_PART 200    /* writing takes at most one part in this number of the time, */
#define BURST_NS 2000000 /* and this much more */
#define END_WAITS 20000  /* of 50 us: for another thread that writes to a slow disk */

bool flight_is_on;

static struct flight_packet packets[PACKETS] BULK;
static struct lock lock;
static uint64_t last_ns;     /* the time of the newest record; under the lock */
static uint64_t fill, out;   /* atomic */
static uint64_t discarded;   /* atomic; records, since the recording began */
static bool writing, wanted; /* atomic; one thread writes at a time, and does once more what another wants meanwhile */
static size_t written = sizeof(struct flight_packet_head);
static pid_t owner;
static uint64_t born_ns, spent_ns; /* spent_ns: atomic; the time that writing took */
static size_t (*process_record)(unsigned char *at);

/* ---- Writing. ---- */

/* The first packet of a file. Its time lies between those of the packets before and behind it: readers put packets in the order of their times. */
static bool write_process(const struct flight_packet *next) {
  static struct flight_packet first BULK;
  first.begin = first.end = next->begin - 1;
  first.discarded = __atomic_load_n(&next->discarded, __ATOMIC_RELAXED); /* the packet may still take records */
  unsigned char *const record = first.bytes + sizeof(struct flight_packet_head);
  const size_t length = sizeof(struct flight_packet_head) + process_record(record);
  memcpy(record + offsetof(struct flight_record_head, time), &first.begin, sizeof(first.begin));
  return flight_file_write(&first, sizeof(struct flight_packet_head), length);
}

static bool write_packets(void) {
  if (!flight_file_is_open() && !flight_file_open()) return false;
  for (;;) {
    const uint64_t number = out;
    const bool is_full = __atomic_load_n(&fill, __ATOMIC_ACQUIRE) > number;
    struct flight_packet *const packet = &packets[number % PACKETS];
    const size_t length = __atomic_load_n(&packet->length, __ATOMIC_ACQUIRE);
    if (length > written) {
      if (written == sizeof(struct flight_packet_head) && flight_file_wants_process() && !write_process(packet)) return false;
      if (!flight_file_write(packet, written, length)) return false;
      written = length;
    }
    if (!is_full) return true;
    written = sizeof(struct flight_packet_head);
    __atomic_store_n(&out, number + 1, __ATOMIC_RELEASE);
  }
}

static bool is_wanted(void) { return __atomic_load_n(&wanted, __ATOMIC_SEQ_CST); }
static bool is_writing(void) { return __atomic_load_n(&writing, __ATOMIC_SEQ_CST); }

/* All signals are blocked, so that no handler of this thread runs while it writes. */
static void write_wanted(void) {
  if (is_writing()) return;
  if (owner != sys_getpid()) return; /* a child of vfork has its parent's memory: the parent writes later */
  const int saved = errno;
  const uint64_t signals = sys_block_signals(), start_ns = clock_ns(CLOCK_MONOTONIC);
  while (is_wanted() && !__atomic_exchange_n(&writing, true, __ATOMIC_SEQ_CST)) {
    __atomic_store_n(&wanted, false, __ATOMIC_SEQ_CST);
    if (!write_packets()) __atomic_store_n(&flight_is_on, false, __ATOMIC_RELAXED);
    __atomic_store_n(&writing, false, __ATOMIC_SEQ_CST);
  }
  __atomic_fetch_add(&spent_ns, clock_ns(CLOCK_MONOTONIC) - start_ns, __ATOMIC_RELAXED);
  sys_restore_signals(signals);
  errno = saved;
}

static void write_now(void) {
  __atomic_store_n(&wanted, true, __ATOMIC_SEQ_CST);
  write_wanted();
}

static bool is_due(uint64_t now_ns) {
  const uint64_t waiting = __atomic_load_n(&fill, __ATOMIC_RELAXED) - __atomic_load_n(&out, __ATOMIC_RELAXED), age_ns = now_ns - born_ns;
  if (!flight_file_is_open()) return age_ns >= BIRTH_MS * UINT64_C(1000000) || waiting >= PACKETS / 2;
  return waiting > 0 || __atomic_load_n(&spent_ns, __ATOMIC_RELAXED) <= age_ns / COST_PART + BURST_NS;
}

/* ---- Adding. ---- */

/* The packet for a record of this length. NULL if the file is behind by all packets. */
static struct flight_packet *room(size_t length) {
  struct flight_packet *packet = &packets[fill % PACKETS];
  if (packet->length + length <= FLIGHT_PACKET_SIZE) return packet;
  if (fill + 1 - __atomic_load_n(&out, __ATOMIC_ACQUIRE) == PACKETS) return NULL;
  packet = &packets[(fill + 1) % PACKETS];
  __atomic_store_n(&packet->length, (uint32_t)sizeof(struct flight_packet_head), __ATOMIC_RELAXED);
  __atomic_store_n(&fill, fill + 1, __ATOMIC_RELEASE);
  return packet;
}

/* Returns the time of the record. */
static uint64_t place(unsigned char *record, size_t length) {
  struct flight_packet *const packet = room(length);
  const uint64_t clock = clock_ns(CLOCK_MONOTONIC), now_ns = clock > last_ns + 1 ? clock : last_ns + 2;
  if (packet == NULL) {
    __atomic_fetch_add(&discarded, 1, __ATOMIC_RELAXED);
    return now_ns;
  }
  last_ns = now_ns;
  memcpy(record + offsetof(struct flight_record_head, time), &now_ns, sizeof(now_ns));
  memcpy(packet->bytes + packet->length, record, length);
  if (packet->length == sizeof(struct flight_packet_head)) packet->begin = now_ns;
  __atomic_store_n(&packet->end, now_ns, __ATOMIC_RELAXED);
  __atomic_store_n(&packet->discarded, __atomic_load_n(&discarded, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
  __atomic_store_n(&packet->length, packet->length + (uint32_t)length, __ATOMIC_RELEASE);
  return now_ns;
}

bool flight_packets_begin(void) {
  for (unsigned i = 0; i < TRIES; i++) {
    if (lock_try(&lock)) return true;
  }
  __atomic_fetch_add(&discarded, 1, __ATOMIC_RELAXED); /* its holder waits for a processor, or a signal handler has interrupted it on this thread */
  return false;
}

void flight_packets_add(unsigned char *record, size_t length, bool at_once) {
  const uint64_t now_ns = place(record, length);
  lock_release(&lock);
  if (at_once || is_due(now_ns)) write_now();
}

/* ---- Start, end and forks. ---- */

static void reset(void) {
  owner = sys_getpid();
  born_ns = clock_ns(CLOCK_MONOTONIC);
  last_ns = fill = out = discarded = spent_ns = 0;
  writing = wanted = false;
  packets[0].length = (uint32_t)sizeof(struct flight_packet_head);
  written = sizeof(struct flight_packet_head);
}

void flight_packets_start(size_t (*process)(unsigned char *at)) {
  process_record = process;
  reset();
}

/* Another thread may be writing, or between two writings. `wanted` is read first: it becomes false after `writing` is true (tests/models/flight.pml). */
void flight_packets_end(void) {
  if (!flight_file_is_open() || owner != sys_getpid()) return;
  write_now();
  for (unsigned i = 0; i < END_WAITS && (is_wanted() || is_writing()); i++) {
    sys_sleep_ns(50000);
    write_wanted();
  }
}

void flight_packets_fork_child(void) {
  lock_reset(&lock);
  flight_file_fork_child();
  reset();
}
