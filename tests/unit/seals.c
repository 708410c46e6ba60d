/* Sealed pages: in any order of pieces, exactly the wanted page of a piece cannot be touched, and the others keep their bytes. */
#include "slabs/legacy/seals.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>

#include "memory/maps.h"
#include "memory/os.h"
#include "platform/random.h"

#define PAGES 64

static bool can_read(const char *p) {
  char byte;
  return maps_read(&byte, p, 1);
}

Test(seals, only_the_wanted_page_is_closed) {
  const size_t page = os_page_size();
  int error;
  char *const all = os_map(PAGES * page, page, &error);
  cr_assert_not_null(all);
  uint64_t state = 7;
  unsigned closed = 0;
  for (unsigned step = 0; step < 4000; step++) {
    const size_t first = random_next(&state) % PAGES, pages = 1 + random_next(&state) % (PAGES - first), at = first + random_next(&state) % pages;
    const bool none = step % 5 == 0;
    bool sealed;
    cr_assert(seal_only(all + first * page, pages * page, none ? NULL : all + at * page, true, &sealed));
    cr_assert(sealed != none);
    for (size_t i = first; i < first + pages; i++) {
      cr_assert_eq(can_read(all + i * page), none || i != at, "step %u, page %zu of %zu and %zu", step, i, first, pages);
      if (none || i != at) memset(all + i * page, (int)i, 8);
    }
    closed += sealed;
  }
  cr_assert_gt(closed, 3000);
  bool sealed;
  cr_assert(seal_only(all, PAGES * page, NULL, true, &sealed) && !sealed);
  memset(all, 1, PAGES * page);
  seal_forget(all, PAGES * page);
  os_unmap(all, PAGES * page);
}

Test(seals, other_pages_keep_their_bytes) {
  const size_t page = os_page_size();
  int error;
  char *const all = os_map(4 * page, page, &error);
  memset(all, 7, 4 * page);
  bool sealed;
  cr_assert(seal_only(all, 4 * page, all + 2 * page, true, &sealed) && sealed);
  cr_assert(seal_only(all, 4 * page, all + 3 * page, true, &sealed) && sealed);
  cr_assert(bytes_are((const uint8_t *)all, 2 * page, 7), "what was never sealed");
  cr_assert(seal_only(all, 4 * page, all + 3 * page, true, &sealed) && sealed, "again");
  seal_forget(all, 4 * page);
  os_unmap(all, 4 * page);
}

/* More of them than are opened one by one. */
Test(seals, of_many_sealed_pages_the_wanted_one_stays) {
  const size_t page = os_page_size();
  int error;
  char *const all = os_map(PAGES * page, page, &error);
  for (size_t at = 10; at < PAGES; at += 44) { /* a page that was sealed before, and one that was not */
    bool sealed;
    for (size_t i = 0; i < 40; i++) cr_assert(seal_only(all + i * page, page, all + i * page, true, &sealed) && sealed);
    cr_assert(seal_only(all, PAGES * page, all + at * page, true, &sealed) && sealed, "page %zu", at);
    for (size_t i = 0; i < PAGES; i++) cr_assert_eq(can_read(all + i * page), i != at, "page %zu of which %zu is wanted", i, at);
  }
  seal_forget(all, PAGES * page);
  os_unmap(all, PAGES * page);
}
