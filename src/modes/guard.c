#include "checker_hooks.h"
#include "guard.h"

#if HAKMEM_EVENTS

#include <string.h>

#include "platform/config.h"
#include "platform/message.h"
#include "memory/os.h"
#include "platform/random.h"
#include "checks/records.h"
#include "platform/syscall.h"

#define PATTERN ((uint8_t)0xb7)
#define SAMPLE_SHARE 2   /* where only a sample is guarded, 1 / 2^so many of the slots are enough, */
#define LEFT_OF 4        /* and one block in so many is placed at the left end of its slot */
#define RESTING 8        /* one free slot in so many of the row's rests: a freed block's address is not used again at once */
#define AUDIT_AT_ONCE 16 /* blocks, between two looks at the clock */
#define MARKED_MOST 16   /* pages of slots whose pages are marked (os_mark); with more, a mapping of the slot's own costs less */
#define SHIFT_MAX 8      /* with fewer slots it is not worth while */
#define LIMIT_SHARE 32   /* a row takes at most 1/LIMIT_SHARE of a limited address space (ulimit -v) */
#define PIECES_MAX 192   /* of a row */
#define FAR ((uintptr_t)64 << 30) /* the kernel maps downwards, and gets as far as this in few processes */

enum slot_state { SLOT_EMPTY, SLOT_LIVE, SLOT_FREED };

struct slot {
  struct record known; /* of the last block; block NULL: there was none */
  uint32_t cls;
  bool marked;    /* see os_mark; set when the slot is first used */
  uint32_t state; /* atomic, enum slot_state; while a slot goes from freed to live it is empty */
};

/*
 *   ready = piece * (pieces that are ours) <= piece * begun <= count;   fresh <= queued <= ready
 *   queue: a ring of `queued` indices, the oldest at queue[first]; the first `fresh` of them were never used. A slot is in it, or taken, once
 */
static struct row {
  const size_t pages;         /* of a slot */
  const uint32_t most, piece; /* slots: of the row; of a piece, which is reserved in one go */
  uintptr_t base;
  size_t slot_size, stride, piece_size;
  struct slot *slots;
  uint32_t *queue;
  bool ours[PIECES_MAX];      /* atomic, of each piece */
  uint32_t count;
  uint32_t begun, ready, fresh, first, queued;
} rows[] = {{.pages = 1, .most = 13312, .piece = 128},
            {.pages = 16, .most = 2048, .piece = 32},
            {.pages = 256, .most = 768, .piece = 4},
            {.pages = 2048, .most = 64, .piece = 1},
            {.pages = 16384, .most = 32, .piece = 1}};
/* Each slot that was used takes two mappings (os_fence), if it is not marked; the system allows a process 65530 of them. */
static_assert(13312 + 2048 + 768 + 64 + 32 <= 16384, "half of the mappings are left to the program");
static_assert(13312 / 128 <= PIECES_MAX && 2048 / 32 <= PIECES_MAX && 768 / 4 <= PIECES_MAX, "a row's pieces have a place each");

uint32_t guard_rate;
struct guard_region guard_region;
static struct lock lock; /* over the rows' last line */
static size_t open_bytes;     /* atomic */
static uint64_t random_state; /* atomic; which of two threads' changes is kept does not matter */

/* ---- Start. ---- */

static uint32_t slots_of(const struct row *row, unsigned shift) { return row->most >> shift; }

static size_t descriptors_size(unsigned shift) {
  size_t size = 0;
  for (unsigned r = 0; r < ARRAY_LENGTH(rows); r++) size += slots_of(&rows[r], shift) * (sizeof(struct slot) + sizeof(uint32_t));
  return align_up(size, os_page_size());
}

/* Where things lie, if the region begins at `base`. Returns its end. */
static uintptr_t lay_out(uintptr_t base, char *descriptors, unsigned shift) {
  const size_t page = os_page_size();
  for (struct row *row = rows; row < rows + ARRAY_LENGTH(rows); row++) {
    row->slot_size = row->pages * page;
    row->stride = row->slot_size + page;
    row->piece_size = page + row->stride * row->piece;
    row->count = slots_of(row, shift);
    row->base = base;
    row->slots = (struct slot *)descriptors;
    base += row->piece_size * (row->count / row->piece);
    descriptors += row->count * sizeof(struct slot);
  }
  for (struct row *row = rows; row < rows + ARRAY_LENGTH(rows); row++) {
    row->queue = (uint32_t *)descriptors;
    descriptors += row->count * sizeof(uint32_t);
  }
  return base;
}

/* The most that a row may reserve now. */
static size_t address_space(void) {
  struct rlimit limit;
  return sys_getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur / LIMIT_SHARE : SIZE_MAX;
}

AT_START void guard_start(void) {
  if ((config.guard == 0 && config.debug == 0) || hub_checked || guard_region.size != 0) return;
  const unsigned shift = config.guard > 1 && config.debug == 0 ? SAMPLE_SHARE : 0;
  int error;
  char *descriptors = os_map(descriptors_size(shift), os_page_size(), &error);
  if (descriptors != NULL) {
    const uintptr_t base = (uintptr_t)descriptors - min_size(FAR, align_down((uintptr_t)descriptors / 2, os_page_size()));
    guard_region = (struct guard_region){base, lay_out(base, descriptors, shift) - base};
    random_state = base ^ os_now_ms() << 32 ^ os_thread();
    guard_rate = config.guard;
  }
  if (descriptors == NULL || rows[0].piece_size > address_space())
    message_say("HAKMEM_GUARD: there is not enough address space to keep guarded blocks in (raise ulimit -v): none is guarded");
}

/* ---- Slots. ---- */

static struct row *row_for(size_t size, size_t align) {
  const size_t page = os_page_size();
  for (struct row *row = rows; row < rows + ARRAY_LENGTH(rows); row++) {
    if (size <= row->slot_size && align <= row->slot_size && (align <= page || size + align <= row->slot_size)) return row;
  }
  return NULL;
}

/*
 * One that was never used, or else, with `rested`, one that has rested. Of slots of several pages, used ones come first: from its first use on, each makes a fork
 * slower.
 */
static bool pop(struct row *row, bool rested, uint32_t *index) {
  lock_take(&lock);
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
  lock_release(&lock);
  return found;
}

/* The piece at `at` is ours: its slots come first. Called locked. */
static void push_piece(struct row *row, uint32_t at) {
  row->first = (row->first + row->count - row->piece) % row->count;
  for (uint32_t i = 0; i < row->piece; i++) row->queue[(row->first + i) % row->count] = at * row->piece + i;
  row->queued += row->piece;
  row->fresh += row->piece;
  row->ready += row->piece;
  __atomic_store_n(&row->ours[at], true, __ATOMIC_RELEASE);
}

/* Reserves the next piece. If somebody else has mapped its place, only that piece is lost. False: there is no more, or not now. */
static bool reserve(struct row *row) {
  lock_take(&lock);
  const uint32_t at = row->begun;
  lock_release(&lock);
  if (at * row->piece == row->count || (at + 1) * row->piece_size > address_space()) return false;
  lock_take(&lock);
  const bool first = row->begun == at;
  row->begun += first;
  lock_release(&lock);
  if (!first) return true; /* another thread reserves this one: the next, then */
  const enum os_place place = os_reserve((void *)(row->base + at * row->piece_size), row->piece_size);
  lock_take(&lock);
  if (place == OS_PLACE_OURS) push_piece(row, at);
  else if (place == OS_PLACE_REFUSED && row->begun == at + 1) row->begun = at;
  lock_release(&lock);
  return place != OS_PLACE_REFUSED;
}

static bool take(struct row *row, uint32_t *index) {
  while (!pop(row, false, index)) {
    if (!reserve(row)) return pop(row, true, index);
  }
  return true;
}

static void give(struct row *row, uint32_t index) {
  lock_take(&lock);
  row->queue[(row->first + row->queued++) % row->count] = index;
  lock_release(&lock);
}

static uintptr_t slot_start(const struct row *row, uint32_t index) {
  return row->base + index / row->piece * row->piece_size + os_page_size() + index % row->piece * row->stride;
}

/* The row that an address of the region belongs to. */
static struct row *row_at(uintptr_t address) {
  struct row *row = rows;
  while (row + 1 < rows + ARRAY_LENGTH(rows) && address >= row[1].base) row++;
  return row;
}

bool guard_holds(const void *p) {
  const struct row *row = row_at((uintptr_t)p);
  return __atomic_load_n(&row->ours[((uintptr_t)p - row->base) / row->piece_size], __ATOMIC_ACQUIRE);
}

/* The pages that a block lies in. */
static uintptr_t open_start(uintptr_t block) { return align_down(block, os_page_size()); }
static size_t open_size(uintptr_t block, size_t size) { return size != 0 ? align_up(block + size, os_page_size()) - open_start(block) : 0; }

static void count_open(size_t more, size_t less) { __atomic_add_fetch(&open_bytes, more - less, __ATOMIC_RELAXED); }
size_t guard_bytes(void) { return __atomic_load_n(&open_bytes, __ATOMIC_RELAXED); }

static bool goes_left(void) {
  if (guard_rate <= 1) return false;
  uint64_t state = __atomic_load_n(&random_state, __ATOMIC_RELAXED);
  const bool left = random_next(&state) % LEFT_OF == 0;
  __atomic_store_n(&random_state, state, __ATOMIC_RELAXED);
  return left;
}

static uintptr_t place(uintptr_t start, uintptr_t end, size_t size, size_t align) {
  return goes_left() ? align_up(start, align) : align_down(end - size, align);
}

void *guard_alloc(size_t size, size_t align, uint32_t cls, uint32_t stack) {
  struct row *row = row_for(size, align);
  uint32_t index;
  if (row == NULL || !take(row, &index)) return NULL;
  const uintptr_t start = slot_start(row, index), block = place(start, start + row->slot_size, size, align);
  struct slot *slot = &row->slots[index];
  __atomic_store_n(&slot->state, SLOT_EMPTY, __ATOMIC_RELEASE);
  const uintptr_t open = open_start(block);
  const size_t bytes = open_size(block, size);
  const bool fresh = slot->known.block == NULL;
  if (fresh) slot->marked = row->pages <= MARKED_MOST && os_mark((void *)start, row->stride); /* with the page behind it */
  if (fresh && !slot->marked) os_fence((void *)(start - os_page_size()), os_page_size());
  if (!(slot->marked ? os_open_marked : os_open)((void *)open, bytes)) {
    give(row, index);
    return NULL;
  }
  if (bytes != 0) {
    memset((void *)open, PATTERN, block - open);
    memset((void *)(block + size), PATTERN, open + bytes - block - size);
  }
  count_open(bytes, 0);
  record_init(&slot->known, (void *)block, size, stack);
  slot->cls = cls;
  __atomic_store_n(&slot->state, SLOT_LIVE, __ATOMIC_RELEASE);
  return (void *)block;
}

/* ---- Finding a block. ---- */

static uintptr_t start_of(const struct slot *slot) { return (uintptr_t)slot->known.block; }
static uintptr_t end_of(const struct slot *slot) { return start_of(slot) + slot->known.requested; }

static bool holds(const struct slot *slot, uintptr_t address) {
  return address == start_of(slot) || (address > start_of(slot) && address < end_of(slot));
}

/* What lies outside of all blocks is rather a live one's neighbourhood than a freed one's. */
static uintptr_t distance(const struct slot *slot, uintptr_t address) {
  if (holds(slot, address)) return 0;
  const uintptr_t away = address < start_of(slot) ? start_of(slot) - address : address - end_of(slot) + 1;
  return away + (__atomic_load_n(&slot->state, __ATOMIC_RELAXED) == SLOT_LIVE ? 0 : guard_region.size);
}

static bool is_empty(const struct slot *slot) { return __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == SLOT_EMPTY; }

/*
 * The slot whose block is nearest to the address, which the region owns; NULL where there was none near. The neighbours of a slot that has the address are
 * not looked at: another thread may be about to fill one.
 */
static struct slot *nearest(const void *p, struct row **row) {
  const uintptr_t address = (uintptr_t)p, page = os_page_size();
  *row = row_at(address);
  const uintptr_t piece = (address - (*row)->base) / (*row)->piece_size, offset = (address - (*row)->base) % (*row)->piece_size;
  const uintptr_t last = (*row)->piece - 1, in_piece = offset < page ? 0 : (offset - page) / (*row)->stride;
  const uintptr_t index = piece * (*row)->piece + min_size(in_piece, last);
  struct slot *best = NULL;
  if (index < (*row)->count) {
    struct slot *const own = &(*row)->slots[index];
    if (!is_empty(own) && holds(own, address)) return own;
  }
  for (uintptr_t i = index > 0 ? index - 1 : 0; i <= index + 1 && i < (*row)->count; i++) {
    struct slot *slot = &(*row)->slots[i];
    if (is_empty(slot)) continue;
    if (best == NULL || distance(slot, address) < distance(best, address)) best = slot;
  }
  return best;
}

bool guard_find(const void *p, struct record *out) {
  if (!guard_owns(p)) return false;
  struct row *row;
  const struct slot *slot = nearest(p, &row);
  if (slot != NULL) *out = slot->known;
  return slot != NULL;
}

READS_RACILY void guard_each(void (*visit)(struct record *record, void *context), void *context) {
  for (struct row *row = rows; row < rows + ARRAY_LENGTH(rows); row++) {
    for (uint32_t i = 0; i < row->begun * row->piece; i++) {
      if (__atomic_load_n(&row->slots[i].state, __ATOMIC_ACQUIRE) == SLOT_LIVE) visit(&row->slots[i].known, context);
    }
  }
}

/* ---- What is wrong. ---- */

static struct event_hdr_reset event_of(const struct slot *slot, const void *base, enum hdr_verdict verdict) {
  return (struct event_hdr_reset){.base = base, .verdict = verdict, .cls = slot != NULL ? slot->cls : CLASS_NONE,
                                  .size = slot != NULL ? slot->known.requested : 0};
}

static void tell(const struct slot *slot, const void *base, enum hdr_verdict verdict) {
  struct event_hdr_reset e = event_of(slot, base, verdict);
  misuse_known(&e, slot != NULL ? &slot->known : NULL);
}

/* The slot of the live block at `p`; NULL, after a report, where there is none. */
static struct slot *live_slot(const void *p, enum misuse_state state, struct row **row) {
  struct slot *slot = nearest(p, row);
  if (slot == NULL || !holds(slot, (uintptr_t)p)) {
    tell(NULL, p, HDR_INVALID_POINTER);
  } else if ((uintptr_t)p != start_of(slot)) {
    tell(slot, p, HDR_INTERIOR_POINTER);
  } else if (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) != SLOT_LIVE) {
    tell(slot, p, misuse_again(state));
  } else {
    return slot;
  }
  return NULL;
}

/* What was written furthest from the block at `start`, in the slack [open, start) and [end, close); puts both right. */
static void take_damage(uint8_t *open, uint8_t *start, uint8_t *end, uint8_t *close, struct event_hdr_reset *ahead, struct event_hdr_reset *behind) {
  if (!bytes_are(end, (size_t)(close - end), PATTERN)) {
    const uint8_t *last = close - 1;
    while (*last == PATTERN) last--;
    behind->over = (size_t)(last - end) + 1;
    behind->got = *last;
    memset(end, PATTERN, (size_t)(close - end));
  }
  if (!bytes_are(open, (size_t)(start - open), PATTERN)) {
    const uint8_t *first = open;
    while (*first == PATTERN) first++;
    ahead->over = (size_t)(start - first);
    ahead->got = *first;
    memset(open, PATTERN, (size_t)(start - open));
  }
}

/* Reports what was written into the slack of a block, if it is live. Whoever frees it waits for the lock, and then closes its pages. */
static void check_slack(const struct slot *slot) {
  lock_take(&lock);
  const struct record known = slot->known;
  struct event_hdr_reset ahead = event_of(slot, known.block, HDR_UNDERFLOW), behind = event_of(slot, known.block, HDR_OVERFLOW);
  const size_t bytes = open_size((uintptr_t)known.block, known.requested);
  if (bytes != 0 && __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == SLOT_LIVE) {
    uint8_t *open = (uint8_t *)open_start((uintptr_t)known.block), *start = (uint8_t *)(uintptr_t)known.block;
    take_damage(open, start, start + known.requested, open + bytes, &ahead, &behind);
  }
  lock_release(&lock);
  ahead.expect = behind.expect = PATTERN;
  if (behind.over != 0) misuse_known(&behind, &known);
  if (ahead.over != 0) misuse_known(&ahead, &known);
}

static uint32_t used(const struct row *row) {
  lock_take(&lock);
  const uint32_t count = row->begun * row->piece;
  lock_release(&lock);
  return count;
}

AT_START uint32_t guard_audit(uint64_t until_ms) {
  uint32_t live = 0;
  for (struct row *row = rows; row < rows + ARRAY_LENGTH(rows); row++) {
    for (uint32_t i = used(row); i > 0; i--) {
      if (__atomic_load_n(&row->slots[i - 1].state, __ATOMIC_ACQUIRE) != SLOT_LIVE) continue;
      if (live % AUDIT_AT_ONCE == 0 && os_now_ms() > until_ms) return live;
      check_slack(&row->slots[i - 1]);
      live++;
    }
  }
  return live;
}

/* False where another thread was quicker. */
static bool end_life(struct slot *slot) {
  lock_take(&lock);
  uint32_t live = SLOT_LIVE;
  const bool ended = __atomic_compare_exchange_n(&slot->state, &live, SLOT_FREED, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
  lock_release(&lock);
  return ended;
}

void guard_set_family(const void *p, enum block_family family) {
  struct row *row;
  struct slot *slot = nearest(p, &row);
  if (slot != NULL && slot->known.block == p && __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == SLOT_LIVE) slot->known.family = (uint8_t)family;
}

uint32_t guard_free(void *p, uint32_t stack) {
  struct row *row;
  struct slot *slot = live_slot(p, MISUSE_LIVE, &row);
  if (slot == NULL) return CLASS_NONE;
  check_slack(slot);
  if (!end_life(slot)) {
    tell(slot, p, HDR_DOUBLE_FREE);
    return CLASS_NONE;
  }
  record_freed(&slot->known, stack);
  const uint32_t cls = slot->cls;
  const size_t bytes = open_size(start_of(slot), slot->known.requested);
  if (!(slot->marked ? os_close_marked : os_close)((void *)open_start(start_of(slot)), bytes)) return cls; /* the slot is not used again: it might not read as zero */
  count_open(0, bytes);
  give(row, (uint32_t)(slot - row->slots));
  return cls;
}

bool guard_size(const void *p, enum misuse_state state, size_t *size) {
  struct row *row;
  const struct slot *slot = live_slot(p, state, &row);
  if (slot == NULL) return false;
  check_slack(slot);
  *size = slot->known.requested;
  return true;
}

void guard_check_size(const void *p, size_t told) {
  struct row *row;
  const struct slot *slot = nearest(p, &row);
  if (slot == NULL || slot->known.block != p || __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) != SLOT_LIVE) return; /* for free to say */
  if (slot->known.requested == told) return;
  struct event_hdr_reset e = event_of(slot, p, HDR_WRONG_SIZE);
  e.told = told;
  misuse_known(&e, &slot->known);
}

void guard_fault(const void *address, enum access_way way, void *context) {
  struct row *row;
  const struct slot *slot = nearest(address, &row);
  if (slot == NULL) return;
  const bool inside = holds(slot, (uintptr_t)address) && slot->known.requested != 0;
  /* An access to a live block that faults: it was freed, and another thread has got the slot since; or it was to run as code. */
  if (inside && __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == SLOT_LIVE) return;
  const bool before = (uintptr_t)address < start_of(slot);
  struct event_hdr_reset e = event_of(slot, slot->known.block, inside ? HDR_USE_AFTER_FREE : before ? HDR_UNDERFLOW : HDR_OVERFLOW);
  e.over = inside ? (uintptr_t)address - start_of(slot) : before ? start_of(slot) - (uintptr_t)address : (uintptr_t)address - end_of(slot) + 1;
  e.access = address;
  e.way = way;
  misuse_fault(&e, &slot->known, context);
}

/* ---- Fork. ---- */

const struct lock_row guard_locks = LOCK_ROW(lock);

#endif
