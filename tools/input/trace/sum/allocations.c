#include "allocations.h"

#include <stdlib.h>

#include "common/memory.h"

#define FIRST_PLACES 64
#define SPREAD 2654435761u /* 2^32 divided by the golden ratio: spreads neighbouring ids */

static size_t place_of(const struct allocations *a, const struct model_process *p, uint32_t stack) {
  size_t at = (stack * SPREAD) & (a->places - 1);
  while (a->at[at] != 0 && p->allocations[a->at[at] - 1].stack != stack) at = (at + 1) & (a->places - 1);
  return at;
}

/* The list may have come from elsewhere, with no table yet. */
static void grow(struct allocations *a, const struct model_process *p) {
  free(a->at);
  if (a->places == 0) a->places = FIRST_PLACES;
  while (2 * p->allocation_count >= a->places) a->places *= 2;
  a->at = must_allocate(a->places * sizeof(*a->at));
  for (size_t i = 0; i < p->allocation_count; i++) a->at[place_of(a, p, p->allocations[i].stack)] = (uint32_t)i + 1;
}

void allocations_add(struct allocations *a, struct model_process *p, uint32_t stack, uint64_t blocks, uint64_t bytes) {
  if (2 * p->allocation_count >= a->places) grow(a, p);
  uint32_t *const at = &a->at[place_of(a, p, stack)];
  if (*at == 0) {
    p->allocations = must_grow(p->allocations, p->allocation_count, &p->allocation_capacity, sizeof(*p->allocations));
    p->allocations[p->allocation_count++] = (struct model_allocation){.stack = stack};
    *at = (uint32_t)p->allocation_count;
  }
  p->allocations[*at - 1].blocks += blocks;
  p->allocations[*at - 1].bytes += bytes;
}

void allocations_free(struct allocations *a) {
  free(a->at);
  *a = (struct allocations){0};
}
