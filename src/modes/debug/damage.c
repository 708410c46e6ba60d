#include "damage.h"

#include <string.h>

#include "platform/config.h"
#include "platform/lock.h"
#include "memory/maps.h"
#include "memory/os.h"
#include "checks/misuse.h"
#include "slabs/directory.h"
#include "slabs/superslab.h"

#define REPORT_WAIT_MS 1000u

static struct lock reporting;
static const void *examined; /* the block that damage_report reports or damage_purge purges now; changed with the lock of its record held */

/* ---- Looking. ---- */

size_t damage_redzone_before(const struct record *r) { return min_size(r->before, max_size(config.redzone, os_page_size())); }

bool damage_can_look(const struct record *r) {
  if (!os_was_forked()) return true;
  const uintptr_t block = (uintptr_t)r->block, first = align_down(block - damage_redzone_before(r), os_page_size());
  return os_is_mapped((void *)first, block + r->requested + config.redzone - first);
}

bool damage_around(const struct record *r) {
  const uint8_t *block = r->block;
  const size_t before = damage_redzone_before(r);
  return !bytes_are(block + r->requested, config.redzone, REDZONE_PATTERN) || !bytes_are(block - before, before, REDZONE_PATTERN);
}

bool damage_inside(const struct record *r, size_t offset, size_t size) { return !bytes_are((const uint8_t *)r->block + offset, size, (uint8_t)config.fill); }

/* The distance from the block's end to the last overwritten byte of the redzone behind it; 0 if that is intact. */
static size_t far_behind(const struct record *r) {
  const uint8_t *end = (const uint8_t *)r->block + r->requested;
  size_t n = bytes_are(end, config.redzone, REDZONE_PATTERN) ? 0 : config.redzone;
  while (n > 0 && end[n - 1] == REDZONE_PATTERN) n--;
  return n;
}

static size_t far_before(const struct record *r) {
  const uint8_t *block = r->block;
  const size_t size = damage_redzone_before(r);
  size_t n = bytes_are(block - size, size, REDZONE_PATTERN) ? 0 : size;
  while (n > 0 && *(block - n) == REDZONE_PATTERN) n--;
  return n;
}

/* The bytes of a freed block from its start to the last one that is not its filling; 0 if the filling is intact. */
static size_t far_inside(const struct record *r) {
  const uint8_t *block = r->block;
  size_t n = damage_inside(r, 0, r->requested) ? r->requested : 0;
  while (n > 0 && block[n - 1] == (uint8_t)config.fill) n--;
  return n;
}

/* ---- Reports. ---- */

/*
 * Held from the second look at a damage until it is repaired: if two threads find the same damage, only one reports it. The wait is short, because a
 * report may need a lock that the waiting thread holds. False: not got; then both report.
 */
static bool report_begin(void) { return lock_take_within(&reporting, REPORT_WAIT_MS); }

static void report_end(bool alone) {
  if (alone) lock_release(&reporting);
}

static void raise(const struct record *r, enum hdr_verdict verdict, size_t over, uint8_t got, uint8_t expect, enum found_by found) {
  struct event_hdr_reset e = {.base = r->block,
                              .verdict = verdict,
                              .cls = CLASS_NONE,
                              .size = r->requested,
                              .over = over,
                              .got = got,
                              .expect = expect,
                              .found = found,
                              .checked_ago = recent_checked_ago(r)};
  misuse_known(&e, r);
}

static void report_around(const struct record *r, enum found_by found) {
  uint8_t *block = (uint8_t *)(uintptr_t)r->block;
  const size_t behind = far_behind(r), ahead = far_before(r);
  if (behind != 0) {
    const uint8_t *const last = &block[r->requested + behind - 1];
    if (!maps_is_wiped(last, *last)) raise(r, HDR_OVERFLOW, behind, *last, REDZONE_PATTERN, found);
    memset(block + r->requested, REDZONE_PATTERN, config.redzone);
  }
  if (ahead != 0) {
    if (!maps_is_wiped(block - ahead, *(block - ahead))) raise(r, HDR_UNDERFLOW, ahead, *(block - ahead), REDZONE_PATTERN, found);
    memset(block - damage_redzone_before(r), REDZONE_PATTERN, damage_redzone_before(r));
  }
}

static void report_inside(const struct record *r, enum found_by found) {
  uint8_t *block = (uint8_t *)(uintptr_t)r->block;
  const size_t inside = far_inside(r);
  if (inside == 0) return;
  if (!maps_is_wiped(block + inside - 1, block[inside - 1])) raise(r, HDR_WRITE_AFTER_FREE, inside, block[inside - 1], (uint8_t)config.fill, found);
  memset(block, (int)config.fill, r->requested);
}

void damage_check_around(const struct record *r) {
  if (!damage_around(r)) return;
  const bool alone = report_begin();
  report_around(r, FOUND_BY_OPERATION);
  report_end(alone);
}

void damage_check_inside(const struct record *r) {
  if (!damage_inside(r, 0, r->requested)) return;
  const bool alone = report_begin();
  report_inside(r, FOUND_BY_CHECK);
  report_end(alone);
}

/* ---- A block in another thread's hands. ---- */

static void examine(struct record *r, void *copy) {
  *(struct record *)copy = *r;
  if (r->held) __atomic_store_n(&examined, r->block, __ATOMIC_RELAXED);
}

void damage_report(const void *block) {
  struct record r;
  if (!report_begin()) return; /* the damage stays, and the next check finds it */
  if (record_visit(block, examine, &r) && r.held) {
    report_around(&r, FOUND_BY_CHECK);
    if (r.filled) report_inside(&r, FOUND_BY_CHECK);
    __atomic_store_n(&examined, NULL, __ATOMIC_RELEASE);
  }
  report_end(true);
}

static void purge(const struct record *r) {
  const uintptr_t block = (uintptr_t)r->block, start = align_up(block, os_page_size()), end = align_down(block + r->requested, os_page_size());
  if (!r->filled || end <= start || damage_inside(r, start - block, end - start)) return;
  const struct slab *slab = directory_slab(r->block);
  if (slab != NULL && slab->home != NULL) superslab_avoid_huge_pages(slab->home);
  os_purge_if_possible((void *)start, end - start);
}

void damage_purge(const void *block) {
  struct record r;
  if (!lock_try(&reporting)) return;
  if (record_visit(block, examine, &r) && r.held) {
    purge(&r);
    __atomic_store_n(&examined, NULL, __ATOMIC_RELEASE);
  }
  report_end(true);
}

static void release(struct record *r, void *released) {
  if (__atomic_load_n(&examined, __ATOMIC_ACQUIRE) == r->block) return;
  r->held = false;
  *(bool *)released = true;
}

bool damage_release(const void *block) {
  bool released = false;
  return !record_visit(block, release, &released) || released;
}

void damage_fork_child(void) {
  lock_reset(&reporting);
  if (!lock_is_held(&reporting)) examined = NULL;
}
