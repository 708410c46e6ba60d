#include "probe.h"
#include "debug.h"

#include <string.h>

#include "guard.h"
#include "platform/config.h"
#include "platform/message.h"
#include "memory/os.h"
#include "slabs/size_class.h"

#define PATTERN ((uint8_t)0xb7)
#define QUARANTINE_MAX 131072u /* blocks */
#define AUDIT_EVERY 16384u     /* operations between two audits, at least, */
#define AUDIT_SHARE 4u         /* and at least this many for each block that the last audit checked */
#define AUDIT_AT_ONCE 16u      /* blocks between two reads of the clock */
#define DAMAGES 16u            /* that an audit collects before it reports them and starts again */

#define REPORT_WAIT_MS 1000u

/* The blocks that wait, the oldest at entry[first % QUARANTINE_MAX]. */
static struct {
  struct lock lock;
  struct record *entry;
  uint32_t first, count;
  size_t bytes; /* of the blocks */
} quarantine;

static struct lock reporting;
static uint32_t operations, next_audit = AUDIT_EVERY; /* atomic */

AT_START void debug_start(void) {
  if (quarantine.entry != NULL) return;
  int error;
  quarantine.entry = os_map(QUARANTINE_MAX * sizeof(struct record), os_page_size(), &error);
  if (quarantine.entry == NULL) message_say("HAKMEM_DEBUG: there is no memory for the quarantine: freed blocks are used again at once");
}

/* ---- The layout of a block. ---- */

/* The most bytes that may lie before the block, inside the block of the core. */
static size_t most_before(size_t align) {
  return debug_inner_align(align) == align ? align_up(config.redzone, max_size(align, MIN_ALIGN)) : align + config.redzone;
}

/* How many of them are filled and checked. The others are never touched: a great alignment costs address space, but no memory. */
static size_t redzone_before(const struct record *r) { return min_size(r->before, max_size(config.redzone, os_page_size())); }

AT_START bool debug_wants_guard(size_t size) { return size == 0 || size + 2 * config.redzone > SMALL_MAX; }

size_t debug_inner_align(size_t align) { return align <= UNIT_SIZE ? align : MIN_ALIGN; }

size_t debug_inner_size(size_t size, size_t align) {
  size_t inner;
  if (__builtin_add_overflow(size, most_before(align) + config.redzone, &inner) || inner > PTRDIFF_MAX) return 0;
  return inner;
}

void *debug_take(void *inner, size_t size, size_t align) {
  uint8_t *block = (uint8_t *)align_up((uintptr_t)inner + config.redzone, max_size(align, MIN_ALIGN));
  struct record record;
  record_init(&record, block, size, hub_block_stack(__builtin_frame_address(0)));
  record.before = (size_t)(block - (uint8_t *)inner);
  record.held = true;
  memset(block - redzone_before(&record), PATTERN, redzone_before(&record));
  memset(block, (int)config.fill, size);
  memset(block + size, PATTERN, config.redzone);
  return record_put(&record) ? block : NULL;
}

/* ---- Damage. ---- */

/* The distance from the block's end to the last overwritten byte of the redzone behind it; 0 if that is intact. */
static size_t damage_behind(const struct record *r) {
  const uint8_t *end = (const uint8_t *)r->block + r->requested;
  size_t n = bytes_are(end, config.redzone, PATTERN) ? 0 : config.redzone;
  while (n > 0 && end[n - 1] == PATTERN) n--;
  return n;
}

static size_t damage_before(const struct record *r) {
  const uint8_t *block = r->block;
  const size_t size = redzone_before(r);
  size_t n = bytes_are(block - size, size, PATTERN) ? 0 : size;
  while (n > 0 && *(block - n) == PATTERN) n--;
  return n;
}

/* The bytes of a freed block from its start to the last one that is not its filling; 0 if the filling is intact. */
static size_t damage_inside(const struct record *r) {
  const uint8_t *block = r->block;
  size_t n = bytes_are(block, r->requested, (uint8_t)config.fill) ? 0 : r->requested;
  while (n > 0 && block[n - 1] == (uint8_t)config.fill) n--;
  return n;
}

static struct event_hdr_reset event_of(const struct record *r, enum hdr_verdict verdict) {
  return (struct event_hdr_reset){.base = r->block, .verdict = verdict, .cls = CLASS_NONE, .size = r->requested};
}

/*
 * Held from the second check of a damage until it is repaired: if two threads find the same damage, only one reports it. The wait is short,
 * because a report may need a lock that the waiting thread holds. False: not got; then both report.
 */
static bool report_begin(void) { return lock_take_within(&reporting, REPORT_WAIT_MS); }

static void report_end(bool alone) {
  if (alone) lock_release(&reporting);
}

/* Reports writes around a block, and repairs the redzones, so that each is reported once. */
static void check_redzones(const struct record *r) {
  if (damage_behind(r) == 0 && damage_before(r) == 0) return;
  const bool alone = report_begin();
  uint8_t *block = (uint8_t *)(uintptr_t)r->block;
  const size_t behind = damage_behind(r), ahead = damage_before(r);
  if (behind != 0) {
    struct event_hdr_reset e = event_of(r, HDR_OVERFLOW);
    e.over = behind;
    e.got = block[r->requested + behind - 1];
    e.expect = PATTERN;
    misuse_known(&e, r);
    memset(block + r->requested, PATTERN, config.redzone);
  }
  if (ahead != 0) {
    struct event_hdr_reset e = event_of(r, HDR_UNDERFLOW);
    e.over = ahead;
    e.got = *(block - ahead);
    e.expect = PATTERN;
    misuse_known(&e, r);
    memset(block - redzone_before(r), PATTERN, redzone_before(r));
  }
  report_end(alone);
}

static void check_filling(const struct record *r) {
  if (damage_inside(r) == 0) return;
  const bool alone = report_begin();
  const size_t inside = damage_inside(r);
  if (inside != 0) {
    struct event_hdr_reset e = event_of(r, HDR_WRITE_AFTER_FREE);
    e.over = inside;
    e.got = ((const uint8_t *)r->block)[inside - 1];
    e.expect = (uint8_t)config.fill;
    misuse_known(&e, r);
    memset((void *)(uintptr_t)r->block, (int)config.fill, r->requested);
  }
  report_end(alone);
}

/* ---- The quarantine. ---- */

static struct record *entry_at(uint32_t i) { return &quarantine.entry[i % QUARANTINE_MAX]; }

/* Whether the oldest block must leave. Called locked. */
static bool is_due(void) { return quarantine.count != 0 && (quarantine.bytes > config.quarantine || quarantine.count == QUARANTINE_MAX); }

/* Takes the oldest block out if it must leave, or in any case with `any`. False if none was taken. */
static bool take_oldest(bool any, struct record *out) {
  lock_take(&quarantine.lock);
  const bool due = any ? quarantine.count != 0 : is_due();
  if (due) {
    *out = *entry_at(quarantine.first++);
    quarantine.count--;
    quarantine.bytes -= out->requested;
  }
  lock_release(&quarantine.lock);
  return due;
}

/* False if there is no place: other threads filled it. */
static bool put(const struct record *r) {
  lock_take(&quarantine.lock);
  const bool room = quarantine.entry != NULL && quarantine.count < QUARANTINE_MAX;
  if (room) {
    *entry_at(quarantine.first + quarantine.count++) = *r;
    quarantine.bytes += r->requested;
  }
  lock_release(&quarantine.lock);
  return room;
}

static void leave(struct record *r, void (*give_back)(void *inner)) {
  check_redzones(r);
  check_filling(r);
  r->held = false; /* before the block is allocated again. Its record stays until then, or until the place is needed */
  record_put(r);
  give_back((char *)(uintptr_t)r->block - r->before);
}

bool debug_empty_quarantine(void (*give_back)(void *inner)) {
  struct record r;
  bool any = false;
  for (; take_oldest(true, &r); any = true) leave(&r, give_back);
  return any;
}

/* ---- The operations. ---- */

bool debug_find(const void *p, struct pointer *at) {
  *at = (struct pointer){.p = p, .kind = POINTER_DEBUG, .cls = CLASS_NONE, .block = (void *)(uintptr_t)p};
  if (!record_get(p, &at->known)) return false;
  at->state = at->known.freed ? BLOCK_FREE : BLOCK_LIVE;
  return true;
}

bool debug_free(struct pointer *at, enum block_family given, void (*give_back)(void *inner)) {
  struct record *r = &at->known;
  debug_audit_if_due();
  misuse_family(r, given); /* before the record says that the block is free */
  if (!record_free(at->p, hub_block_stack(__builtin_frame_address(0)), r)) {
    misuse_pointer(at, MISUSE_LIVE);
    return false;
  }
  check_redzones(r);
  memset(at->block, (int)config.fill, r->requested);
  r->filled = true;
  record_put(r);
  if (!put(r)) leave(r, give_back);
  while (take_oldest(false, r)) leave(r, give_back);
  return true;
}

void debug_check(const struct pointer *at) { check_redzones(&at->known); }

/* ---- Audits. ---- */

struct damages {
  struct record record[DAMAGES];
  uint32_t count, looked_at;
  uint64_t until_ms;
  bool late;
};

/* The stripe's lock keeps the block in place: a block is returned to the core only after its record was changed. */
static void look_at(struct record *r, void *context) {
  struct damages *found = context;
  if (!r->held || found->late) return;
  if (found->looked_at++ % AUDIT_AT_ONCE == 0) found->late = os_now_ms() > found->until_ms;
  const bool bad = damage_behind(r) != 0 || damage_before(r) != 0 || (r->filled && damage_inside(r) != 0);
  if (bad && found->count < DAMAGES) found->record[found->count++] = *r;
}

static void report_all(const struct damages *found) {
  for (uint32_t i = 0; i < found->count; i++) {
    struct record now;
    if (!record_get(found->record[i].block, &now) || !now.held) continue; /* the block left the quarantine, which reported the damage */
    check_redzones(&now);
    if (now.filled) check_filling(&now);
  }
}

/* Returns how many blocks it checked. */
static uint32_t look_at_all(uint64_t until_ms) {
  struct damages found = {.until_ms = until_ms};
  do {
    found.count = found.looked_at = 0;
    record_each(look_at, &found);
    report_all(&found);
  } while (found.count == DAMAGES);
  return found.looked_at;
}

void debug_audit(uint64_t until_ms) {
  const uint32_t next = (look_at_all(until_ms) + guard_audit(until_ms)) * AUDIT_SHARE;
  __atomic_store_n(&next_audit, next > AUDIT_EVERY ? next : AUDIT_EVERY, __ATOMIC_RELAXED);
}

void debug_audit_if_due(void) {
  if (__atomic_add_fetch(&operations, 1, __ATOMIC_RELAXED) < __atomic_load_n(&next_audit, __ATOMIC_RELAXED)) return;
  __atomic_store_n(&operations, 0, __ATOMIC_RELAXED);
  debug_audit(UINT64_MAX);
}

const struct lock_row debug_locks = LOCK_ROW(quarantine.lock);
void debug_fork_child(void) { lock_reset(&reporting); } /* a fork does not wait until a report is done */
