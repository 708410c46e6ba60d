/*
 * Arrays that grow: each thread appends to sixteen of them in turn, by half of the length or by a small step, up to a random length, then starts
 * over. The new part is written completely; the old part is checked at both ends and in its middle.
 */
#include <string.h>

#include "workload.h"

#define ARRAYS 16
#define FIRST 24
#define STEP 64
#define LOW_BITS 7   /* lengths from 128 bytes */
#define HIGH_BITS 21 /* to 2 MiB */

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

static void start_over(struct worker *w, struct array *a) {
  free(a->data);
  const uint64_t x = draw(w);
  *a = (struct array){.most = draw_doubling(x, LOW_BITS, HIGH_BITS), .by_half = (x & 3) != 0};
  if (!a->by_half && a->most > 256 * STEP) a->most = 256 * STEP;
}

static void grow(struct array *a, char content) {
  const size_t length = a->length == 0 ? FIRST : a->length + (a->by_half ? a->length / 2 : STEP);
  char *const data = realloc(a->data, length);
  if (data == NULL) bench_fail("no memory for an array of %zu bytes", length);
  a->data = data;
  check(a, content);
  memset(data + a->length, content, length - a->length);
  a->length = length;
}

static void work(struct worker *w) {
  struct array *const arrays = w->own;
  do {
    const uint64_t i = below((uint32_t)draw(w), ARRAYS);
    struct array *const a = &arrays[i];
    if (a->length >= a->most) start_over(w, a);
    grow(a, (char)(i + w->index * ARRAYS + 1));
  } while (goes_on(w, 1));
}

static void finish(struct worker *w) {
  struct array *const arrays = w->own;
  for (unsigned i = 0; i < ARRAYS; i++) {
    check(&arrays[i], (char)(i + w->index * ARRAYS + 1));
    free(arrays[i].data);
  }
}

const struct workload realloc_growth = {
  "realloc_growth", "arrays that realloc from 24 bytes to between 128 bytes and 2 MiB", 4000000, NULL, prepare, work, finish};
