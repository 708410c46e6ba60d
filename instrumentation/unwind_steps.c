/*
 * unwind_steps.c: stacks by steps that libunwind taught. How a frame is left is fixed when its function is built: for a return address, the
 * unwind tables say where the frame ends and where its caller's frame pointer is, nearly always by two constants:
 *
 *   end = stack pointer + size   or   frame pointer + size
 *   the word below `end` is the next return address; the caller's frame pointer lies `saved` bytes below it, 0: it is in its register
 *
 * libunwind reads the tables once for each return address (unwind_step); its answer is kept here for all threads, by address and epoch
 * (modules.c), and a frame then takes a dozen instructions. Where the tables say something else, or there are none (signal frames, code
 * made at run time), the whole stack is libunwind's.
 *
 *   an entry: the key, which is epoch and address, and the step;   key 0: empty;   BUSY: being written
 *
 * An entry gives way only when its epoch is over, and its key never comes back then: who sees a key before and behind the step has its step.
 *
 * Nothing here faults: only what lies above the stack pointer on the thread's own stack is read.
 */
#include <string.h>

#include "hub.h"

#define ENTRIES 16384u
#define PROBES 16
#define ADDRESS_BITS 48
#define BUSY UINT64_MAX
#define READS_STACK __attribute__((no_sanitize("address")))

static struct { uint64_t key, step; } entries[ENTRIES]; /* atomic */

/* ---- A step in a word: two bits, and two numbers of bytes. ---- */

#define FIELD 31
#define FIELD_MASK ((UINT64_C(1) << FIELD) - 1)

static uint64_t packed(const struct unwind_step *step) {
  if (step->size > FIELD_MASK || step->saved > FIELD_MASK) return STEP_OTHER;
  return (uint64_t)step->from | step->size << 2 | step->saved << (2 + FIELD);
}
static_assert(2 + 2 * FIELD <= 64 && STEP_END < 4, "a step fits into a word");

static enum step_from from_of(uint64_t step) { return (enum step_from)(step & 3); }
static uintptr_t size_of(uint64_t step) { return step >> 2 & FIELD_MASK; }
static uintptr_t saved_of(uint64_t step) { return step >> (2 + FIELD) & FIELD_MASK; }

/* ---- The table. ---- */

static uint64_t key_of(uintptr_t address, uint32_t epoch) { return (uint64_t)epoch << ADDRESS_BITS | ((uint64_t)address & ((UINT64_C(1) << ADDRESS_BITS) - 1)); }
static uint32_t place_of(uint64_t key) { return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 40) % ENTRIES; }

static bool find(uint64_t key, uint64_t *step) {
  uint32_t place = place_of(key);
  for (unsigned i = 0; i < PROBES; i++, place = (place + 1) % ENTRIES) {
    const uint64_t seen = __atomic_load_n(&entries[place].key, __ATOMIC_ACQUIRE);
    if (UNLIKELY(seen == 0)) return false;
    if (seen != key) continue;
    *step = __atomic_load_n(&entries[place].step, __ATOMIC_ACQUIRE);
    return __atomic_load_n(&entries[place].key, __ATOMIC_RELAXED) == key;
  }
  return false;
}

static void enter(uint64_t key, uint64_t step) {
  uint32_t place = place_of(key);
  for (unsigned i = 0; i < PROBES; i++, place = (place + 1) % ENTRIES) {
    uint64_t seen = __atomic_load_n(&entries[place].key, __ATOMIC_RELAXED);
    if (seen == key) return;
    if (seen != 0 && (seen == BUSY || seen >> ADDRESS_BITS >= key >> ADDRESS_BITS)) continue;
    if (!__atomic_compare_exchange_n(&entries[place].key, &seen, BUSY, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) continue;
    __atomic_store_n(&entries[place].step, step, __ATOMIC_RELEASE);
    __atomic_store_n(&entries[place].key, key, __ATOMIC_RELEASE);
    return;
  }
}

/* The step at this return address, asked for where it is not known and `may`; *learnt: it was. */
static uint64_t step_at(uintptr_t address, uintptr_t stack, uintptr_t frame, uint32_t epoch, uintptr_t high, bool may, bool *learnt) {
  const uint64_t key = key_of(address, epoch);
  uint64_t step = STEP_OTHER;
  struct unwind_step asked;
  if (LIKELY(find(key, &step)) || !may || !unwind_step(address, stack, frame, high, &asked)) return step;
  step = packed(&asked);
  enter(key, step);
  *learnt = true;
  return step;
}

READS_STACK uint32_t steps_capture(uintptr_t at, uintptr_t *frames, uint32_t most, uint32_t epoch, bool may, uint32_t *learnt) {
  const uintptr_t low = at, high = fp_stack_end(at);
  if (high == 0) return 0;
  uintptr_t frame = ((const uintptr_t *)at)[0], address = ((const uintptr_t *)at)[1], stack = at + 2 * sizeof(uintptr_t);
  for (uint32_t count = 0; address != 0;) {
    bool new = false;
    frames[count++] = address;
    if (count == most) return count;
    const uint64_t step = step_at(address, stack, frame, epoch, high, may, &new);
    if (UNLIKELY(new)) *learnt = count;
    const enum step_from from = from_of(step);
    if (from == STEP_END) return count;
    const uintptr_t end = (from == STEP_BY_FRAME ? frame : stack) + size_of(step), saved = saved_of(step);
    if (from == STEP_OTHER || end <= stack || end > high || end % sizeof(uintptr_t) != 0 || saved > end - low) return 0;
    if (saved != 0) memcpy(&frame, (const void *)(end - saved), sizeof(frame));
    address = *(const uintptr_t *)(end - sizeof(address));
    stack = end;
    if (address == 0) return count;
  }
  return 0;
}
