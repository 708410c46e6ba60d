/* Random blocks up to 4096 bytes: like random_mixed with sizes four times as large, and every block checked. */
#include "workload.h"

#define SLOTS 8192
#define MIN_SIZE 8
#define SIZES 4089

static void prepare(struct worker *w) { w->own = bench_map(SLOTS * sizeof(void *)); }

static void work(struct worker *w) {
  void **const slots = w->own;
  bool more = true;
  while (more) {
    const uint64_t x = draw(w);
    void **const slot = &slots[below((uint32_t)x, SLOTS)];
    if (*slot != NULL) {
      free_block(*slot);
      *slot = NULL;
    } else {
      *slot = new_block(MIN_SIZE + below(x >> 32, SIZES));
      more = goes_on(w, 1);
    }
  }
}

static void finish(struct worker *w) {
  void **const slots = w->own;
  for (unsigned i = 0; i < SLOTS; i++) free_block(slots[i]);
}

const struct workload random_sizes = {.name = "random_sizes",
                                      .what = "blocks of 8 to 4096 bytes in 8192 slots of each thread, at random",
                                      .ops = 8000000,
                                      .prepare = prepare,
                                      .work = work,
                                      .finish = finish};
