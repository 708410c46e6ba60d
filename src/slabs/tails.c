/*
 * Purges the tails of slabs: the memory behind the last block in use. While a tail is purged, the lock is not held. Its slab then counts one more block
 * as used (slab->purging), so that it is not empty and no block is carved from it.
 */
#include "memory/os.h"
#include "slab_list.h"
#include "superslabs.h"
#include "units.h"

#define TAILS 8                 /* slabs whose tails are purged under one release of the lock */
#define WALKED 16               /* slabs that are examined under one hold of the lock */
#define TAIL_LEAST (16u * 1024) /* bytes, unless all are asked for: a purged page that is used again costs a fault */

static uint32_t tails_away;          /* atomic: tails that are being purged; changes under the locks of their lists */
static __thread uint32_t tails_here; /* those of them that the calling thread purges */

/* Takes tails of slabs. *more: the walk is not at its end yet. */
static uint32_t take_tails(struct slab_list *list, enum tails_of which, uint64_t now, struct slab_tail *tails, bool *more) {
  const bool all = which == TAILS_OF_ALL;
  uint32_t found = 0;
  if (which == TAILS_OF_FIRST) list->cursor = list->head;
  for (unsigned walked = 0; list->cursor != NULL && found < TAILS && walked < WALKED; walked++) {
    struct slab *slab = list->cursor;
    list->cursor = which == TAILS_OF_FIRST ? NULL : slab->next;
    if (!all && slab->prev != NULL && slab_idle_ms(slab, now) < units_idle_ms()) continue;
    found += slab_list_trim_begin(list, slab, all ? 1 : TAIL_LEAST, &tails[found]);
  }
  __atomic_fetch_add(&tails_away, found, __ATOMIC_RELAXED);
  tails_here += found;
  *more = list->cursor != NULL;
  return found;
}

/* Purges the tails, with no lock held. Returns the bytes. */
static size_t purge(const struct slab_tail *tails, uint32_t count) {
  size_t total = 0;
  for (uint32_t i = 0; i < count; i++) {
    superslab_avoid_huge_pages(tails[i].slab->home);
    total += os_purge_if_possible(tails[i].base, tails[i].size);
  }
  return total;
}

static void put_tails(struct slab_list *list, const struct slab_tail *tails, uint32_t count, bool all, struct slab **empties) {
  __atomic_fetch_sub(&tails_away, count, __ATOMIC_RELAXED);
  tails_here -= count;
  for (uint32_t i = 0; i < count; i++) {
    if (slab_list_trim_end(list, tails[i].slab)) slab_list_shed(list, tails[i].slab, all, empties);
  }
}

size_t slab_list_purge_tails(struct slab_list *list, struct lock *lock, enum tails_of which, uint64_t now, struct slab **empties) {
  const bool all = which == TAILS_OF_ALL;
  struct slab_tail tails[TAILS];
  size_t total = 0;
  bool more;
  uint32_t found;
  lock_take(lock);
  if (all || list->cursor == NULL) list->cursor = list->head;
  do {
    found = take_tails(list, which, now, tails, &more);
    lock_release(lock);
    total += purge(tails, found);
    lock_take(lock);
    put_tails(list, tails, found, all, empties);
  } while (more && (all || found == 0));
  lock_release(lock);
  return total;
}

bool tails_in_hand(void) { return tails_here != 0; }

typedef struct slab_list *list_of(const struct slab *slab);

/* Completes the purges of threads that do not exist in the child. */
static void end_tails(struct superslab *ss, void *context) {
  list_of *const *list = context;
  for (uint32_t u = 0; u < ss->units; u++) {
    struct slab *slab = &ss->slabs[u];
    const bool there = (ss->free_mask >> u & 1) == 0 && slab->home == ss && slab->cls < CLASS_COUNT;
    if (there && slab->purging) slab_list_trim_end((*list)(slab), slab); /* an empty one is released by the next scavenge */
  }
}

void tails_fork_child(list_of *list) {
  if (tails_away != 0) superslabs_visit(false, end_tails, &list);
  tails_away = 0;
}
