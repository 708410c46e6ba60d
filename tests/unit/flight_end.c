/* The end of the process waits for a thread that is writing the flight recorder's file, so that every record is there. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "sinks/flight_packets.h"

#define HEAD sizeof(struct flight_packet_head)
#define RECORD 100

/* In place of flight_file.c: a slow disk. */
static size_t in_file; /* atomic; bytes of records */
static bool writes;    /* atomic */

bool flight_file_is_open(void) { return true; }
bool flight_file_open(void) { return true; }
bool flight_file_wants_process(void) { return false; }
void flight_file_fork_child(void) {}
bool flight_file_write(struct flight_packet *packet, size_t from, size_t to) {
  (void)packet;
  __atomic_store_n(&writes, true, __ATOMIC_RELAXED);
  usleep(100000);
  __atomic_fetch_add(&in_file, to - (from > HEAD ? from : HEAD), __ATOMIC_RELAXED);
  return true;
}

static size_t no_process(unsigned char *at) {
  (void)at;
  return 0;
}

static void add(void) {
  unsigned char record[RECORD] = {0};
  while (!flight_packets_begin()) {}
  flight_packets_add(record, sizeof(record), true);
}

static void *add_slowly(void *unused) {
  add();
  return unused;
}

Test(flight_end, waits_for_the_thread_that_writes) {
  pthread_t thread;
  flight_packets_start(no_process);
  cr_assert_eq(pthread_create(&thread, NULL, add_slowly, NULL), 0);
  while (!__atomic_load_n(&writes, __ATOMIC_RELAXED)) usleep(1000);
  add(); /* it writes once more for this */
  flight_packets_end();
  cr_assert_eq(__atomic_load_n(&in_file, __ATOMIC_RELAXED), 2 * RECORD, "%zu bytes of records are in the file at the end of the process, not %u", in_file,
               2 * RECORD);
  pthread_join(thread, NULL);
}
