/*
 * unwind_fp.c: stacks by frame pointers, and where they can be believed.
 *
 *   a record:  where the caller's record lies, and the return address;   the caller's lies above, on the same stack
 *
 * A function that was built without frame pointers uses their register for something else, or leaves it as its caller had it: the chain
 * then ends, leads astray or leaves the caller out. How a function keeps it at one of its calls is fixed when it is built. So a
 * return address is proven once for all: where libunwind, on the same stack, found the same caller. The chain is believed as far as every
 * address on it is proven. The outermost functions of a thread, which belong to the C library and have no records, are
 * proven by their place: who called the thread's first function does not change.
 *
 * Nothing here faults: on the thread's own stack, which lives as long as the thread, only what lies above the stack pointer is read; on
 * any other (an alternate signal stack, a coroutine's) the kernel reads it.
 */
#include <pthread.h>
#include <string.h>
#include <ucontext.h>

#include "../src/maps.h"
#include "../src/message.h"
#include "hub.h"

#if defined(__x86_64__) || defined(__aarch64__)
#define HAVE_RECORDS true
#else
#define HAVE_RECORDS false
#endif

#define PROVEN 8192       /* addresses */
#define PROVEN_PROBES 8
#define OUTERMOST 3       /* functions of the C library below a thread's first one */
#define SAMPLE 1024       /* one stack in so many is compared once more */
#define FOREIGN_SPAN MIB  /* a record on a stack that we know nothing of is at most so far from the last */
#define READS_STACK __attribute__((no_sanitize("address")))

static uint64_t proven[PROVEN]; /* atomic; an address with the low bits of its epoch in front; 0 where none */
static bool refuted;            /* atomic; somewhere the proof did not hold: frame pointers are not believed any more */

static __thread struct {
  uintptr_t low, high;           /* the thread's stack; high is 0 before anybody asked, and equals low where nobody knows */
  uintptr_t last, address;       /* the last record before the outermost functions, and its return address; 0 where unknown */
  uint32_t outermost_count, taken;
  uintptr_t outermost[OUTERMOST];
} here __attribute__((tls_model("initial-exec")));

/* ---- Where the stack is. ---- */

static void find_stack(void) {
  pthread_attr_t attributes;
  void *low;
  size_t size;
  here.low = here.high = 1;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
  if (pthread_attr_getstack(&attributes, &low, &size) == 0) {
    here.low = (uintptr_t)low;
    here.high = (uintptr_t)low + size;
  }
  pthread_attr_destroy(&attributes);
}

static bool is_own(uintptr_t address) { return address >= here.low && address < here.high; }

size_t fp_room(uintptr_t address) {
  if (here.high == 0) find_stack();
  return is_own(address) ? address - here.low : 0;
}

struct record { uintptr_t caller, address; };

/* The record at `at`, if one can be read there. */
READS_STACK static bool read_record(uintptr_t at, struct record *out) {
  if (!is_own(at)) return maps_read(out, (const void *)at, sizeof(*out));
  *out = *(const struct record *)at;
  return true;
}

/* Whether a record can lie at `next`, the one before it at `at`. */
static bool can_be_next(uintptr_t at, uintptr_t next) {
  if (next % sizeof(uintptr_t) != 0) return false;
  if (is_own(next)) return next + sizeof(struct record) <= here.high && (!is_own(at) || next > at);
  return !is_own(at) && next > at && next - at <= FOREIGN_SPAN;
}

static uint32_t walk(uintptr_t at, uintptr_t *frames, uint32_t most) {
  struct record record;
  uint32_t count = 0;
  while (HAVE_RECORDS && count < most && read_record(at, &record) && record.address != 0) {
    frames[count++] = record.address;
    if (!can_be_next(at, record.caller)) break;
    at = record.caller;
  }
  return count;
}

uint32_t fp_capture(uintptr_t at, uintptr_t *frames, uint32_t most) {
  if (here.high == 0) find_stack();
  return walk(at, frames, most);
}

uint32_t fp_context(void *context, uintptr_t *frames, uint32_t most) {
  const mcontext_t *registers = &((const ucontext_t *)context)->uc_mcontext;
#if defined(__x86_64__)
  const uintptr_t address = (uintptr_t)registers->gregs[REG_RIP], at = (uintptr_t)registers->gregs[REG_RBP];
  const uintptr_t stack = (uintptr_t)registers->gregs[REG_RSP];
#elif defined(__aarch64__)
  const uintptr_t address = registers->pc, at = registers->regs[29], stack = registers->sp;
#else
  const uintptr_t address = 0, at = 0, stack = 0;
  (void)registers;
#endif
  if (most == 0 || address == 0) return 0;
  frames[0] = address + 1; /* a frame is a return address, the byte before it is told */
  return 1 + (at >= stack && at % sizeof(uintptr_t) == 0 ? walk(at, frames + 1, most - 1) : 0);
}

/* ---- Proofs. ---- */

static uint64_t entry_of(uintptr_t address, uint32_t epoch) { return (uint64_t)epoch << 48 | ((uint64_t)address & ((UINT64_C(1) << 48) - 1)); }
static size_t place_of(uint64_t entry) { return (size_t)(entry * UINT64_C(0x9e3779b97f4a7c15) >> 40) % PROVEN; }

static bool is_proven(uintptr_t address, uint32_t epoch) {
  const uint64_t entry = entry_of(address, epoch);
  size_t place = place_of(entry);
  for (unsigned i = 0; i < PROVEN_PROBES; i++, place = (place + 1) % PROVEN) {
    const uint64_t seen = __atomic_load_n(&proven[place], __ATOMIC_RELAXED);
    if (seen == entry) return true;
    if (seen == 0) return false;
  }
  return false;
}

/* Where there is no place, an older proof makes it. */
static void prove(uintptr_t address, uint32_t epoch) {
  const uint64_t entry = entry_of(address, epoch);
  const size_t first = place_of(entry);
  for (unsigned i = 0; i < PROVEN_PROBES; i++) {
    uint64_t seen = 0;
    uint64_t *place = &proven[(first + i) % PROVEN];
    if (__atomic_compare_exchange_n(place, &seen, entry, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED) || seen == entry) return;
  }
  __atomic_store_n(&proven[first], entry, __ATOMIC_RELAXED);
}

bool fp_can_be_believed(void) { return HAVE_RECORDS && !__atomic_load_n(&refuted, __ATOMIC_RELAXED); }

uint32_t fp_capture_proven(uintptr_t at, uintptr_t *frames, uint32_t most, uint32_t epoch, bool *sample) {
  if (!fp_can_be_believed() || fp_room(at) == 0) return 0;
  *sample = ++here.taken % SAMPLE == 0;
  struct record record;
  for (uint32_t count = 0; read_record(at, &record);) {
    frames[count++] = record.address;
    if (count == most) return count;
    if (at == here.last && record.address == here.address) {
      for (uint32_t i = 0; i < here.outermost_count && count < most; i++) frames[count++] = here.outermost[i];
      return count;
    }
    if (!is_proven(record.address, epoch) || !can_be_next(at, record.caller)) break;
    at = record.caller;
  }
  return 0;
}

void fp_learn(uintptr_t at, const uintptr_t *frames, uint32_t count, uint32_t most, uint32_t epoch) {
  struct record record, caller;
  if (!fp_can_be_believed() || fp_room(at) == 0 || !read_record(at, &record) || record.address != frames[0]) return;
  uint32_t i = 0;
  for (; i + 1 < count && can_be_next(at, record.caller) && read_record(record.caller, &caller) && caller.address == frames[i + 1]; i++) {
    prove(frames[i], epoch);
    at = record.caller;
    record = caller;
  }
  if (count == most || count - i - 1 > OUTERMOST) return; /* the stack was cut, or goes on in functions that may be called from elsewhere */
  here.last = at;
  here.address = frames[i];
  here.outermost_count = count - i - 1;
  memcpy(here.outermost, frames + i + 1, here.outermost_count * sizeof(*frames));
}

void fp_compare(const uintptr_t *by_records, uint32_t record_count, const uintptr_t *frames, uint32_t count) {
  if (record_count == count && memcmp(by_records, frames, count * sizeof(*frames)) == 0) return;
  if (__atomic_exchange_n(&refuted, true, __ATOMIC_RELAXED)) return;
  uint32_t i = 0;
  while (i < count && i < record_count && by_records[i] == frames[i]) i++;
  struct message m;
  message_start(&m);
  message_text(&m, "[STACKS] frame pointers and libunwind disagree on the caller of ");
  message_pointer(&m, i > 0 ? frames[i - 1] : 0);
  message_text(&m, ": libunwind alone from here on");
  message_send(&m, log_fd());
}
