#include "slab_list.h"

#include "probe.h"

#define OTHERS_MOST 8u /* partial slabs of other threads, beside which a thread gets a fresh one */

void slab_list_link(struct slab_list *list, struct slab *slab) {
  slab->prev = NULL;
  slab->next = list->head;
  if (list->head != NULL) list->head->prev = slab;
  list->head = slab;
}

static void unlink_partial(struct slab_list *list, struct slab *slab) {
  if (slab->prev != NULL) slab->prev->next = slab->next;
  else list->head = slab->next;
  if (slab->next != NULL) slab->next->prev = slab->prev;
  if (list->cursor == slab) list->cursor = slab->next;
  slab->next = slab->prev = NULL;
}

void slab_list_add(struct slab_list *list, struct slab *slab) {
  list->slabs++;
  list->capacity += slab->capacity;
  list->bytes += slab->size;
  slab_list_link(list, slab);
}

bool slab_list_prefer(struct slab_list *list, const void *taker) {
  struct slab *slab = list->head;
  uint32_t seen = 0;
  for (; slab != NULL && slab->taker != taker && seen < OTHERS_MOST; slab = slab->next) seen++;
  if (slab == NULL || slab->taker != taker || slab == list->head) return slab != NULL;
  struct slab *const cursor = list->cursor;
  unlink_partial(list, slab);
  slab_list_link(list, slab);
  list->cursor = cursor;
  return true;
}

bool slab_list_take(struct slab_list *list, uint32_t most, const void *taker, struct chain *chain) {
  struct slab *slab = list->head;
  if (slab == NULL) return false;
  const uint32_t before = slab_used(slab);
  slab->taker = taker;
  slab_take(slab, most, chain, &list->broken);
  list->used += slab_used(slab) - before;
  if (slab_is_full(slab)) unlink_partial(list, slab);
  return true;
}

void slab_list_shed(struct slab_list *list, struct slab *slab, bool all, struct slab **empties) {
  if (!all && list->head == slab && slab->next == NULL) return;
  assert(slab_used(slab) == 0);
  unlink_partial(list, slab);
  list->slabs--;
  list->capacity -= slab->capacity;
  list->bytes -= slab->size;
  slab->next = *empties;
  *empties = slab;
}

void slab_list_shed_empty(struct slab_list *list, struct slab **empties) {
  for (struct slab *slab = list->head, *next; slab != NULL; slab = next) {
    next = slab->next;
    if (slab_used(slab) == 0) slab_list_shed(list, slab, true, empties);
  }
}

READS_RACILY bool slab_list_is_unused(const struct slab_list *list) { return list->slabs == 0; }

size_t slabs_release(struct slab *empties, size_t (*release)(struct slab *slab)) {
  size_t released = 0;
  for (struct slab *slab = empties, *next; slab != NULL; slab = next) {
    next = slab->next;
    EVENT(slab_release, .base = slab->base, .cls = slab->cls, .live = 0, .capacity = slab->capacity);
    released += release(slab);
  }
  return released;
}

bool slab_list_trim_begin(struct slab_list *list, struct slab *slab, uint32_t least, struct slab_tail *tail) {
  if (!slab_trim_begin(slab, least, tail)) return false;
  list->used++;
  if (slab_is_full(slab)) unlink_partial(list, slab);
  return true;
}

bool slab_list_trim_end(struct slab_list *list, struct slab *slab) {
  if (slab_is_full(slab)) slab_list_link(list, slab);
  slab_trim_end(slab);
  list->used--;
  return slab_used(slab) == 0;
}

bool slab_list_is_valid(const struct slab_list *list) {
  const struct slab *last = NULL;
  uint64_t slabs = 0, capacity = 0, used = 0, bytes = 0;
  bool has_cursor = list->cursor == NULL;
  for (const struct slab *slab = list->head; slab != NULL && slabs <= list->slabs; last = slab, slab = slab->next) {
    if (slab->prev != last || slab_is_full(slab) || !slab_is_valid(slab)) return false;
    if (last != NULL && last->cls != slab->cls) return false;
    has_cursor = has_cursor || list->cursor == slab;
    slabs++;
    capacity += slab->capacity;
    used += slab_used(slab);
    bytes += slab->size;
  }
  /* Slabs that are not in the list are full: all of their blocks are used. */
  return has_cursor && slabs <= list->slabs && capacity <= list->capacity && bytes <= list->bytes && list->capacity - capacity == list->used - used &&
         (list->slabs != slabs || list->bytes == bytes);
}

const struct layout_slabs slab_layout = {.list_head = LAYOUT_MEMBER(struct slab_list, head),
                                         .list_slabs = LAYOUT_MEMBER(struct slab_list, slabs),
                                         .list_capacity = LAYOUT_MEMBER(struct slab_list, capacity),
                                         .list_used = LAYOUT_MEMBER(struct slab_list, used),
                                         .list_bytes = LAYOUT_MEMBER(struct slab_list, bytes),
                                         .slab_size = sizeof(struct slab),
                                         .next = LAYOUT_MEMBER(struct slab, next),
                                         .home = LAYOUT_MEMBER(struct slab, home),
                                         .size = LAYOUT_MEMBER(struct slab, size),
                                         .requested = LAYOUT_MEMBER(struct slab, requested),
                                         .cls = LAYOUT_MEMBER(struct slab, cls),
                                         .units = LAYOUT_MEMBER(struct slab, units),
                                         .capacity = LAYOUT_MEMBER(struct slab, capacity),
                                         .carved = LAYOUT_MEMBER(struct slab, carved),
                                         .free_count = LAYOUT_MEMBER(struct slab, free_count),
                                         .taken_ms = LAYOUT_MEMBER(struct slab, taken_ms)};
