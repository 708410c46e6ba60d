#include "recent.h"

#include <string.h>

#include "platform/config.h"

/*
 * The place of the block that was used n-th last is order[n]. Empty places come last. So a place never moves, and a block that is used again costs one
 * search and one move of a few bytes.
 */
static struct {
  struct lock lock;                 /* never held across a call that may take another lock */
  const void *block[RECENT_BLOCKS]; /* of each place; beside the rows, because it is searched */
  struct recent_block at[RECENT_BLOCKS];
  uint8_t order[RECENT_BLOCKS];
  bool ordered;
} recent;

static void begin(void) {
  for (uint32_t i = 0; i < RECENT_BLOCKS; i++) recent.order[i] = (uint8_t)i;
  recent.ordered = true;
}

/* The place of the block, RECENT_BLOCKS if it has none. Called locked. */
static uint32_t find(const void *block) {
  uint32_t found = RECENT_BLOCKS;
  for (uint32_t i = 0; i < RECENT_BLOCKS; i++) {
    if (recent.block[i] == block) found = i;
  }
  return found;
}

static uint32_t rank_of(uint32_t place) { return (uint32_t)((const uint8_t *)memchr(recent.order, (int)place, RECENT_BLOCKS) - recent.order); }

void recent_note(const struct recent_block *block, struct recent_block *displaced) {
  displaced->block = NULL;
  lock_take(&recent.lock);
  if (!recent.ordered) begin();
  /* A live block is new here: if its memory was used before, that block was forgotten. */
  uint32_t place = block->freed ? find(block->block) : RECENT_BLOCKS, rank = RECENT_BLOCKS - 1;
  if (place == RECENT_BLOCKS) {
    place = recent.order[rank];
    *displaced = recent.at[place];
  } else {
    rank = rank_of(place);
  }
  memmove(&recent.order[1], &recent.order[0], rank);
  recent.order[0] = (uint8_t)place;
  recent.at[place] = *block;
  recent.block[place] = block->block;
  lock_release(&recent.lock);
}

void recent_forget(const void *block) {
  lock_take(&recent.lock);
  const uint32_t place = find(block);
  if (place != RECENT_BLOCKS) {
    const uint32_t rank = rank_of(place);
    memmove(&recent.order[rank], &recent.order[rank + 1], RECENT_BLOCKS - 1 - rank);
    recent.order[RECENT_BLOCKS - 1] = (uint8_t)place;
    recent.at[place].block = recent.block[place] = NULL;
  }
  lock_release(&recent.lock);
}

/* Without a branch between the two: they are nearly always intact. */
static inline bool are_both(const struct recent_row row[2], uint8_t pattern) {
  const int first = bytes_are(row[0].start, row[0].size, pattern), second = bytes_are(row[1].start, row[1].size, pattern);
  return (first & second) != 0;
}

static inline bool is_intact(const struct recent_block *b) {
  return are_both(b->redzones, REDZONE_PATTERN) && (b->content[0].size == 0 || are_both(b->content, (uint8_t)config.fill));
}

uint32_t recent_look(const void *suspects[RECENT_BLOCKS]) {
  uint32_t count = 0;
  lock_take(&recent.lock);
  const uint32_t now = __atomic_load_n(&record_allocations, __ATOMIC_RELAXED);
  for (uint32_t i = 0; i < RECENT_BLOCKS; i++) {
    struct recent_block *b = &recent.at[i];
    if (b->block == NULL) continue;
    if (b->closely || !is_intact(b)) suspects[count++] = b->block;
    else if (b->whole) b->checked = now;
  }
  lock_release(&recent.lock);
  return count;
}

uint32_t recent_checked_ago(const struct record *record) {
  const uint32_t by_record = record_checked_ago(record);
  lock_take(&recent.lock);
  const uint32_t place = find(record->block);
  const struct record here = {.checked = place == RECENT_BLOCKS ? record->checked : recent.at[place].checked};
  lock_release(&recent.lock);
  const uint32_t by_look = record_checked_ago(&here);
  return by_look < by_record ? by_look : by_record;
}

const struct lock_row recent_locks = LOCK_ROW(recent.lock);
