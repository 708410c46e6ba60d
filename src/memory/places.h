/*
 * places.h: empty places for structures of one size. Their memory is returned to the kernel until they are used again.
 *
 *   a place that holds the list:   | PLACES_BEHIND bytes of 0 | next | count | others[0 .. count-1] | ..
 *   all other places:              no memory behind them; they read as 0
 *
 * A list that is linked through the places would keep one page of each resident. Here, one place holds the addresses of up to PLACES_OTHERS others. After
 * a burst of 230 SuperSlabs, their descriptors keep 3 pages instead of 230. A thread that still reads a removed structure finds 0 at its start.
 *
 * Nothing here locks or purges. The owner holds its lock, and calls os_metadata_rest before places_put, os_metadata_wake after places_take.
 */
#ifndef HAKMEM_PLACES_H
#define HAKMEM_PLACES_H

#include "platform/base.h"

#define PLACES_BEHIND 128
#define PLACES_OTHERS 100
#define PLACES_LEAST (PLACES_BEHIND + (PLACES_OTHERS + 2) * sizeof(void *)) /* the smallest place, in bytes */

struct places {
  struct place_list *first;
};

void places_put(struct places *places, void *place);

/* Takes a place; NULL if there is none. If it held the list, it is not all zero. */
void *places_take(struct places *places);

bool places_are_valid(const struct places *places);

#endif
