#include "guard_slots.h"

#include <string.h>

#include "memory/os.h"
#include "platform/message.h"
#include "modes.h"
#include "platform/syscall.h"

#define SAMPLE_SHARE 2            /* if a sample is guarded, 1 / 2^SAMPLE_SHARE of the slots are enough */
#define RESTING 8                 /* 1/RESTING of a row's free slots are not used, so that a freed block's address stays closed for a while */
#define LIMIT_SHARE 32            /* a row takes at most 1/LIMIT_SHARE of a limited address space (ulimit -v) */
#define FAR ((uintptr_t)64 << 30) /* bytes: the kernel maps downwards, and in few processes as far as this */

struct row guard_rows[GUARD_ROWS] = {{.pages = 1, .most = 13312, .piece = 128}, {.pages = 16, .most = 2048, .piece = 32},
                                     {.pages = 32, .most = 384, .piece = 16},   {.pages = 256, .most = 512, .piece = 4},
                                     {.pages = 2048, .most = 64, .piece = 1},   {.pages = 16384, .most = 32, .piece = 1}};
/* Each used slot takes two mappings (os_fence), unless it is marked. The kernel allows a process 65530 of them. */
static_assert(13312 + 2048 + 384 + 512 + 64 + 32 <= 16384, "half of the mappings are left to the program");
static_assert(13312 / 128 <= PIECES_MAX && 2048 / 32 <= PIECES_MAX && 512 / 4 <= PIECES_MAX, "a row's pieces have a place each");

struct guard_region guard_region;
struct lock guard_lock;

/* ---- Start. ---- */

static uint32_t slots_of(const struct row *row, unsigned shift) { return row->most >> shift; }

static size_t descriptors_size(unsigned shift) {
  size_t size = 0;
  for (unsigned r = 0; r < ARRAY_LENGTH(guard_rows); r++) size += slots_of(&guard_rows[r], shift) * (sizeof(struct guard_slot) + sizeof(uint32_t));
  return align_up(size, os_page_size());
}

/* Computes the layout of a region that begins at `base`. Returns its end. */
static uintptr_t lay_out(uintptr_t base, char *descriptors, unsigned shift) {
  const size_t page = os_page_size();
  for (struct row *row = guard_rows; row < guard_rows + ARRAY_LENGTH(guard_rows); row++) {
    row->slot_size = row->pages * page;
    row->stride = row->slot_size + page;
    row->piece_size = page + row->stride * row->piece;
    row->count = slots_of(row, shift);
    row->base = base;
    row->slots = (struct guard_slot *)descriptors;
    base += row->piece_size * (row->count / row->piece);
    descriptors += row->count * sizeof(struct guard_slot);
  }
  for (struct row *row = guard_rows; row < guard_rows + ARRAY_LENGTH(guard_rows); row++) {
    row->queue = (uint32_t *)descriptors;
    descriptors += row->count * sizeof(uint32_t);
  }
  return base;
}

/* The most bytes that a row may reserve now. */
static size_t address_space(void) {
  struct rlimit limit;
  return sys_getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur / LIMIT_SHARE : SIZE_MAX;
}

AT_START bool guard_start(uint32_t rate) {
  if (guard_region.size != 0) return true;
  const unsigned shift = rate > 1 && !MODE(debug) ? SAMPLE_SHARE : 0;
  int error;
  char *descriptors = os_map(descriptors_size(shift), os_page_size(), &error);
  if (descriptors != NULL) {
    const uintptr_t base = (uintptr_t)descriptors - min_size(FAR, align_down((uintptr_t)descriptors / 2, os_page_size()));
    guard_region.base = base;
    __atomic_store_n(&guard_region.size, lay_out(base, descriptors, shift) - base, __ATOMIC_RELEASE); /* last: other threads may ask guard_owns */
  }
  if (descriptors == NULL || guard_rows[0].piece_size > address_space())
    message_say("HAKMEM_GUARD: there is not enough address space to keep guarded blocks in (raise ulimit -v): none is guarded");
  return descriptors != NULL;
}

/* ---- Slots. ---- */

struct row *slots_row_for(size_t size, size_t align) {
  const size_t page = os_page_size();
  for (struct row *row = guard_rows; row < guard_rows + ARRAY_LENGTH(guard_rows); row++) {
    if (size <= row->slot_size && align <= row->slot_size && (align <= page || size + align <= row->slot_size)) return row;
  }
  return NULL;
}

/*
 * Takes a slot that was never used; with `rested`, if there is none, one that has rested. In rows whose slots have several pages, used slots are preferred:
 * each slot makes forks slower from its first use on.
 */
static bool pop(struct row *row, bool rested, uint32_t *index) {
  lock_take(&guard_lock);
  const bool again = row->pages > 1 && row->queued - row->fresh > row->count / RESTING;
  const bool found = again || row->fresh > 0 || (rested && row->queued > row->ready / RESTING);
  if (found) {
    const uint32_t at = again ? (row->first + row->fresh) % row->count : row->first;
    *index = row->queue[at];
    row->queue[at] = row->queue[row->first];
    row->first = (row->first + 1) % row->count;
    row->queued--;
    if (row->fresh > 0 && !again) row->fresh--;
  }
  lock_release(&guard_lock);
  return found;
}

/* The piece at `at` is reserved: puts its slots at the front of the queue. Called locked. */
static void push_piece(struct row *row, uint32_t at) {
  row->first = (row->first + row->count - row->piece) % row->count;
  for (uint32_t i = 0; i < row->piece; i++) row->queue[(row->first + i) % row->count] = at * row->piece + i;
  row->queued += row->piece;
  row->fresh += row->piece;
  row->ready += row->piece;
  __atomic_store_n(&row->ours[at], true, __ATOMIC_RELEASE);
}

/* Reserves the next piece. If its place is mapped already, only that piece is lost. False if no piece is left, or the kernel refuses. */
static bool reserve(struct row *row) {
  lock_take(&guard_lock);
  const uint32_t at = row->begun;
  lock_release(&guard_lock);
  if (at * row->piece == row->count || (at + 1) * row->piece_size > address_space()) return false;
  lock_take(&guard_lock);
  const bool first = row->begun == at;
  row->begun += first;
  lock_release(&guard_lock);
  if (!first) return true; /* another thread reserves this piece */
  const enum os_place place = os_reserve((void *)(row->base + at * row->piece_size), row->piece_size);
  lock_take(&guard_lock);
  if (place == OS_PLACE_OURS) push_piece(row, at);
  else if (place == OS_PLACE_REFUSED && row->begun == at + 1) row->begun = at;
  lock_release(&guard_lock);
  return place != OS_PLACE_REFUSED;
}

bool slots_take(struct row *row, uint32_t *index) {
  while (!pop(row, false, index)) {
    if (!reserve(row)) return pop(row, true, index);
  }
  return true;
}

void slots_give(struct row *row, uint32_t index) {
  lock_take(&guard_lock);
  row->queue[(row->first + row->queued++) % row->count] = index;
  lock_release(&guard_lock);
}

/* Whether each slot of the row's queue is free, and stands in it once. `queued` has a byte for each slot. */
static bool queue_is_valid(const struct row *row, uint8_t *queued) {
  for (uint32_t i = 0; i < row->queued; i++) {
    const uint32_t index = row->queue[(row->first + i) % row->count];
    if (index >= row->count || !row->ours[index / row->piece] || row->slots[index].state == SLOT_LIVE || queued[index]++ != 0) return false;
    if (i < row->fresh && row->slots[index].known.block != NULL) return false;
  }
  return true;
}

bool slots_are_valid(void) {
  static uint8_t queued[16384] BULK;
  for (const struct row *row = guard_rows; guard_region.size != 0 && row < guard_rows + GUARD_ROWS; row++) {
    uint32_t ours = 0;
    for (uint32_t i = 0; i < PIECES_MAX; i++) ours += row->ours[i];
    if (row->ready != row->piece * ours || ours > row->begun || row->begun * row->piece > row->count) return false;
    if (row->fresh > row->queued || row->queued > row->ready) return false;
    memset(queued, 0, sizeof(queued));
    if (!queue_is_valid(row, queued)) return false;
  }
  return true;
}

uintptr_t slots_start(const struct row *row, uint32_t index) {
  return row->base + index / row->piece * row->piece_size + os_page_size() + index % row->piece * row->stride;
}

struct row *slots_row_at(uintptr_t address) {
  struct row *row = guard_rows;
  while (row + 1 < guard_rows + ARRAY_LENGTH(guard_rows) && address >= row[1].base) row++;
  return row;
}

bool guard_holds(const void *p) {
  const struct row *row = slots_row_at((uintptr_t)p);
  return __atomic_load_n(&row->ours[((uintptr_t)p - row->base) / row->piece_size], __ATOMIC_ACQUIRE);
}
