#include "reach.h"

#include <string.h>

#include "platform/file.h"
#include "guard.h"
#include "memory/maps.h"
#include "memory/os.h"
#include "checks/records.h"
#include "checks/view.h"
#include "slabs/header.h"
#include "platform/syscall.h"

#define CHUNK (64 * KIB)                    /* bytes that are read at a time, at most; no page is larger */
#define PAGES 4096                          /* that one read of pagemap covers */
#define WITH_ROOM(n) ((n) + (n) / 8 + 1024) /* other threads may allocate while blocks are counted */

/* A slab. Its blocks have numbers, in order of address: number, number + 1, ... */
struct area {
  uintptr_t base, end;  /* of the blocks that were handed out once */
  size_t stride, bytes; /* from block to block; that fit into a block, or were asked for */
  uint32_t number, count, cls;
  uint32_t stack, since; /* of a guarded block: where and when it was allocated */
};

/* The state of a block: one of these, and flags. */
enum { NOT_LIVE, LIVE, REACHED, INDIRECT, LOST, STATES = 7, REFERRED = 8 /* another lost block leads to it */, FREED = 16, RECORDED = 32 };

/* What a word that points to a block does. */
enum phase { REACH, REFER, FLOOD };

static struct {
  struct area *areas; /* sorted */
  uint8_t *state;     /* by number */
  uint32_t *pending;  /* numbers of the blocks to read; each is read once in a phase */
  char *chunk;
  size_t area_count, area_capacity, block_count, block_capacity, pending_count;
  uintptr_t lowest, span;
  enum phase phase;
  uint32_t reading, leader; /* the block that is being read; the lost block at which this flood began */
  struct own_file pagemap;
  bool alone;
} r;

/* A word points to the block with this number. */
static void meet(uint32_t number) {
  uint8_t *state = &r.state[number];
  const uint8_t was = *state & STATES;
  switch (r.phase) {
    case REACH:
      if (was != LIVE) return;
      *state = REACHED;
      break;
    case REFER:
      if (was == LIVE && number != r.reading) *state |= REFERRED;
      return;
    case FLOOD:
      if (was == LOST && number != r.leader) *state = (uint8_t)((*state & ~STATES) | INDIRECT); /* an earlier leader: its flood is done */
      if (was != LIVE) return;
      *state = (uint8_t)((*state & ~STATES) | INDIRECT);
      break;
  }
  r.pending[r.pending_count++] = number;
}

/* ---- The live blocks. ---- */

static void count_slab(const struct slab_view *slab, void *context) {
  (void)context;
  r.area_capacity++;
  r.block_capacity += slab->count;
}

static void count_guarded(const struct record *record, void *context) {
  (void)record, (void)context;
  r.area_capacity++;
  r.block_capacity++;
}

/* Other threads continue: the walk may show two slabs that overlap, because they existed one after the other. The second is left out. */
static void add_slab(const struct slab_view *slab, void *context) {
  (void)context;
  const struct area *last = r.area_count > 0 ? &r.areas[r.area_count - 1] : NULL;
  const uintptr_t first = (uintptr_t)slab->first;
  if (r.area_count == r.area_capacity || (last != NULL && first < last->base + last->count * last->stride)) return;
  r.areas[r.area_count++] = (struct area){.base = first, .stride = slab->stride, .bytes = slab->bytes, .count = slab->count, .cls = slab->cls};
}

static void add_guarded(const struct record *record, void *context) {
  (void)context;
  if (r.area_count == r.area_capacity) return;
  r.areas[r.area_count++] = (struct area){.base = (uintptr_t)record->block,
                                          .stride = max_size(record->requested, 1),
                                          .bytes = record->requested,
                                          .count = 1,
                                          .cls = CLASS_HUGE,
                                          .stack = record->alloc_stack,
                                          .since = record->alloc_ms};
}

static void reverse(size_t from, size_t to) {
  for (; from + 1 < to; from++, to--) {
    const struct area area = r.areas[from];
    r.areas[from] = r.areas[to - 1];
    r.areas[to - 1] = area;
  }
}

/* Moves the guarded blocks, from index `first` on, to the place of their region among the slabs. Both groups are sorted already. */
static void put_in_order(size_t first) {
  size_t place = 0;
  while (place < first && r.area_count > first && r.areas[place].base < r.areas[first].base) place++;
  reverse(place, first);
  reverse(first, r.area_count);
  reverse(place, r.area_count);
}

/* Finds out from their headers which of the area's blocks are live. */
static void read_headers(const struct area *area) {
  uintptr_t start = 0, end = 0; /* of the bytes in the chunk */
  for (uint32_t i = 0; i < area->count; i++) {
    const uintptr_t header = area->base + i * area->stride - 1;
    if (header >= end) {
      start = header;
      end = header + min_size(CHUNK, area->end - header);
      if (!maps_read(r.chunk, (void *)start, end - start)) memset(r.chunk, 0, end - start);
    }
    if (header_says_live((uint8_t)r.chunk[header - start], area->cls)) r.state[area->number + i] = LIVE;
  }
}

/* Numbers the blocks of all areas. */
static void number_blocks(void) {
  size_t blocks = 0;
  for (size_t i = 0; i < r.area_count; i++) {
    struct area *area = &r.areas[i];
    if (area->count > r.block_capacity - blocks) area->count = (uint32_t)(r.block_capacity - blocks);
    area->number = (uint32_t)blocks;
    area->end = area->base + area->count * area->stride;
    blocks += area->count;
    if (area->cls < CLASS_COUNT) read_headers(area);
    else if (area->count != 0) r.state[area->number] = LIVE;
  }
  r.block_count = blocks;
}

/* The area that `p` lies in, and the number of its block in *number. NULL if it lies in none. */
static const struct area *find(uintptr_t p, uint32_t *number) {
  if (p - r.lowest >= r.span) return NULL;
  size_t low = 0, high = r.area_count;
  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;
    if (r.areas[middle].base <= p) low = middle;
    else high = middle;
  }
  const struct area *area = &r.areas[low];
  if (p < area->base || p >= area->end) return NULL;
  *number = area->number + (uint32_t)((p - area->base) / area->stride);
  return area;
}

static const struct area *area_of(uint32_t number) {
  size_t low = 0, high = r.area_count;
  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;
    if (r.areas[middle].number <= number) low = middle;
    else high = middle;
  }
  return &r.areas[low];
}

/*
 * Every block of the program has a record. A block that is kept after its free has one that says so. But a record of a freed block may also be older than
 * the block that lies there now, so note_live runs afterwards and overrides it.
 */
static void note_freed(struct record *record, void *context) {
  (void)context;
  uint32_t number;
  if (record->freed && find((uintptr_t)record->block, &number) != NULL) r.state[number] |= FREED;
}

static void note_recorded(const void *block) {
  uint32_t number;
  if (find((uintptr_t)block, &number) != NULL) r.state[number] = (uint8_t)((r.state[number] & ~FREED) | RECORDED);
}

static void note_live(struct record *record, void *context) {
  (void)context;
  record->marked = !record->freed; /* if the block is freed now and its place used again, that block's record is not marked */
  if (!record->freed) note_recorded(record->block);
}

/* The record is the slot's, to which another thread may be writing, so it is not marked. */
static void note_guarded(const struct record *record, void *context) {
  (void)context;
  note_recorded(record->block);
}

static void *map(size_t size) {
  int error;
  return os_map(align_up(size, os_page_size()), os_page_size(), &error);
}

bool reach_begin(bool alone) {
  r.alone = alone;
  view_each(count_slab, NULL);
  guard_each(count_guarded, NULL);
  r.area_capacity = WITH_ROOM(r.area_capacity);
  r.block_capacity = min_size(WITH_ROOM(r.block_capacity), UINT32_MAX);
  r.chunk = map(CHUNK);
  r.areas = map(r.area_capacity * sizeof(*r.areas));
  r.state = map(r.block_capacity);
  r.pending = map(r.block_capacity * sizeof(*r.pending));
  if (r.chunk == NULL || r.areas == NULL || r.state == NULL || r.pending == NULL || !maps_read(r.chunk, &r, sizeof(r))) return false;
  r.pagemap = file_open_process("pagemap");
  view_each(add_slab, NULL);
  const size_t slabs = r.area_count;
  guard_each(add_guarded, NULL);
  put_in_order(slabs);
  number_blocks();
  if (r.area_count == 0) return true;
  r.lowest = r.areas[0].base - 1; /* not the block's own address: this word may be read as well, and must not point to it */
  r.span = r.areas[r.area_count - 1].end - r.lowest;
  record_each(note_freed, NULL);
  record_each(note_live, NULL);
  guard_each(note_guarded, NULL);
  for (uint32_t n = 0; n < r.block_count; n++) {
    const bool live = (r.state[n] & STATES) == LIVE && (r.state[n] & FREED) == 0, recorded = (r.state[n] & RECORDED) != 0;
    r.state[n] = !live ? NOT_LIVE : LIVE;
    if (live && !recorded) meet(n); /* a block of the instrumentation */
  }
  return true;
}

/* ---- Reading. ---- */

typedef uintptr_t __attribute__((may_alias)) word;

/* Reads memory that is closed to the program, which a sanitizer must not report. */
__attribute__((no_sanitize("address", "thread"))) static void look_at(const char *words, size_t size) {
  for (size_t i = 0; i + sizeof(word) <= size; i += sizeof(word)) {
    uint32_t number;
    if (find(*(const word *)(words + i), &number) != NULL) meet(number);
  }
}

/* Reads at most a chunk. */
static void read_words(uintptr_t start, size_t size) {
  if (maps_read(r.chunk, (void *)start, size)) look_at(r.chunk, size);
}

/*
 * How many pages from page number `page` on are empty, neither in memory nor swapped out, as far as the kernel was asked. 0: this one may
 * have content.
 */
static size_t empty_pages(uintptr_t page) {
  static uint64_t entries[PAGES] BULK; /* of the pages from `first` on */
  static uintptr_t first;
  static size_t known;
  if (page - first >= known) {
    const ssize_t size = file_read_at(&r.pagemap, entries, sizeof(entries), (off_t)(page * sizeof(entries[0])));
    first = page;
    known = size > 0 ? (size_t)size / sizeof(entries[0]) : 0;
  }
  size_t n = 0;
  while (page - first + n < known && entries[page - first + n] >> 62 == 0) n++;
  return n;
}

size_t reach_untouched(uintptr_t start) { return empty_pages(start / os_page_size()) * os_page_size(); }

/* Reads [start, end). Skips pages that were never written to and pages that cannot be read. */
static void read_range(uintptr_t start, uintptr_t end) {
  const size_t page = os_page_size();
  start = align_up(start, sizeof(uintptr_t));
  if (start < end && end - start <= page) return read_words(start, end - start);
  for (uintptr_t at = start, next; at < end; at = next) {
    const size_t empty = empty_pages(at / page);
    next = min_size(align_down(at, page) + max_size(empty, 1) * page, end);
    if (empty == 0) read_words(at, next - at);
  }
}

static void read_block(uint32_t number) {
  const struct area *area = area_of(number);
  const uintptr_t start = area->base + (number - area->number) * area->stride;
  r.reading = number;
  if (r.alone && area->cls < CLASS_COUNT) look_at((const char *)start, area->bytes); /* read directly: no other thread can unmap it */
  else read_range(start, start + area->bytes);
}

static void read_pending(void) {
  while (r.pending_count > 0) read_block(r.pending[--r.pending_count]);
}

static void read_region(uintptr_t start, uintptr_t end) {
  if (start >= end) return;
  read_range(start, end);
  read_pending();
}

void reach_from(uintptr_t start, uintptr_t end) {
  uintptr_t own_start, own_end;
  if (guard_owns((const void *)start)) return;
  while (start < end && os_own_next(start, &own_start, &own_end) && own_start < end) {
    read_region(start, own_start);
    start = own_end;
  }
  read_region(start, end);
}

void reach_again(void) {
  for (uint32_t n = 0; n < r.block_count; n++) {
    if ((r.state[n] & STATES) == REACHED) read_block(n);
  }
  read_pending();
}

/* ---- The lost blocks. ---- */

/* Marks the block as lost, and those that it leads to as indirectly lost. */
static void lose(uint32_t number) {
  r.state[number] = (uint8_t)((r.state[number] & ~STATES) | LOST);
  r.leader = number;
  read_block(number);
  read_pending();
}

static void find_lost(void) {
  read_pending();
  r.phase = REFER;
  for (uint32_t n = 0; n < r.block_count; n++) {
    if ((r.state[n] & STATES) == LIVE) read_block(n);
  }
  r.phase = FLOOD;
  for (uint32_t n = 0; n < r.block_count; n++) {
    if (r.state[n] == LIVE) lose(n);
  }
  for (uint32_t n = 0; n < r.block_count; n++) { /* now only rings remain, and the blocks that they lead to */
    if ((r.state[n] & STATES) == LIVE) lose(n);
  }
}

typedef void visit_function(enum leak_kind kind, size_t bytes, uint32_t stack);

static enum leak_kind kind_of(uint8_t state) { return (state & STATES) == REACHED ? LEAK_REACHABLE : (state & STATES) == INDIRECT ? LEAK_INDIRECT : LEAK_LOST; }

static void tell(const struct record *record, uint32_t number, visit_function *visit) {
  if ((r.state[number] & STATES) == NOT_LIVE) return;
  visit(kind_of(r.state[number]), record->requested, record->alloc_stack);
  r.state[number] = NOT_LIVE; /* do not report it again */
}

static void tell_record(struct record *record, void *context) {
  visit_function *const *visit = context;
  uint32_t number;
  if (!record->freed && record->marked && find((uintptr_t)record->block, &number) != NULL) tell(record, number, *visit);
}

/* If a block was freed and its place used again since the beginning, its record differs. */
static void tell_guarded(const struct record *record, void *context) {
  visit_function *const *visit = context;
  uint32_t number;
  const struct area *area = find((uintptr_t)record->block, &number);
  const bool same = area != NULL && area->base == (uintptr_t)record->block && area->bytes == record->requested && area->stack == record->alloc_stack &&
                    area->since == record->alloc_ms;
  if (same) tell(record, number, *visit);
}

void reach_end(visit_function *visit) {
  find_lost();
  record_each(tell_record, &visit);
  guard_each(tell_guarded, &visit);
}
