#include "places.h"

struct place_list {
  char zero[PLACES_BEHIND];
  struct place_list *next;
  size_t count;
  void *others[PLACES_OTHERS];
};
static_assert(sizeof(struct place_list) == PLACES_LEAST, "a place holds the list");

void places_put(struct places *places, void *place) {
  struct place_list *list = places->first;
  if (list != NULL && list->count < PLACES_OTHERS) {
    list->others[list->count++] = place;
    return;
  }
  struct place_list *const fresh = place;
  fresh->next = list;
  fresh->count = 0;
  places->first = fresh;
}

void *places_take(struct places *places) {
  struct place_list *list = places->first;
  if (list == NULL) return NULL;
  if (list->count > 0) return list->others[--list->count];
  places->first = list->next;
  return list;
}

bool places_are_valid(const struct places *places) {
  static const char zero[PLACES_BEHIND];
  for (const struct place_list *list = places->first; list != NULL; list = list->next) {
    if (list->count > PLACES_OTHERS || memcmp(list->zero, zero, sizeof(zero)) != 0) return false;
    if (list != places->first && list->count != PLACES_OTHERS) return false; /* a list is filled before the next one begins */
    for (size_t i = 0; i < list->count; i++) {
      if (list->others[i] == NULL || list->others[i] == (const void *)list) return false;
    }
  }
  return true;
}
