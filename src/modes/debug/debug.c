#include "probe.h"
#include "debug.h"

#include <string.h>

#include "damage.h"
#include "patrol.h"
#include "platform/config.h"
#include "platform/message.h"
#include "memory/os.h"
#include "slabs/size_class.h"

#define QUARANTINE_MAX 131072u /* blocks */
#define QUARANTINE_FIRST 1024u /* places */
#define PURGE_LEAST (8 * KIB)  /* bytes of a block; for a smaller one, the system call costs more than the copies of its pages */
#define PURGE_EVERY 4u         /* forks; the check of a block and its page faults cost as much as 5 copies of its pages */

/*
 * The blocks that wait, numbered as they came, from `first` on: block i is at entry[i % places]. If they need more places, these double. A ring of as many
 * places as are needed touches few pages.
 */
static struct {
  struct lock lock;
  struct record *entry;
  uint32_t places; /* a power of two */
  uint32_t first, count;
  uint32_t forks, seen, purged; /* seen: the number of the next block, PURGE_EVERY forks ago at most; purged: that of the first block that no fork purged */
  size_t bytes;                 /* of the blocks */
} quarantine = {.places = QUARANTINE_FIRST};

AT_START void debug_start(void) {
  if (quarantine.entry != NULL) return;
  quarantine.entry = os_map_table(QUARANTINE_MAX * sizeof(struct record));
  if (quarantine.entry == NULL) message_say("HAKMEM_DEBUG: there is no memory for the quarantine: freed blocks are used again at once");
}

/* ---- The layout of a block. ---- */

/* The most bytes that may lie before the block, inside the block of the core. */
static size_t most_before(size_t align) {
  return debug_inner_align(align) == align ? align_up(config.redzone, max_size(align, MIN_ALIGN)) : align + config.redzone;
}

AT_START bool debug_wants_guard(size_t size) { return size == 0 || size + 2 * config.redzone >= ALIGNED_MAX; }

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
  memset(block - damage_redzone_before(&record), REDZONE_PATTERN, damage_redzone_before(&record));
  memset(block, (int)config.fill, size);
  memset(block + size, REDZONE_PATTERN, config.redzone);
  if (!record_put(&record)) return NULL;
  patrol_note(&record);
  return block;
}

/* ---- The quarantine. ---- */

static struct record *entry_at(uint32_t i) { return &quarantine.entry[i & (quarantine.places - 1)]; }

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

/* Moves the blocks whose place is another one from now on. Called locked. */
static void double_places(void) {
  const uint32_t had = quarantine.places;
  quarantine.places *= 2;
  for (uint32_t i = quarantine.first; i != quarantine.first + quarantine.count; i++) {
    if ((i & had) != 0) *entry_at(i) = quarantine.entry[i & (had - 1)];
  }
}

/* False if there is no place: other threads filled it. */
static bool put(const struct record *r) {
  lock_take(&quarantine.lock);
  const bool room = quarantine.entry != NULL && quarantine.count < QUARANTINE_MAX;
  if (room) {
    if (quarantine.count == quarantine.places) double_places();
    *entry_at(quarantine.first + quarantine.count++) = *r;
    quarantine.bytes += r->requested;
  }
  lock_release(&quarantine.lock);
  return room;
}

/* False if the block must wait longer, because a thread is reporting its damage. */
static bool leave(struct record *r, void (*give_back)(void *inner)) {
  damage_check_around(r);
  damage_check_inside(r);
  /* The block's record stays until the block is allocated again, or until the place is needed. */
  if (!damage_release(r->block)) {
    put(r); /* if there is no room, the block is never used again */
    return false;
  }
  recent_forget(r->block);
  give_back((char *)(uintptr_t)r->block - r->before);
  return true;
}

bool debug_empty_quarantine(void (*give_back)(void *inner)) {
  struct record r;
  bool any = false;
  while (take_oldest(true, &r) && leave(&r, give_back)) any = true;
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
  patrol_operation();
  misuse_family(r, given); /* before the record says that the block is free */
  if (!record_free(at->p, hub_block_stack(__builtin_frame_address(0)), r)) {
    misuse_pointer(at, MISUSE_LIVE);
    return false;
  }
  damage_check_around(r);
  memset(at->block, (int)config.fill, r->requested);
  r->filled = true;
  r->checked = __atomic_load_n(&record_allocations, __ATOMIC_RELAXED);
  record_put(r);
  patrol_note(r);
  if (!put(r)) leave(r, give_back);
  while (take_oldest(false, r) && leave(r, give_back)) {}
  return true;
}

void debug_check(const struct pointer *at) { damage_check_around(&at->known); }

/* ---- Fork. ---- */

/* Takes the next block that is worth it, of those before number `end`. */
static bool take_to_purge(uint32_t end, struct record *out) {
  bool found = false;
  lock_take(&quarantine.lock);
  if ((int32_t)(quarantine.first - quarantine.purged) > 0) quarantine.purged = quarantine.first;
  while (!found && (int32_t)(end - quarantine.purged) > 0) {
    *out = *entry_at(quarantine.purged++);
    found = out->requested >= PURGE_LEAST;
  }
  lock_release(&quarantine.lock);
  return found;
}

/*
 * A fork copies each page that is resident. So the pages of a block that waited for several forks are returned to the kernel. They go on reading as zero, like
 * the filling.
 */
void debug_fork_prepare(void) {
  if (config.fill != 0) return;
  lock_take(&quarantine.lock);
  const bool due = ++quarantine.forks % PURGE_EVERY == 0;
  const uint32_t end = due ? quarantine.seen : quarantine.purged;
  if (due) quarantine.seen = quarantine.first + quarantine.count;
  lock_release(&quarantine.lock);
  for (struct record r; take_to_purge(end, &r);) damage_purge(r.block);
}

const struct lock_row debug_locks = LOCK_ROW(quarantine.lock);
void debug_fork_child(void) { /* a fork does not wait until a report or a slice of the sweep is done */
  damage_fork_child();
  patrol_fork_child();
}
