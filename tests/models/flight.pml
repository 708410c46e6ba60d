/*
 * flight.pml: two threads add records while the file is written by whichever of them comes first; one of them then ends the process
 * (instrumentation/sinks/flight_packets.c). The statistics file is written in the same way (write_wanted and stats_file_end in stats_file.c).
 *
 * Two packets of two records each. `length` counts a packet's records; `first` is the number of its first record, so that a packet that is used again too
 * early shows. Each thread adds three records, and wants the file written after each.
 *
 * Rules: records reach the file in their order, each once. At the end of the process, each record is in the file or was counted as discarded.
 *
 * fault LENGTH_FIRST: place stores the length before the record's bytes
 * fault FULL_LATE: write_packets reads the length before it reads `fill`, so that it may leave the last record of a full packet behind
 * fault NO_ROOM_CHECK: room does not compare with `out`
 * fault WANTED_ONCE: write_now does not look at `wanted` again after `writing` is false
 * fault END_DOES_NOT_WAIT: flight_packets_end does not wait for another thread that writes
 * fault END_WAITS_FOR_WRITING: it does not look at `wanted`: the other thread may be between two writings
 */
#define PACKETS 2
#define SIZE 2
#define THREADS 2
#define RECORDS 3

bool lock;
byte fill, out, placed, discarded;
byte length[PACKETS];
byte data[4];              /* records of packet p: data[2 * p], data[2 * p + 1]; their numbers, from 1 */
bool writing, wanted;
byte written;              /* records of the packet `out` that are in the file */
byte in_file;              /* records in the file */
bool over;                 /* the process has ended */

/* flight_packets_add and place */
inline add() {
  atomic { !lock -> lock = true };
  at = fill % PACKETS;
  if
  :: length[at] == SIZE ->
    if
#ifndef NO_ROOM_CHECK
    :: fill + 1 - out == PACKETS -> at = PACKETS
#endif
    :: else -> at = (fill + 1) % PACKETS; length[at] = 0; fill++ /* room */
    fi
  :: else
  fi;
  if
  :: at == PACKETS -> discarded++
  :: else ->
    placed++;
#ifdef LENGTH_FIRST
    length[at]++;
    data[at * SIZE + length[at] - 1] = placed
#else
    data[at * SIZE + length[at]] = placed;
    length[at]++
#endif
  fi;
  at = 0;
  lock = false
}

/* write_packets */
inline write_packets() {
  do
  :: skip ->
#ifdef FULL_LATE
    count = length[out % PACKETS];
    is_full = fill > out;
#else
    is_full = fill > out;
    count = length[out % PACKETS];
#endif
    do
    :: written < count -> /* pwrite */
      if :: over -> goto end :: else fi;
      atomic { assert(data[(out % PACKETS) * SIZE + written] == in_file + 1); in_file++; written++ }
    :: else -> break
    od;
    if :: !is_full -> break :: else fi;
    written = 0;
    out++
  od
}

/* write_now */
inline write_now() {
  wanted = true;
  if
  :: writing
  :: else ->
    do
    :: wanted ->
      if :: atomic { !writing -> writing = true } :: atomic { writing -> break } fi;
      wanted = false;
      write_packets();
      writing = false
#ifdef WANTED_ONCE
      ; break
#endif
    :: else -> break
    od
  fi
}

byte added;

proctype adds(bool ends) {
  byte n, at, count;
  bool is_full;
  do
  :: n < RECORDS -> n++; add(); added = added + (n == RECORDS); write_now()
  :: else -> break
  od;
  if
  :: ends ->
    added == THREADS; /* the others add nothing more, but one of them may be in the middle of a writing */
    write_now(); /* flight_packets_end */
#ifndef END_DOES_NOT_WAIT
#ifndef END_WAITS_FOR_WRITING
    !wanted;
#endif
    !writing;
#endif
    over = true;
    assert(in_file == placed && placed + discarded == THREADS * RECORDS)
  :: else
  fi;
end:
  skip
}

init { atomic { run adds(false); run adds(true) } }
