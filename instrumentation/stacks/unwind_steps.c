/*
 * unwind_steps.c: stacks by cached steps of libunwind. The way to leave a frame is fixed when its function is built. For a return address, the
 * unwind tables give the frame's end and the place of the caller's frame pointer, nearly always by two constants:
 *
 *   end = stack pointer + size   or   frame pointer + size
 *   the word below `end` is the next return address; the caller's frame pointer lies `saved` bytes below it, 0: it is in its register
 *
 * libunwind reads the tables once for each return address (unwind_step). Its answer is kept here for all threads, by address and epoch (modules.c);
 * a frame then takes a dozen instructions. If the tables say something else, or there are none (signal frames, code made at run time), libunwind
 * unwinds the whole stack.
 *
 *   an entry: the key, which is epoch and address, and the step;   key 0: empty;   BUSY: being written
 *
 * An entry is replaced only when its epoch is over, and its key never returns. So a reader that sees the same key before and behind the step has
 * that key's step.
 *
 * Nothing here faults: a frame ends above the one before it, and only memory inside it is read. On any other stack than the thread's own
 * (mostly a coroutine's) the kernel reads.
 */
#include <string.h>

#include "src/memory/maps.h"
#include "src/memory/os.h"
#include "src/platform/base.h"
#include "base/gate.h"
#include "unwind.h"
#include "unwind_steps.h"

#define ENTRIES 16384u
#define PROBES 16
#define ADDRESS_BITS 48
#define BUSY UINT64_MAX
#define READS_STACK __attribute__((no_sanitize("address")))

static struct { uint64_t key, step; } entries[ENTRIES] BULK; /* atomic */

/* ---- A step in a word: 32 bits of `size`, 30 of `saved`, and the base register. The end of a stack has size 0. ---- */

#define ELSEWHERE UINTPTR_MAX /* the end of a stack that is not the thread's own: unknown */
#define FRAME_MOST MIB        /* there, a longer frame is none */
#define FRAME_SIZE_MOST 32    /* for frames that end by the frame pointer: its saved value and the return address lie above */

static uint64_t packed(const struct unwind_step *step) {
  if (step->from == STEP_BY_FRAME && step->size > FRAME_SIZE_MOST) return STEP_OTHER;
  if (step->saved > step->size || step->saved >= UINT64_C(1) << 30 || step->size > UINT32_MAX) return STEP_OTHER;
  return step->size << 32 | step->saved << 2 | (uint64_t)step->from;
}
static_assert(STEP_END < 4, "two bits say from where");

static enum step_from from_of(uint64_t step) { return (enum step_from)(step & 3); }
static uintptr_t size_of(uint64_t step) { return step >> 32; }
static uintptr_t saved_of(uint64_t step) { return (uint32_t)step >> 2; }

/* ---- The table. ---- */

static uint64_t key_of(uintptr_t address, uint32_t epoch) { return (uint64_t)address + ((uint64_t)epoch << ADDRESS_BITS); }
static uint32_t place_of(uint64_t key) { return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 40) % ENTRIES; }

/* Reads the step at this place if its key matches. */
static inline bool is_at(uint32_t place, uint64_t key, uint64_t *step) {
  if (__atomic_load_n(&entries[place].key, __ATOMIC_ACQUIRE) != key) return false;
  *step = __atomic_load_n(&entries[place].step, __ATOMIC_ACQUIRE);
  return __atomic_load_n(&entries[place].key, __ATOMIC_RELAXED) == key;
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

/* The current frame of a walk. */
struct frame {
  uintptr_t address, stack, pointer, high;
};

/*
 * Looks beyond the first of its places for the step of a return address. If it is unknown and `may` is set, asks libunwind and sets *learnt. An address on
 * a coroutine's stack that has no step is not kept: behind its outermost frame may lie any word, and such words would fill the table. It is kept if libunwind
 * left its frame: otherwise each stack with that function would ask again.
 */
static NOINLINE uint64_t look_up(const struct frame *frame, uint32_t epoch, bool may, bool *learnt) {
  const uint64_t key = key_of(frame->address, epoch);
  uint64_t step;
  uint32_t place = place_of(key);
  for (unsigned i = 0; i < PROBES; i++, place = (place + 1) % ENTRIES) {
    if (is_at(place, key, &step)) return step;
  }
  struct unwind_step asked;
  if (!may || !gate_ask()) return STEP_OTHER;
  const bool answered = unwind_step(frame->address, frame->stack, frame->pointer, frame->high, &asked);
  gate_ask_end();
  if (!answered) return STEP_OTHER;
  step = packed(&asked);
  if (step == STEP_OTHER && frame->high == ELSEWHERE && !asked.is_frame) return step;
  enter(key, step);
  *learnt = true;
  return step;
}

/* ---- Walks. ---- */

/* Words of a stack that is not the thread's own: a copy, which moves up with the walk. */
#define WINDOW 32
struct window {
  uintptr_t start, end;
  uintptr_t words[WINDOW];
};

/* Copies from `address` on, at most to the end of its page: the next one may not be mapped. */
static NOINLINE bool move_window(struct window *w, uintptr_t address) {
  const size_t rest = os_page_size() - address % os_page_size(), size = rest < sizeof(w->words) ? rest : sizeof(w->words);
  w->start = w->end = address;
  if (address % sizeof(uintptr_t) != 0 || !maps_read(w->words, (const void *)address, size)) return false;
  w->end = address + size;
  return true;
}

/* The word at `address`: directly without a window, which is NULL or not in each caller. */
ALWAYS_INLINE READS_STACK bool read_at(struct window *w, uintptr_t address, uintptr_t *word) {
  if (w == NULL) {
    memcpy(word, (const void *)address, sizeof(*word));
    return true;
  }
  const bool inside = address >= w->start && address < w->end && address % sizeof(uintptr_t) == 0;
  if (!inside && !move_window(w, address)) return false;
  *word = w->words[(address - w->start) / sizeof(uintptr_t)];
  return true;
}

ALWAYS_INLINE READS_STACK uint32_t walk(uintptr_t at, uintptr_t high, struct window *w, uintptr_t *frames, uint32_t most, uint32_t epoch, bool may,
                                        uint32_t *learnt) {
  uintptr_t pointer = ((const uintptr_t *)at)[0], address = ((const uintptr_t *)at)[1], stack = at + 2 * sizeof(uintptr_t);
  uintptr_t *next = frames, *const behind = frames + most;
  while (address != 0 && next < behind) {
    uint64_t step;
    *next++ = address;
    const uint64_t key = key_of(address, epoch);
    if (UNLIKELY(!is_at(place_of(key), key, &step))) {
      bool asked = false;
      step = look_up(&(struct frame){address, stack, pointer, high}, epoch, may, &asked);
      if (asked) *learnt = (uint32_t)(next - frames);
    }
    const uintptr_t end = (from_of(step) == STEP_BY_FRAME ? pointer : stack) + size_of(step), saved = saved_of(step);
    if (UNLIKELY(end <= stack || end > high || (w != NULL && end - stack > FRAME_MOST))) { /* the end of the stack, or a step that leads astray */
      if (from_of(step) == STEP_END) break;
      return 0;
    }
    if (saved != 0 && !read_at(w, end - saved, &pointer)) return 0;
    if (!read_at(w, end - sizeof(address), &address)) return 0;
    stack = end;
  }
  return (uint32_t)(next - frames);
}

/* Not inlined: the window would take room on all stacks. It is short, because a coroutine's stack may be small. */
READS_STACK static NOINLINE uint32_t walk_elsewhere(uintptr_t at, uintptr_t *frames, uint32_t most, uint32_t epoch, bool may, uint32_t *learnt) {
  struct window w = {.start = 0, .end = 0};
  return walk(at, ELSEWHERE, &w, frames, most, epoch, may, learnt);
}

READS_STACK uint32_t steps_capture(uintptr_t at, uintptr_t end, uintptr_t *frames, uint32_t most, uint32_t epoch, bool may, uint32_t *learnt) {
  return end != 0 ? walk(at, end, NULL, frames, most, epoch, may, learnt) : walk_elsewhere(at, frames, most, epoch, may, learnt);
}
