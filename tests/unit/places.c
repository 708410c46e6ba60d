/* Places for structures: each comes out once, whatever the order, and only one in a hundred has something in it. */
#include "memory/places.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define COUNT 1000

static char memory[COUNT][1024];

static size_t used(void) {
  size_t places = 0;
  for (size_t i = 0; i < COUNT; i++) places += !bytes_are((const uint8_t *)memory[i], sizeof(memory[i]), 0);
  return places;
}

Test(places, each_comes_out_once) {
  struct places places = {NULL};
  bool out[COUNT] = {false};
  cr_assert_null(places_take(&places));
  for (size_t i = 0; i < COUNT; i++) {
    places_put(&places, memory[i]);
    cr_assert(places_are_valid(&places));
  }
  cr_assert_leq(used(), COUNT / PLACES_OTHERS + 1);
  for (size_t n = 0; n < COUNT; n++) {
    char *place = places_take(&places);
    cr_assert(place >= memory[0] && place < memory[0] + sizeof(memory));
    const size_t i = (size_t)(place - memory[0]) / sizeof(memory[0]);
    cr_assert(place == memory[i] && !out[i]);
    cr_assert(bytes_are((const uint8_t *)place, PLACES_BEHIND, 0));
    out[i] = true;
    cr_assert(places_are_valid(&places));
  }
  cr_assert_null(places_take(&places));
}

Test(places, at_random) {
  struct places places = {NULL};
  bool in[COUNT] = {false};
  size_t count = 0;
  srand(7);
  for (unsigned n = 0; n < 100000; n++) {
    const size_t i = (size_t)rand() % COUNT;
    if (!in[i] && rand() % 3 != 0) {
      memset(memory[i], 0, sizeof(memory[i]));
      places_put(&places, memory[i]);
      in[i] = true;
      count++;
    } else if (rand() % 2 == 0) {
      char *place = places_take(&places);
      cr_assert_eq(place == NULL, count == 0);
      if (place == NULL) continue;
      const size_t k = (size_t)(place - memory[0]) / sizeof(memory[0]);
      cr_assert(in[k], "a place came out twice");
      in[k] = false;
      count--;
    }
  }
  cr_assert(places_are_valid(&places));
}

Test(places, what_is_broken_is_seen) {
  struct places places = {NULL};
  for (size_t i = 0; i < 3; i++) places_put(&places, memory[i]);
  memory[0][0] = 1;
  cr_assert_not(places_are_valid(&places));
}
