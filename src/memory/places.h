/*
 * places.h: places for structures of one size, which nothing lies in, for those that come: their memory is given back meanwhile.
 *
 *   a place that holds the list:   | PLACES_BEHIND bytes of 0 | next | count | others[0 .. count-1] | ..
 *   all other places:              no memory behind them; they read as 0
 *
 * A list through the places themselves would keep a page of each. One in PLACES_OTHERS holds the addresses of the others instead: of 230 SuperSlabs'
 * descriptors that a burst leaves, 3 pages stay and not 230. A thread that still looks at a structure which went finds 0 at its start.
 *
 * Nothing here locks or gives memory back: the owner holds its lock, and calls os_metadata_rest before places_put, os_metadata_wake after places_take.
 */
#ifndef HAKMEM_PLACES_H
#define HAKMEM_PLACES_H

#include "platform/base.h"

#define PLACES_BEHIND 128
#define PLACES_OTHERS 100
#define PLACES_LEAST (PLACES_BEHIND + (PLACES_OTHERS + 2) * sizeof(void *)) /* the smallest place, in bytes */

struct places { struct place_list *first; };

void places_put(struct places *places, void *place);

/* NULL if there is none. What was its list is not zero. */
void *places_take(struct places *places);

bool places_are_valid(const struct places *places);

#endif
