#include "probe.h"
#include "patrol.h"

#include "damage.h"
#include "modes/guard.h"
#include "memory/os.h"
#include "platform/config.h"
#include "platform/lock.h"

#define BORDER ((size_t)64)       /* bytes at each end of a freed block */
#define SLICE_BYTES (16 * KIB)    /* looked at under one lock */
#define SLICE_STEPS 64u           /* in a slice, at most */
#define BLOCK_BYTES ((size_t)256) /* what a block counts for, beside its content */
#define GUARD_STEP 4u             /* slots */
#define PAUSE 3u                  /* times as long as the slice before it */
#define UNUSUAL 64u               /* times the usual ticks of a step */
#define RAISE_EVERY_MS 100u

/* Of the thread that has the lock; no thread waits for it. */
static struct {
  struct lock lock;
  struct record_place place;
  uint32_t guards;     /* 0: the records first; then the number of the next slot, from 1 */
  const void *part_of; /* this block was checked up to `part`, beginning when there were `part_began` allocations */
  size_t part;
  uint32_t part_began;
  uint64_t began, ended, next;       /* ticks: of the sweep, of the last slice, of the next one; the last is atomic */
  uint64_t usual;                    /* ticks of a step; 0: not known yet */
  struct event_debug_sweep finished; /* since the last event */
  uint64_t blocks, bytes, spent;     /* of this sweep so far; `spent` in ticks */
  uint64_t raised_ms;
} sweep;

/* ---- The blocks used last. ---- */

static void mark_checked(struct record *r, uint32_t when) { r->checked = when; }

/* Keeps what the looks at a block found out, now that they end. The block may have been freed and allocated since: then its record is newer. */
static void keep_checked(struct record *r, void *context) {
  const uint32_t when = *(const uint32_t *)context;
  if ((int32_t)(when - r->checked) > 0) mark_checked(r, when);
}

static void note(const struct recent_block *block) {
  struct recent_block displaced;
  recent_note(block, &displaced);
  if (displaced.block == NULL) return;
  if (guard_owns(displaced.block)) guard_keep_checked(displaced.block, displaced.checked);
  else record_visit(displaced.block, keep_checked, &displaced.checked);
}

void patrol_note(const struct record *r) {
  const uint8_t *const start = r->block, *const end = start + r->requested;
  const size_t before = damage_redzone_before(r), border = r->filled ? min_size(r->requested, BORDER) : 0;
  note(&(struct recent_block){.block = start,
                              .redzones = {{start - before, before}, {end, config.redzone}},
                              .content = {{start, border}, {end - border, border}},
                              .freed = r->filled,
                              .whole = !r->filled || r->requested <= 2 * BORDER,
                              .checked = r->checked});
}

void patrol_note_guarded(const void *p) {
  struct recent_block block;
  if (guard_rows_of(p, &block)) note(&block);
}

static void look_at_recent(void) {
  const void *suspects[RECENT_BLOCKS];
  const uint32_t count = recent_look(suspects);
  for (uint32_t i = 0; i < count; i++) {
    if (guard_owns(suspects[i])) guard_look(suspects[i]);
    else damage_report(suspects[i]);
  }
}

/* ---- The sweep. ---- */

struct step {
  const void *damaged;
  size_t bytes;
};

/* False if the step ends at this block, which the next step then goes on with. */
static bool look_at(struct record *r, void *context) {
  struct step *step = context;
  if (!r->held) return true;
  if (step->bytes >= SLICE_BYTES) return false;
  if (!damage_can_look(r)) {
    step->bytes += BLOCK_BYTES;
    return true;
  }
  const bool begun = sweep.part_of == r->block;
  const size_t from = begun ? min_size(sweep.part, r->requested) : 0, rest = r->filled ? r->requested - from : 0;
  const size_t size = min_size(rest, SLICE_BYTES);
  if (damage_around(r) || damage_inside(r, from, size)) {
    step->damaged = r->block;
    return false;
  }
  step->bytes += BLOCK_BYTES + size;
  if (!begun) sweep.part_began = __atomic_load_n(&record_allocations, __ATOMIC_RELAXED);
  sweep.part_of = size < rest ? r->block : NULL;
  sweep.part = from + size;
  sweep.bytes += size;
  if (size < rest) return false;
  mark_checked(r, sweep.part_began);
  sweep.blocks++;
  return true;
}

/* A sweep is over. */
static void finish(uint64_t now) {
  sweep.finished.sweeps++;
  sweep.finished.blocks += sweep.blocks;
  sweep.finished.bytes += sweep.bytes;
  sweep.finished.ticks += now - sweep.began;
  sweep.finished.spent_ticks += sweep.spent;
  sweep.blocks = sweep.bytes = sweep.spent = 0;
  sweep.began = now;
}

/* Does a part of the sweep, and returns a block that seems damaged, or NULL. Guarded blocks report theirs themselves. */
static const void *do_step(void) {
  if (sweep.guards == 0) {
    struct step step = {.damaged = NULL};
    if (record_walk(&sweep.place, look_at, &step)) sweep.guards = 1;
    return step.damaged;
  }
  sweep.guards--;
  const bool over = guard_look_from(&sweep.guards, GUARD_STEP, &sweep.blocks);
  sweep.guards = over ? 0 : sweep.guards + 1;
  if (over) finish(hub_ticks());
  return NULL;
}

/* If an event is due, fills it in. */
static bool take_event(struct event_debug_sweep *e, bool now) {
  if (sweep.finished.sweeps == 0 || (!now && os_now_ms() < sweep.raised_ms + RAISE_EVERY_MS)) return false;
  sweep.raised_ms = os_now_ms();
  *e = sweep.finished;
  sweep.finished = (struct event_debug_sweep){.sweeps = 0};
  return true;
}

/* The ticks of a slice. If it was interrupted, the time for which the thread did not run is left out: the pause would become long. */
static uint64_t spent_on(uint32_t steps, uint64_t span) {
  uint64_t step = span / steps;
  if (sweep.usual != 0 && step > UNUSUAL * sweep.usual) step = UNUSUAL * sweep.usual;
  sweep.usual = sweep.usual == 0 ? step : sweep.usual - sweep.usual / 8 + step / 8;
  return step * steps;
}

void patrol_operation(void) {
  const uint64_t now = hub_ticks();
  if (now < __atomic_load_n(&sweep.next, __ATOMIC_RELAXED) || hub_is_inside() || !lock_try(&sweep.lock)) return;
  if (sweep.began == 0) sweep.began = sweep.ended = now;
  const uint64_t before = now - sweep.ended;
  const void *damaged;
  uint64_t end;
  uint32_t steps = 0;
  do {
    damaged = do_step();
    end = hub_ticks();
    steps++;
  } while (damaged == NULL && steps < SLICE_STEPS && (end - now) * PAUSE < before);
  sweep.ended = end;
  const uint64_t spent = spent_on(steps, end - now);
  sweep.spent += spent;
  __atomic_store_n(&sweep.next, end + spent * PAUSE, __ATOMIC_RELAXED);
  struct event_debug_sweep e;
  const bool due = take_event(&e, false);
  lock_release(&sweep.lock);
  if (damaged != NULL) damage_report(damaged);
  if (due) hub_event_debug_sweep(&e);
}

void patrol_allocation(void) {
  __atomic_add_fetch(&record_allocations, 1, __ATOMIC_RELAXED);
  if (hub_is_inside()) return; /* a report is under way, which may hold what another one needs */
  look_at_recent();
  patrol_operation();
}

/* ---- All blocks at once. ---- */

#define AT_ONCE 16u /* blocks between two reads of the clock */

struct all {
  const void *damaged; /* the step ended at this block. When it comes again, its damage was reported */
  uint32_t looked_at;
  uint64_t until_ms;
  bool late;
};

static bool look_at_all_of(struct record *r, void *context) {
  struct all *all = context;
  if (!r->held || r->block == all->damaged || !damage_can_look(r)) return true;
  if (all->looked_at++ % AT_ONCE == 0) all->late = os_now_ms() > all->until_ms;
  if (all->late) return false;
  if (!damage_around(r) && !(r->filled && damage_inside(r, 0, r->requested))) return true;
  all->damaged = r->block;
  return false;
}

void patrol_all(uint64_t until_ms) {
  struct all all = {.until_ms = until_ms};
  struct record_place place = {.stripe = 0};
  for (const void *last = NULL; !record_walk(&place, look_at_all_of, &all) && !all.late;) {
    if (all.damaged == last) continue;
    damage_report(all.damaged);
    last = all.damaged;
  }
  guard_audit(until_ms);
  struct event_debug_sweep e;
  bool due = false;
  if (lock_try(&sweep.lock)) {
    due = take_event(&e, true);
    lock_release(&sweep.lock);
  }
  if (due) hub_event_debug_sweep(&e);
}

void patrol_fork_child(void) { lock_reset(&sweep.lock); }
