/*
 * Small blocks that no other thread ever sees, in a table of each thread: the fast paths alone. A run of neighbouring places is freed, then filled
 * again. By malloc; by calloc, whose blocks must be zero; and by malloc with a call of malloc_usable_size, whose bytes are all written to.
 */
#include <malloc.h>

#include "workload.h"

#define PLACES 3000
#define RUN 12
#define MIN_SIZE 8

enum kind { PLAIN, ZEROED, WITH_SIZE };

static void prepare(struct worker *w) { w->own = bench_map(PLACES * sizeof(void *)); }

static inline void *zeroed_block(size_t size) {
  char *const block = calloc(1, size);
  if (block != NULL && (block[0] != 0 || block[size / 2] != 0 || block[size - 1] != 0)) bench_fail("a block of calloc of %zu bytes is not zero", size);
  return mark_block(block, size);
}

static inline void *sized_block(size_t size) {
  void *const block = malloc(size);
  const size_t usable = malloc_usable_size(block);
  if (block != NULL && usable < size) bench_fail("malloc_usable_size says %zu of a block of %zu bytes", usable, size);
  return mark_block(block, block != NULL ? usable : size);
}

/* `kind` and `sizes` are constants in all calls. */
static inline __attribute__((always_inline)) void replace(struct worker *w, enum kind kind, uint64_t sizes) {
  void **const table = w->own;
  do {
    void **const run = &table[below(draw(w) >> 32, PLACES - RUN + 1)];
    for (unsigned i = 0; i < RUN; i++) free_block(run[i]);
    for (unsigned i = 0; i < RUN; i++) {
      const size_t size = MIN_SIZE + below(draw(w) >> 32, sizes);
      run[i] = kind == PLAIN ? new_block(size) : kind == ZEROED ? zeroed_block(size) : sized_block(size);
    }
  } while (goes_on(w, RUN));
}

static void work_plain(struct worker *w) { replace(w, PLAIN, 121); }
static void work_zeroed(struct worker *w) { replace(w, ZEROED, 249); }
static void work_sized(struct worker *w) { replace(w, WITH_SIZE, 505); }

static void finish(struct worker *w) {
  void **const table = w->own;
  for (unsigned i = 0; i < PLACES; i++) free_block(table[i]);
}

const struct workload small_blocks = {
  .name = "small_blocks", .what = "blocks of 8 to 128 bytes, none changes hands", .ops = 50000000, .prepare = prepare, .work = work_plain, .finish = finish};
const struct workload calloc_small = {
  .name = "calloc_small", .what = "zeroed blocks of 8 to 256 bytes", .ops = 20000000, .prepare = prepare, .work = work_zeroed, .finish = finish};
const struct workload usable_size = {.name = "usable_size",
                                     .what = "blocks of 8 to 512 bytes, each asked for its usable size",
                                     .ops = 30000000,
                                     .prepare = prepare,
                                     .work = work_sized,
                                     .finish = finish};
