/*
 * unwind_steps.c: stacks by cached steps of libunwind. The way to leave a frame is fixed when its function is built. For a return address, the
 * unwind tables give the frame's end and the place of the caller's frame pointer, nearly always by two constants:
 *
 *   end = stack pointer + size   or   frame pointer + size
 *   the word below `end` is the next return address; the caller's frame pointer lies `saved` bytes below it, 0: it is in its register
 *
 * libunwind reads the tables once for each return address (unwind_step). Its answer is kept here for all threads, by address and epoch (modules.c);
 * a frame then takes a dozen instructions. If the tables say something else (signal frames), or if a guess leads astray, libunwind unwinds the
 * whole stack.
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
#include "modules.h"
#include "unwind.h"
#include "unwind_fp.h"
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

/*
 * Code without tables has mostly been made at run time (by node, say), or is written in assembler. The only guess for it is a frame record at the frame
 * pointer, as libunwind guesses, too: the caller's frame pointer and the return address. Code that was made may be replaced by other such code at any
 * moment, so its addresses are not kept: modules.c knows where it lies.
 */
#define RECORD_SIZE (2 * sizeof(uintptr_t))
#define RECORD_MOST (16 * KIB)                    /* from the stack pointer to the record, as libunwind has it: a register without one may hold any address */
#define BY_RECORD (UINT64_C(1) << 2 | STEP_OTHER) /* of size 0, so that it costs other steps nothing */

/* The current frame of a walk. */
struct frame {
  uintptr_t address, stack, pointer, high;
  bool guessed; /* behind a guessed record: it may be no frame */
};

#define STRAYS 64u

/*
 * Whether modules.c is to look for made code at this address: then the next stack knows it. Most such words are no code, and a look reads all mappings. So
 * after STRAYS words, it is one in as many.
 */
static bool note_made(uintptr_t address) {
  static uint32_t strays; /* atomic */
  const uint32_t before = __atomic_fetch_add(&strays, 1, __ATOMIC_RELAXED);
  modules_note_made(address);
  return modules_have_room() && (before < STRAYS || before % STRAYS == 0);
}

/*
 * Looks beyond the first of its places for the step of a return address. If it is unknown and `may` is set, asks libunwind and sets *learnt. An address that has
 * no step is not kept if it may be any word: behind the outermost frame of a coroutine, or behind a guessed record. Such words would fill the table. It is kept if
 * libunwind left its frame: otherwise each stack with that function would ask again.
 */
static NOINLINE uint64_t look_up(const struct frame *frame, uint32_t epoch, bool may, bool *learnt) {
  const uint64_t key = key_of(frame->address, epoch);
  uint64_t step;
  uint32_t place = place_of(key);
  for (unsigned i = 0; i < PROBES; i++, place = (place + 1) % ENTRIES) {
    if (is_at(place, key, &step)) return step;
  }
  struct unwind_step asked;
  const bool is_own = frame->high != ELSEWHERE;
  if (modules_is_made(frame->address)) return BY_RECORD;
  if (!may || !gate_ask()) return STEP_OTHER;
  const bool answered = unwind_step(frame->address, frame->stack, frame->pointer, frame->high, &asked);
  const bool bare = answered && asked.from == STEP_NO_TABLES, listed = bare && modules_is_listed(frame->address);
  gate_ask_end();
  if (!answered) return STEP_OTHER;
  if (bare && !listed) {
    if (is_own) *learnt = note_made(frame->address);
    return STEP_OTHER;
  }
  step = bare ? BY_RECORD : packed(&asked);
  if (step == STEP_OTHER && (!is_own || frame->guessed) && !asked.is_frame) return step;
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

/* Where a walk begins, and what it writes. */
struct walk {
  struct frame first;
  uintptr_t *frames;
  uint32_t most, epoch;
  bool may;
  uint32_t learnt;
  uintptr_t onward; /* where the walk may go on, with a record on another stack; 0: it has ended */
};

ALWAYS_INLINE READS_STACK uint32_t walk(struct walk *k, struct window *w) {
  uintptr_t pointer = k->first.pointer, address = k->first.address, stack = k->first.stack;
  const uintptr_t high = k->first.high;
  bool guessed = k->first.guessed;
  uintptr_t *next = k->frames, *const behind = k->frames + k->most;
  while (address != 0 && next < behind) {
    uint64_t step;
    *next++ = address;
    const uint64_t key = key_of(address, k->epoch);
    if (UNLIKELY(!is_at(place_of(key), key, &step))) {
      bool asked = false;
      step = look_up(&(struct frame){address, stack, pointer, high, guessed}, k->epoch, k->may, &asked);
      if (asked) k->learnt = (uint32_t)(next - k->frames);
    }
    uintptr_t end = (from_of(step) == STEP_BY_FRAME ? pointer : stack) + size_of(step), saved = saved_of(step);
    if (UNLIKELY(end <= stack || end > high || (w != NULL && end - stack > FRAME_MOST))) { /* the end of the stack, or a step that leads astray */
      if (from_of(step) == STEP_END) break;
      if (step != BY_RECORD) return 0;
      end = pointer + RECORD_SIZE;
      saved = RECORD_SIZE;
      guessed = true;
      if (end <= stack || end > high || end - stack > RECORD_MOST || pointer % sizeof(pointer) != 0) {
        k->onward = pointer;
        break;
      }
    }
    if (saved != 0 && !read_at(w, end - saved, &pointer)) return 0;
    if (!read_at(w, end - sizeof(address), &address)) return 0;
    stack = end;
  }
  return (uint32_t)(next - k->frames);
}

/* Not inlined: the window would take room on all stacks. It is short, because a coroutine's stack may be small. */
READS_STACK static NOINLINE uint32_t walk_elsewhere(struct walk *k) {
  struct window w = {.start = 0, .end = 0};
  return walk(k, &w);
}

/*
 * Goes on after `count` frames with a record on another stack: Go calls C on a stack of its own. If there is none, the stack ends, as for libunwind.
 */
static NOINLINE uint32_t walk_on(struct walk *k, uint32_t count) {
  for (uintptr_t pointer = k->onward, record[2]; pointer != 0;) {
    if (fp_is_own(pointer) || pointer % sizeof(uintptr_t) != 0 || count == k->most || !maps_read(record, (const void *)pointer, sizeof(record)) ||
        !modules_hold(record[1]))
      break;
    struct walk rest = {.first = {record[1], pointer + sizeof(record), record[0], ELSEWHERE, true},
                        .frames = k->frames + count,
                        .most = k->most - count,
                        .epoch = k->epoch,
                        .may = k->may};
    const uint32_t more = walk_elsewhere(&rest);
    if (rest.learnt != 0) k->learnt = count + rest.learnt;
    count += more;
    pointer = more != 0 && rest.onward > pointer ? rest.onward : 0; /* upwards: a list that ends in itself is no stack */
  }
  return count;
}

READS_STACK uint32_t steps_capture(uintptr_t at, uintptr_t end, uintptr_t *frames, uint32_t most, uint32_t epoch, bool may, uint32_t *learnt) {
  const uintptr_t *const record = (const uintptr_t *)at;
  struct walk k = {
    .first = {record[1], at + RECORD_SIZE, record[0], end != 0 ? end : ELSEWHERE, false}, .frames = frames, .most = most, .epoch = epoch, .may = may};
  uint32_t count = end != 0 ? walk(&k, NULL) : walk_elsewhere(&k);
  if (UNLIKELY(k.onward != 0)) count = walk_on(&k, count);
  *learnt = k.learnt;
  return count;
}
