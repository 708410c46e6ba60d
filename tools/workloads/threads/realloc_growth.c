/*
 * Arrays that grow. Each thread appends to sixteen of them in turn, by half of the length or by a small step. At a random length, an array starts over.
 * Small ones stay within 32 to 512 bytes, as strings do. The new part is written completely; the old part is checked at both ends and in its middle.
 */
#include <string.h>

#include "workload.h"

#define ARRAYS 16
#define FIRST 24
#define STEP 64
#define LOW_BITS 7   /* lengths from 128 bytes */
#define HIGH_BITS 21 /* to 2 MiB */
#define SMALL_FIRST 32
#define SMALL_STEP 16
#define SMALL_MOST 512
#define SMALL_SIZES (SMALL_MOST - SMALL_FIRST + 1)

struct array {
  char *data;
  size_t length, most;
  bool by_half;
};

static void prepare(struct worker *w) { w->own = bench_map(ARRAYS * sizeof(struct array)); }

static void check(const struct array *a, char content) {
  if (a->length == 0) return;
  if (a->data[0] != content || a->data[a->length / 2] != content || a->data[a->length - 1] != content) {
    bench_fail("an array of %zu bytes does not hold what was written to it", a->length);
  }
}

static void start_over(struct worker *w, struct array *a, bool small) {
  free(a->data);
  const uint64_t x = draw(w);
  *a = (struct array){.most = small ? SMALL_FIRST + below(x >> 32, SMALL_SIZES) : draw_doubling(x, LOW_BITS, HIGH_BITS), .by_half = (x & 3) != 0};
  if (!a->by_half && a->most > 256 * STEP) a->most = 256 * STEP;
}

static void grow(struct array *a, char content, bool small) {
  const size_t first = small ? SMALL_FIRST : FIRST, step = small ? SMALL_STEP : STEP;
  size_t length = a->length == 0 ? first : a->length + (a->by_half ? a->length / 2 : step);
  if (small && length > SMALL_MOST) length = SMALL_MOST;
  char *const data = realloc(a->data, length);
  if (data == NULL) bench_fail("no memory for an array of %zu bytes", length);
  a->data = data;
  check(a, content);
  memset(data + a->length, content, length - a->length);
  a->length = length;
}

/* `small` is a constant in all calls. */
static inline __attribute__((always_inline)) void work(struct worker *w, bool small) {
  struct array *const arrays = w->own;
  do {
    const uint64_t i = below((uint32_t)draw(w), ARRAYS);
    struct array *const a = &arrays[i];
    if (a->length >= a->most) start_over(w, a, small);
    grow(a, (char)(i + w->index * ARRAYS + 1), small);
  } while (goes_on(w, 1));
}

static void work_large(struct worker *w) { work(w, false); }
static void work_small(struct worker *w) { work(w, true); }

static void finish(struct worker *w) {
  struct array *const arrays = w->own;
  for (unsigned i = 0; i < ARRAYS; i++) {
    check(&arrays[i], (char)(i + w->index * ARRAYS + 1));
    free(arrays[i].data);
  }
}

const struct workload realloc_growth = {.name = "realloc_growth",
                                        .what = "arrays that realloc from 24 bytes to between 128 bytes and 2 MiB",
                                        .ops = 4000000,
                                        .prepare = prepare,
                                        .work = work_large,
                                        .finish = finish};

const struct workload realloc_small = {.name = "realloc_small",
                                       .what = "strings that realloc from 32 bytes to at most 512",
                                       .ops = 20000000,
                                       .prepare = prepare,
                                       .work = work_small,
                                       .finish = finish};
