#include "superslabs.h"

#include "platform/config.h"

#define MUCH_DIRTY (4 * MIB / UNIT_SIZE)

struct superslabs superslabs;
bool superslabs_much_dirty;

/* ---- Changes. ---- */

/* It writes only if the value changes, because all threads read it often. */
static void note_dirty(void) {
  const bool much = superslabs.dirty_units >= MUCH_DIRTY;
  if (much != superslabs_much_dirty) __atomic_store_n(&superslabs_much_dirty, much, __ATOMIC_RELAXED);
}

struct superslab_figures superslabs_figures(const struct superslab *ss) {
  return (struct superslab_figures){superslab_free_units(ss), ss->dirty_units, ss->gone_units, superslab_is_open(ss)};
}

/* Adds the difference to the totals. */
static void book_totals(struct superslab_figures before, struct superslab_figures after) {
  superslabs.free_units += after.free - before.free;
  superslabs.dirty_units += after.dirty - before.dirty;
  superslabs.gone_units += after.gone - before.gone;
  note_dirty();
}

void superslabs_book(struct superslab *ss, struct superslab_figures before) {
  const struct superslab_figures now = superslabs_figures(ss);
  assert(superslab_is_valid(ss));
  book_totals(before, now);
  if (now.open == before.open) return;
  superslab_list_remove(&superslabs.list, ss);
  if (now.open) superslab_list_add_first(&superslabs.list, ss);
  else superslab_list_add_last(&superslabs.list, ss);
}

void superslabs_add(struct superslab *ss) {
  superslab_list_add_first(&superslabs.list, ss);
  superslabs.active++;
  book_totals((struct superslab_figures){.free = 0}, superslabs_figures(ss));
}

void superslabs_remove(struct superslab *ss) {
  superslab_list_remove(&superslabs.list, ss);
  superslabs.active--;
  book_totals(superslabs_figures(ss), (struct superslab_figures){.free = 0});
}

void superslabs_pin(struct superslab *ss) {
  lock_take(&superslabs.lock);
  ss->pins++;
  lock_release(&superslabs.lock);
}

void superslabs_unpin(struct superslab *ss) {
  lock_take(&superslabs.lock);
  ss->pins--;
  lock_release(&superslabs.lock);
}

/* ---- Totals and visits. ---- */

READS_RACILY void superslabs_totals(struct superslabs_totals *out) {
  *out = (struct superslabs_totals){.active = superslabs.active,
                                    .free_units = superslabs.free_units,
                                    .dirty_bytes = superslabs.dirty_units * UNIT_SIZE,
                                    .mapped = superslabs.active * config_superslab_size() - superslabs.gone_units * UNIT_SIZE};
}

bool superslabs_visit(bool try_only, void (*visit)(struct superslab *ss, void *context), void *context) {
  if (try_only) {
    if (!lock_try(&superslabs.lock)) return false;
  } else {
    lock_take(&superslabs.lock);
  }
  for (struct superslab *ss = superslabs.list.first; ss != NULL; ss = ss->next) visit(ss, context);
  lock_release(&superslabs.lock);
  return true;
}

void superslabs_change(bool (*change)(struct superslab *ss, void *context), void *context) {
  bool more = true;
  lock_take(&superslabs.lock);
  for (struct superslab *ss = superslabs.list.first, *next; ss != NULL && more; ss = next) {
    const struct superslab_figures before = superslabs_figures(ss);
    next = ss->next;
    more = change(ss, context);
    superslabs_book(ss, before);
  }
  lock_release(&superslabs.lock);
}

bool superslabs_hold(const void *p) {
  bool holds = false;
  lock_take(&superslabs.lock);
  for (const struct superslab *ss = superslabs.list.first; ss != NULL && !holds; ss = ss->next) {
    const size_t offset = (uintptr_t)p - (uintptr_t)ss->base;
    holds = offset < ss->size && (ss->gone_mask >> offset / UNIT_SIZE & 1) == 0;
  }
  lock_release(&superslabs.lock);
  return holds;
}

bool superslabs_are_valid(void) {
  uint32_t free = 0, dirty = 0, gone = 0, active = 0;
  bool open = true;
  struct superslab *last = NULL;
  for (struct superslab *ss = superslabs.list.first; ss != NULL; last = ss, ss = ss->next) {
    if (ss->prev != last || !superslab_is_valid(ss) || (superslab_is_open(ss) && !open)) return false;
    for (uint32_t u = 0; u < ss->units; u++) {
      const struct slab *slab = superslab_slab_at(ss, u);
      if (slab != NULL && !slab_is_valid(slab)) return false;
    }
    open = superslab_is_open(ss);
    active++;
    free += superslab_free_units(ss);
    dirty += ss->dirty_units;
    gone += ss->gone_units;
  }
  return superslabs.list.last == last && superslabs.active == active && superslabs.free_units == free && superslabs.dirty_units == dirty &&
         superslabs.gone_units == gone;
}

const struct lock_row superslabs_locks = LOCK_ROW(superslabs.lock);

const struct layout_units superslabs_layout = {.first = LAYOUT_NUMBER(superslabs.list.first),
                                               .active = LAYOUT_NUMBER(superslabs.active),
                                               .free_units = LAYOUT_NUMBER(superslabs.free_units),
                                               .dirty_units = LAYOUT_NUMBER(superslabs.dirty_units),
                                               .gone_units = LAYOUT_NUMBER(superslabs.gone_units),
                                               .head_size = offsetof(struct superslab, slabs),
                                               .next = LAYOUT_MEMBER(struct superslab, next),
                                               .base = LAYOUT_MEMBER(struct superslab, base),
                                               .units = LAYOUT_MEMBER(struct superslab, units),
                                               .free_mask = LAYOUT_MEMBER(struct superslab, free_mask),
                                               .gone_mask = LAYOUT_MEMBER(struct superslab, gone_mask)};
