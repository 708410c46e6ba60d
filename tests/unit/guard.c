/* Guarded blocks by themselves: where they are placed, what is open, which address comes into use again, and how often the gaps come. */
#include "modes/guard.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "platform/config.h"
#include "modes/modes.h"
#include "memory/maps.h"
#include "memory/os.h"
#include "platform/random.h"
#include "checks/records.h"
#include "threads/tls_sll.h"

static void start(uint32_t rate) {
  config.guard = rate;
  modes_resolve(false);
  cr_assert(guard_start(config.guard));
  cr_assert_gt(guard_region.size, 64 * MIB);
}

/* Frees the block at `p` at stack `stack`; its class row, CLASS_NONE if none was freed. */
static uint32_t free_at(void *p, uint32_t stack) {
  const struct pointer at = guard_at(p);
  return pointer_is_live(&at) && guard_free(&at, stack) ? at.cls : CLASS_NONE;
}

/* Whether the byte there can be read. */
static bool is_open(const void *p) {
  char byte;
  return maps_read(&byte, p, 1);
}

static void check_block(const char *p, size_t size, size_t align) {
  const size_t page = os_page_size();
  cr_assert(guard_owns(p) && (uintptr_t)p % align == 0);
  if (size == 0) {
    cr_assert(!is_open(p));
    return;
  }
  cr_assert(is_open(p) && is_open(p + size - 1));
  for (size_t i = 0; i < size; i += page) cr_assert_eq(p[i], 0);
  const char *behind = (const char *)align_up((uintptr_t)p + size, page), *before = (const char *)align_down((uintptr_t)p, page) - 1;
  cr_assert(!is_open(behind) && !is_open(before));
}

Test(guard, blocks_end_at_the_guard_page) {
  start(1);
  static const size_t sizes[] = {0, 1, 16, 17, 100, 4080, 4096, 4097, 65535, 65536, 65537, 1000000, 5000000, 64 * MIB};
  for (unsigned i = 0; i < ARRAY_LENGTH(sizes); i++) {
    for (size_t align = MIN_ALIGN; align <= MIB; align *= 8) {
      const size_t size = sizes[i];
      char *p = guard_alloc(size, align, 3, 7);
      if (p == NULL) {
        cr_assert(size + align > 64 * MIB, "%zu bytes at a multiple of %zu", size, align);
        continue;
      }
      check_block(p, size, align);
      if (align <= os_page_size()) cr_assert_lt(align_up((uintptr_t)p + size, os_page_size()) - ((uintptr_t)p + size), align);
      const struct pointer at = guard_at(p);
      cr_assert(pointer_is_live(&at) && at.known.requested == size);
      struct record known;
      cr_assert(guard_find(p, &known) && known.block == p && known.requested == size && known.alloc_stack == 7 && !known.freed);
      cr_assert_eq(free_at(p, 8), 3);
      cr_assert(!is_open(p));
      cr_assert(guard_find(p, &known) && known.block == p && known.freed && known.free_stack == 8);
    }
  }
  cr_assert_eq(guard_bytes(), 0);
  cr_assert_null(guard_alloc(64 * MIB + 1, MIN_ALIGN, 3, 0));
  cr_assert_null(guard_alloc(100, 128 * MIB, 3, 0));
}

static const char *block_near(const char *p) {
  struct record known;
  return guard_find(p, &known) ? known.block : NULL;
}

Test(guard, an_access_near_a_freed_block_is_its_own) {
  start(1);
  const size_t page = os_page_size();
  char *const left = guard_alloc(16, MIN_ALIGN, 3, 0), *const freed = guard_alloc(16, MIN_ALIGN, 3, 0), *const right = guard_alloc(16, MIN_ALIGN, 3, 0);
  cr_assert(freed == left + 2 * page && right == freed + 2 * page, "neighbours");
  free_at(freed, 0);
  cr_assert_eq(block_near(freed - 1), freed);
  cr_assert_eq(block_near(freed - 3000), freed, "not the live block two pages away");
  cr_assert_eq(block_near(freed + 5), freed);
  cr_assert_eq(block_near(left + 16), left, "between the two, the live block");
  cr_assert_eq(block_near(left + 16 + page / 2), left);
  cr_assert_eq(block_near(freed + 16), freed);
  cr_assert_eq(block_near(right - 8), right);
  char *const whole = guard_alloc(page, MIN_ALIGN, 3, 0);
  cr_assert_eq(whole, right + page + 16);
  free_at(whole, 0);
  cr_assert_eq(block_near(whole - 1), whole, "nearer by far than the live block before it");
  cr_assert_eq(block_near(right + 16), right);
}

Test(guard, of_a_sample_some_begin_at_the_guard_page) {
  start(100);
  unsigned left = 0;
  for (unsigned i = 0; i < 1000; i++) {
    char *p = guard_alloc(100, MIN_ALIGN, 3, 0);
    check_block(p, 100, MIN_ALIGN);
    left += (uintptr_t)p % os_page_size() == 0;
    free_at(p, 0);
  }
  cr_assert(left > 150 && left < 350, "%u of 1000", left);
}

Test(guard, an_address_rests_while_others_are_free) {
  start(1);
  enum { TRIES = 20000 };
  const char *first = guard_alloc(100, MIN_ALIGN, 3, 0);
  free_at((void *)(uintptr_t)first, 0);
  unsigned until = 0;
  for (; until < TRIES; until++) {
    char *p = guard_alloc(100, MIN_ALIGN, 3, 0);
    if (p == first) break;
    free_at(p, 0);
  }
  cr_assert(until > 13000 && until < TRIES, "used again after %u", until);
}

Test(guard, what_has_no_slot_is_not_guarded) {
  start(1);
  unsigned count = 0;
  char *last = NULL;
  for (char *p; (p = guard_alloc(100, MIN_ALIGN, 3, 0)) != NULL; count++) last = p;
  cr_assert(count > 10000 && count < 16384, "%u blocks", count);
  cr_assert_eq(guard_bytes(), count * os_page_size());
  free_at(last, 0);
  cr_assert_null(guard_alloc(100, MIN_ALIGN, 3, 0)); /* a freed block is not used again at once */
  char *other = guard_alloc(5000, MIN_ALIGN, 3, 0);
  check_block(other, 5000, MIN_ALIGN);
}

/* A mapping of the program in the region stays as it is, and the other pieces of the region are used. */
Test(guard, the_region_is_taken_piece_by_piece) {
  start(1);
  const size_t page = os_page_size(), mapped = os_mapped(), piece = page + 128 * 2 * page;
  const char *const base = (const char *)guard_region.base;
  cr_assert(!guard_owns(base) && !guard_owns(base + piece));
  char *foreign = mmap((void *)(uintptr_t)(base + piece + 5 * page), page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  cr_assert_eq(foreign, base + piece + 5 * page);
  memset(foreign, 5, page);
  for (unsigned i = 0; i < 300; i++) {
    const char *p = guard_alloc(100, MIN_ALIGN, 3, 0);
    check_block(p, 100, MIN_ALIGN);
    cr_assert(p < base + piece || p >= base + 2 * piece);
  }
  cr_assert(guard_owns(base) && !guard_owns(base + piece) && !guard_owns(foreign) && guard_owns(base + 2 * piece));
  cr_assert_eq(os_mapped(), mapped + 3 * piece);
  cr_assert(bytes_are((const uint8_t *)foreign, page, 5));
  cr_assert_null(guard_alloc(100, 128 * MIB, 3, 0));
}

Test(guard, a_limit_that_comes_later_leaves_address_space) {
  start(1);
  char *first = guard_alloc(100, MIN_ALIGN, 3, 0);
  struct rlimit limit;
  cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
  limit.rlim_cur = 200 * MIB;
  cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
  const size_t mapped = os_mapped();
  unsigned small = 0;
  while (guard_alloc(100, MIN_ALIGN, 3, 0) != NULL) small++;
  cr_assert(small > 500, "%u", small);
  cr_assert_null(guard_alloc(3 * MIB, MIN_ALIGN, 3, 0));
  cr_assert_null(guard_alloc(30 * MIB, MIN_ALIGN, 3, 0));
  cr_assert_lt(os_mapped() - mapped, 7 * MIB);
  cr_assert_eq(free_at(first, 0), 3);
  limit.rlim_cur = limit.rlim_max;
  cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
  check_block(guard_alloc(30 * MIB, MIN_ALIGN, 3, 0), 30 * MIB, MIN_ALIGN);
}

static void *work(void *seed) {
  uint64_t state = (uintptr_t)seed;
  char *block[64] = {NULL};
  for (unsigned i = 0; i < 20000; i++) {
    const unsigned k = (unsigned)random_next(&state) % 64;
    if (block[k] != NULL) {
      cr_assert(block[k][0] == (char)k && block[k][99] == (char)k);
      cr_assert_eq(free_at(block[k], 0), k);
    }
    block[k] = guard_alloc(100, MIN_ALIGN, k, 0);
    memset(block[k], (int)k, 100);
  }
  for (unsigned k = 0; k < 64; k++) free_at(block[k], 0);
  return NULL;
}

Test(guard, threads_do_not_meet_in_a_slot) {
  start(1);
  pthread_t thread[4];
  for (uintptr_t i = 0; i < 4; i++) pthread_create(&thread[i], NULL, work, (void *)(i + 1));
  for (unsigned i = 0; i < 4; i++) pthread_join(thread[i], NULL);
  cr_assert_eq(guard_bytes(), 0);
}

/* The mean of the gaps, and how many of them are none, are those of a coin thrown for each allocation. */
Test(guard, gaps_are_those_of_independent_draws) {
  const unsigned draws = 200000;
  uint64_t state = 1;
  static const uint32_t rates[] = {2, 3, 10, 1000, 1000000};
  for (unsigned r = 0; r < ARRAY_LENGTH(rates); r++) {
    const double rate = rates[r];
    double sum = 0, squares = 0;
    unsigned none = 0;
    for (unsigned i = 0; i < draws; i++) {
      const double gap = random_gap(&state, rates[r]);
      sum += gap;
      squares += gap * gap;
      none += gap < 0.5;
    }
    const double mean = sum / draws, variance = squares / draws - mean * mean, expected = rate * (rate - 1);
    cr_assert(mean > (rate - 1) * 0.985 && mean < (rate - 1) * 1.015, "rate %g: mean %g", rate, mean);
    cr_assert(variance > expected * 0.96 && variance < expected * 1.04, "rate %g: variance %g instead of %g", rate, variance, expected);
    if (rate <= 10) cr_assert(none > draws / rate * 0.98 && none < draws / rate * 1.02, "rate %g: %u none", rate, none);
  }
  for (unsigned i = 0; i < 1000; i++) cr_assert_eq(random_gap(&state, 1), 0);
}
