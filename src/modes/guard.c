#include "checker_hooks.h"
#include "guard.h"

#include <string.h>

#include "modes.h"
#include "memory/maps.h"
#include "memory/os.h"
#include "platform/random.h"
#include "checks/records.h"

#define LEFT_OF 4 /* if a sample is guarded, one block in four is placed at the left end of its slot */
#define LOOK_AT ((size_t)64)
#define AUDIT_AT_ONCE 16 /* blocks between two reads of the clock */
#define MARKED_MOST 32   /* pages of a slot that is closed by marks (os_mark); for a larger one, a mapping of its own costs less */

static size_t open_bytes;     /* atomic */
static uint64_t random_state; /* atomic; 0: not drawn yet. If two threads change it at once, either result will do */

/* The pages of a block. */
static uintptr_t open_start(uintptr_t block) { return align_down(block, os_page_size()); }
static size_t open_size(uintptr_t block, size_t size) { return size != 0 ? align_up(block + size, os_page_size()) - open_start(block) : 0; }

static void count_open(size_t more, size_t less) { __atomic_add_fetch(&open_bytes, more - less, __ATOMIC_RELAXED); }
const struct layout_number guard_layout = LAYOUT_NUMBER(open_bytes);
size_t guard_bytes(void) { return __atomic_load_n(&open_bytes, __ATOMIC_RELAXED); }

static bool goes_left(void) {
  if (modes_guard_rate() <= 1) return false;
  uint64_t state = __atomic_load_n(&random_state, __ATOMIC_RELAXED);
  if (state == 0) state = guard_region.base ^ os_now_ms() << 32 ^ os_thread();
  const bool left = random_next(&state) % LEFT_OF == 0;
  __atomic_store_n(&random_state, state, __ATOMIC_RELAXED);
  return left;
}

static uintptr_t place(uintptr_t start, uintptr_t end, size_t size, size_t align) {
  return goes_left() ? align_up(start, align) : align_down(end - size, align);
}

void *guard_alloc(size_t size, size_t align, uint32_t cls, uint32_t stack) {
  struct row *row = slots_row_for(size, align);
  uint32_t index;
  if (row == NULL || !slots_take(row, &index)) return NULL;
  const uintptr_t start = slots_start(row, index), block = place(start, start + row->slot_size, size, align);
  struct guard_slot *slot = &row->slots[index];
  __atomic_store_n(&slot->state, SLOT_EMPTY, __ATOMIC_RELEASE);
  const uintptr_t open = open_start(block);
  const size_t bytes = open_size(block, size);
  const bool fresh = slot->known.block == NULL;
  if (fresh) slot->marked = row->pages <= MARKED_MOST && os_mark((void *)start, row->stride); /* with the guard page behind the slot */
  if (fresh && !slot->marked) os_fence((void *)(start - os_page_size()), os_page_size());
  slot->known.block = (void *)block; /* the slot is not fresh any more, even if it does not open now */
  if (!(slot->marked ? os_open_marked : os_open)((void *)open, bytes)) {
    slots_give(row, index);
    return NULL;
  }
  if (bytes != 0) {
    memset((void *)open, REDZONE_PATTERN, block - open);
    memset((void *)(block + size), REDZONE_PATTERN, open + bytes - block - size);
  }
  count_open(bytes, 0);
  record_init(&slot->known, (void *)block, size, stack);
  slot->cls = cls;
  slot->reported = false;
  __atomic_store_n(&slot->state, SLOT_LIVE, __ATOMIC_RELEASE);
  return (void *)block;
}

/* ---- Finding a block. ---- */

static uintptr_t start_of(const struct guard_slot *slot) { return (uintptr_t)slot->known.block; }
static uintptr_t end_of(const struct guard_slot *slot) { return start_of(slot) + slot->known.requested; }

static bool holds(const struct guard_slot *slot, uintptr_t address) {
  return address == start_of(slot) || (address > start_of(slot) && address < end_of(slot));
}

/* On the guard page between two blocks, a live one is a better guess than a freed one, which counts as half a page farther away. */
static uintptr_t distance(const struct guard_slot *slot, uintptr_t address, bool between) {
  if (holds(slot, address)) return 0;
  const uintptr_t away = address < start_of(slot) ? start_of(slot) - address : address - end_of(slot) + 1;
  return away + (between && __atomic_load_n(&slot->state, __ATOMIC_RELAXED) != SLOT_LIVE ? os_page_size() / 2 : 0);
}

static bool is_empty(const struct guard_slot *slot) { return __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == SLOT_EMPTY; }

/*
 * The slot whose block is nearest to the address, which the region owns. NULL if none is near. If a slot's block has the address, its neighbours
 * are not read: another thread may be filling one.
 */
static struct guard_slot *nearest(const void *p, struct row **row) {
  const uintptr_t address = (uintptr_t)p, page = os_page_size();
  *row = slots_row_at(address);
  const uintptr_t piece = (address - (*row)->base) / (*row)->piece_size, offset = (address - (*row)->base) % (*row)->piece_size;
  const uintptr_t last = (*row)->piece - 1, in_piece = offset < page ? 0 : (offset - page) / (*row)->stride;
  const uintptr_t index = piece * (*row)->piece + min_size(in_piece, last);
  const bool between = offset < page || (offset - page) % (*row)->stride >= (*row)->slot_size;
  struct guard_slot *best = NULL;
  if (index < (*row)->count) {
    struct guard_slot *const own = &(*row)->slots[index];
    if (!is_empty(own) && holds(own, address)) return own;
  }
  for (uintptr_t i = index > 0 ? index - 1 : 0; i <= index + 1 && i < (*row)->count; i++) {
    struct guard_slot *slot = &(*row)->slots[i];
    if (is_empty(slot)) continue;
    if (best == NULL || distance(slot, address, between) < distance(best, address, between)) best = slot;
  }
  return best;
}

/* Another thread may note in `known` at the same time that the slack is intact; only that member changes. */
READS_RACILY struct pointer guard_at(const void *p) {
  struct row *row;
  struct guard_slot *slot = nearest(p, &row);
  struct pointer at = {.p = p, .kind = POINTER_GUARDED, .cls = CLASS_NONE};
  if (slot == NULL || !holds(slot, (uintptr_t)p)) return at;
  at.state = __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == SLOT_LIVE ? BLOCK_LIVE : BLOCK_FREE;
  at.cls = slot->cls;
  at.block = (void *)start_of(slot);
  at.slot = slot;
  at.known = slot->known;
  return at;
}

READS_RACILY bool guard_find(const void *p, struct record *out) {
  if (!guard_owns(p)) return false;
  struct row *row;
  const struct guard_slot *slot = nearest(p, &row);
  if (slot != NULL) *out = slot->known;
  return slot != NULL;
}

/* ---- Damage. ---- */

static struct event_hdr_reset event_of(const struct guard_slot *slot, enum hdr_verdict verdict) {
  return (struct event_hdr_reset){.base = slot->known.block, .verdict = verdict, .cls = slot->cls, .size = slot->known.requested};
}

/* Finds the damage furthest from the block in the slack [open, start) and [end, close). */
static void find_damage(const uint8_t *open, const uint8_t *start, const uint8_t *end, const uint8_t *close, struct event_hdr_reset *ahead,
                        struct event_hdr_reset *behind) {
  if (!bytes_are(end, (size_t)(close - end), REDZONE_PATTERN)) {
    const uint8_t *last = close - 1;
    while (*last == REDZONE_PATTERN) last--;
    behind->over = (size_t)(last - end) + 1;
    behind->got = *last;
  }
  if (!bytes_are(open, (size_t)(start - open), REDZONE_PATTERN)) {
    const uint8_t *first = open;
    while (*first == REDZONE_PATTERN) first++;
    ahead->over = (size_t)(start - first);
    ahead->got = *first;
  }
}

static bool is_live(const struct guard_slot *slot) { return __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == SLOT_LIVE; }

/* After its damage was reported: repairs the slack, unless the block was freed meanwhile. */
static void repair(struct guard_slot *slot, const void *block) {
  lock_take(&guard_lock);
  slot->reported = false;
  if (is_live(slot) && slot->known.block == block) {
    const uintptr_t start = start_of(slot), end = end_of(slot), open = open_start(start), close = open + open_size(start, end - start);
    memset((void *)open, REDZONE_PATTERN, start - open);
    memset((void *)end, REDZONE_PATTERN, close - end);
  }
  lock_release(&guard_lock);
}

/*
 * Whether the slack in the last page of a block may be read. The program may close its block (mprotect), and the kernel closes whole pages. So the slack
 * is closed, too, although the program did nothing wrong. Asks the kernel only about a block of a page or more, or after a fork: the child lacks pages that
 * the program kept from it (MADV_DONTFORK).
 */
static bool rest_is_readable(const struct record *r) {
  const char *const end = (const char *)r->block + r->requested;
  const uintptr_t open = open_start((uintptr_t)r->block), close = open + open_size((uintptr_t)r->block, r->requested);
  if (os_was_forked() && !os_is_mapped((void *)align_down(open, os_page_size()), close - align_down(open, os_page_size()))) return false;
  return r->requested < os_page_size() || (uintptr_t)end % os_page_size() == 0 || maps_is_readable(end);
}

/*
 * Reports writes into the slack of a block, if it is live and no other thread reports them. A thread that frees the block waits for the lock before it
 * closes the pages. The report shows the bytes, so they are put right behind it.
 */
static void check_slack(struct guard_slot *slot, enum found_by found) {
  lock_take(&guard_lock);
  if (!is_live(slot) || slot->reported) return lock_release(&guard_lock);
  const struct record known = slot->known;
  struct event_hdr_reset ahead = event_of(slot, HDR_UNDERFLOW), behind = event_of(slot, HDR_OVERFLOW);
  const size_t bytes = open_size((uintptr_t)known.block, known.requested);
  if (bytes != 0 && rest_is_readable(&known)) {
    const uint8_t *open = (const uint8_t *)open_start((uintptr_t)known.block), *start = known.block;
    find_damage(open, start, start + known.requested, open + bytes, &ahead, &behind);
  }
  slot->reported = ahead.over != 0 || behind.over != 0;
  lock_release(&guard_lock);
  if (ahead.over == 0 && behind.over == 0) return;
  ahead.expect = behind.expect = REDZONE_PATTERN;
  ahead.found = behind.found = found;
  ahead.checked_ago = behind.checked_ago = recent_checked_ago(&known);
  const char *const block = known.block;
  if (behind.over != 0 && !maps_is_wiped(block + known.requested + behind.over - 1, behind.got)) misuse_known(&behind, &known);
  if (ahead.over != 0 && !maps_is_wiped(block - ahead.over, ahead.got)) misuse_known(&ahead, &known);
  repair(slot, known.block);
}

static uint32_t used(const struct row *row) {
  lock_take(&guard_lock);
  const uint32_t count = row->begun * row->piece;
  lock_release(&guard_lock);
  return count;
}

/* As long as the lock is held, a live block stays live. */
static bool copy_live(const struct guard_slot *slot, struct record *out) {
  if (!is_live(slot)) return false;
  lock_take(&guard_lock);
  const bool live = is_live(slot);
  if (live) *out = slot->known;
  lock_release(&guard_lock);
  return live;
}

void guard_each(void (*visit)(const struct record *record, void *context), void *context) {
  struct record known;
  for (const struct row *row = guard_rows; row < guard_rows + ARRAY_LENGTH(guard_rows); row++) {
    for (uint32_t i = 0, count = used(row); i < count; i++) {
      if (copy_live(&row->slots[i], &known)) visit(&known, context);
    }
  }
}

AT_START void guard_audit(uint64_t until_ms) {
  uint32_t live = 0;
  for (struct row *row = guard_rows; row < guard_rows + ARRAY_LENGTH(guard_rows); row++) {
    for (uint32_t i = used(row); i > 0; i--) {
      if (!is_live(&row->slots[i - 1])) continue;
      if (live % AUDIT_AT_ONCE == 0 && os_now_ms() > until_ms) return;
      check_slack(&row->slots[i - 1], FOUND_BY_CHECK);
      live++;
    }
  }
}

/*
 * Whether `most` bytes of slack on each side of the block are intact, as far as there is slack; then that is noted. True, too, if the block is not live,
 * or if the program has closed it.
 */
static bool is_intact(struct guard_slot *slot, size_t most) {
  lock_take(&guard_lock);
  bool intact = true;
  if (is_live(slot) && slot->known.requested != 0 && rest_is_readable(&slot->known)) {
    const uintptr_t start = start_of(slot), end = end_of(slot), open = open_start(start), close = open + open_size(start, end - start);
    const size_t before = min_size(start - open, most), behind = min_size(close - end, most);
    intact = bytes_are((const uint8_t *)start - before, before, REDZONE_PATTERN) && bytes_are((const uint8_t *)end, behind, REDZONE_PATTERN);
    if (intact) __atomic_store_n(&slot->known.checked, __atomic_load_n(&record_allocations, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
  }
  lock_release(&guard_lock);
  return intact;
}

static void look_at(struct guard_slot *slot, size_t most) {
  if (!is_intact(slot, most)) check_slack(slot, FOUND_BY_CHECK);
}

void guard_look(const void *p) {
  struct row *row;
  struct guard_slot *slot = nearest(p, &row);
  if (slot != NULL) look_at(slot, LOOK_AT);
}

bool guard_rows_of(const void *p, struct recent_block *out) {
  struct row *row;
  const struct guard_slot *slot = nearest(p, &row);
  if (slot == NULL || slot->known.block != p) return false;
  const uintptr_t start = start_of(slot), end = end_of(slot), open = open_start(start), close = open + open_size(start, end - start);
  const bool has_pages = end != start;
  const size_t before = has_pages ? min_size(start - open, LOOK_AT) : 0, behind = has_pages ? min_size(close - end, LOOK_AT) : 0;
  *out = (struct recent_block){.block = p,
                               .redzones = {{(const uint8_t *)start - before, before}, {(const uint8_t *)end, behind}},
                               .whole = true,
                               .closely = behind != 0 && slot->known.requested >= os_page_size(),
                               .checked = __atomic_load_n(&slot->known.checked, __ATOMIC_RELAXED)};
  return true;
}

void guard_keep_checked(const void *p, uint32_t when) {
  struct row *row;
  struct guard_slot *slot = nearest(p, &row);
  if (slot == NULL) return;
  lock_take(&guard_lock);
  if (slot->known.block == p && (int32_t)(when - __atomic_load_n(&slot->known.checked, __ATOMIC_RELAXED)) > 0)
    __atomic_store_n(&slot->known.checked, when, __ATOMIC_RELAXED);
  lock_release(&guard_lock);
}

bool guard_look_from(uint32_t *from, uint32_t count, uint64_t *blocks) {
  uint32_t first = 0; /* the number of the row's first slot */
  for (struct row *row = guard_rows; row < guard_rows + ARRAY_LENGTH(guard_rows); row++) {
    const uint32_t slots = used(row);
    for (; *from < first + slots; ++*from) {
      if (count-- == 0) return false;
      struct guard_slot *slot = &row->slots[*from - first];
      if (!is_live(slot)) continue;
      look_at(slot, SIZE_MAX);
      ++*blocks;
    }
    first += slots;
  }
  return true;
}

/* False if another thread freed the block first. */
static bool end_life(struct guard_slot *slot) {
  lock_take(&guard_lock);
  uint32_t live = SLOT_LIVE;
  const bool ended = __atomic_compare_exchange_n(&slot->state, &live, SLOT_FREED, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
  lock_release(&guard_lock);
  return ended;
}

void guard_set_family(const void *p, enum block_family family) {
  struct row *row;
  struct guard_slot *slot = nearest(p, &row);
  if (slot != NULL && slot->known.block == p && __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == SLOT_LIVE) slot->known.family = (uint8_t)family;
}

bool guard_free(const struct pointer *at, uint32_t stack) {
  struct guard_slot *slot = at->slot;
  check_slack(slot, FOUND_BY_OPERATION);
  if (!end_life(slot)) {
    misuse_pointer(at, MISUSE_LIVE);
    return false;
  }
  if (modes.debug) recent_forget(at->block);
  record_freed(&slot->known, stack);
  struct row *row = slots_row_at(start_of(slot));
  const size_t bytes = open_size(start_of(slot), slot->known.requested);
  if (!(slot->marked ? os_close_marked : os_close)((void *)open_start(start_of(slot)), bytes)) return true; /* never reuse the slot: it may not read as zero */
  count_open(0, bytes);
  slots_give(row, (uint32_t)(slot - row->slots));
  return true;
}

void guard_check(const struct pointer *at) { check_slack(at->slot, FOUND_BY_OPERATION); }

void guard_fault(const void *address, enum access_way way, void *context) {
  struct row *row;
  const struct guard_slot *slot = nearest(address, &row);
  if (slot == NULL) return;
  const bool inside = holds(slot, (uintptr_t)address) && slot->known.requested != 0;
  /* An access to a live block faults if it was freed, and the slot reused, since; or if the program tried to run it as code. */
  if (inside && __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == SLOT_LIVE) return;
  const bool before = (uintptr_t)address < start_of(slot);
  struct event_hdr_reset e = event_of(slot, inside ? HDR_USE_AFTER_FREE : before ? HDR_UNDERFLOW : HDR_OVERFLOW);
  e.over = inside ? (uintptr_t)address - start_of(slot) : before ? start_of(slot) - (uintptr_t)address : (uintptr_t)address - end_of(slot) + 1;
  e.access = address;
  e.way = way;
  misuse_fault(&e, &slot->known, context);
}

/* ---- Fork. ---- */

const struct lock_row guard_locks = LOCK_ROW(guard_lock);
