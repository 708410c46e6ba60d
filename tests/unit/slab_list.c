/* The slabs of a class: what is partial, what is empty, and the sums over them. */
#include "slabs/slab_list.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define CLS 40u
#define SLABS 3

static struct slab slabs[SLABS];

static struct slab_list full_of(struct slab *all) {
  struct slab_list list = {0};
  for (int i = 0; i < SLABS; i++) {
    const size_t size = class_slab_units(CLS) * UNIT_SIZE;
    all[i] = (struct slab){.base = aligned_alloc(UNIT_SIZE, size), .units = class_slab_units(CLS), .size = size};
    cr_assert_not_null(all[i].base);
    slab_init(&all[i], CLS);
    slab_list_add(&list, &all[i]);
    cr_assert(slab_list_is_valid(&list));
  }
  return list;
}

static struct slab *slab_of(const struct block *block) {
  for (int i = 0; i < SLABS; i++) {
    if (slab_block_of(&slabs[i], block) == block && (const char *)block < slabs[i].base + slabs[i].size) return &slabs[i];
  }
  return NULL;
}

Test(slab_list, holds_the_partial_ones) {
  struct slab_list list = full_of(slabs);
  const uint32_t capacity = slabs[0].capacity;
  cr_assert(list.slabs == SLABS && list.capacity == SLABS * capacity && list.used == 0);
  struct chain chain = CHAIN_EMPTY;
  while (slab_list_take(&list, 5, NULL, &chain)) cr_assert(slab_list_is_valid(&list));
  cr_assert_null(list.head, "full slabs are not in the list");
  cr_assert(list.used == list.capacity && chain.count == SLABS * capacity);
  struct slab *empties = NULL;
  uint32_t empty = 0;
  while (chain.count > 0) {
    struct block *block = chain.head;
    chain.head = block_next(block);
    chain.count--;
    struct slab *slab = slab_of(block);
    cr_assert_not_null(slab);
    if (slab_list_give(&list, slab, block)) {
      empty++;
      slab_list_shed(&list, slab, true, &empties);
    }
    cr_assert(slab_list_is_valid(&list));
  }
  cr_assert_eq(empty, SLABS);
  cr_assert(list.slabs == 0 && list.capacity == 0 && list.used == 0 && list.bytes == 0 && list.head == NULL);
}

static size_t released(struct slab *slab) { return slab->size; }

Test(slab_list, the_only_partial_slab_stays_until_all_are_shed) {
  struct slab_list list = full_of(slabs);
  struct slab *empties = NULL;
  for (int i = 0; i < SLABS; i++) slab_list_shed(&list, &slabs[i], false, &empties);
  cr_assert(list.slabs == 1 && list.head == &slabs[SLABS - 1]);
  cr_assert_eq(slabs_release(empties, released), (SLABS - 1) * slabs[0].size);
  empties = NULL;
  slab_list_shed_empty(&list, &empties);
  cr_assert(empties == &slabs[SLABS - 1] && empties->next == NULL && slab_list_is_unused(&list));
}

Test(slab_list, a_slab_in_use_is_not_shed) {
  struct slab_list list = full_of(slabs);
  struct slab *empties = NULL;
  struct chain chain = CHAIN_EMPTY;
  slab_list_take(&list, 1, NULL, &chain);
  slab_list_shed_empty(&list, &empties);
  cr_assert(list.slabs == 1 && list.used == 1 && list.head == slab_of(chain.head) && slab_list_is_valid(&list));
}

Test(slab_list, what_is_wrong_is_seen) {
  struct slab_list list = full_of(slabs);
  list.used++;
  cr_assert_not(slab_list_is_valid(&list));
  list.used--;
  list.head->next->prev = NULL;
  cr_assert_not(slab_list_is_valid(&list));
  list.head->next->prev = list.head;
  list.cursor = (struct slab *)&list;
  cr_assert_not(slab_list_is_valid(&list));
}
