#include "evidence.h"

#include <string.h>

#include "slabs/directory.h"
#include "memory/maps.h"

#define FILL_LEAST 8 /* this many equal bytes in a row are a fill */
#define TEXT_LEAST 4
#define PERIOD_MAX 24
#define PERIODS_LEAST 2 /* a period that repeats so often explains the header */

/* The header is byte[before - 1]. */
struct window {
  uint8_t byte[2 * EVIDENCE_SPAN];
  uint32_t before, end;
};

/* Copies the block's own bytes and its left neighbour's, no others. False if they cannot be read. */
static bool look(struct window *w, const struct pointer *at) {
  const struct slab *slab = at->slab;
  const char *block = at->block;
  const size_t room = (size_t)(block - slab->base) - slab->first; /* blocks before this one */
  const size_t left = room == 0 ? 1 : min_size(slab->stride, EVIDENCE_SPAN);
  w->before = (uint32_t)left;
  w->end = (uint32_t)(left + min_size(slab->stride - 1, EVIDENCE_SPAN));
  if (!maps_read(w->byte, block - left, w->end)) {
    w->before = w->end = 1;
  }
  w->byte[w->before - 1] = at->header; /* in memory, the header may have been put right already */
  return w->end > 1;
}

static bool is_text(uint8_t c) { return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\t' || c == '\r'; }

/* How many bytes up to the header repeat those `period` before them. */
static uint32_t repeats_before(const struct window *w, uint32_t period) {
  uint32_t n = 0;
  while (n + period < w->before && w->byte[w->before - 1 - n] == w->byte[w->before - 1 - n - period]) n++;
  return n;
}

/* How many bytes from the header on continue the period. */
static uint32_t repeats_over(const struct window *w, uint32_t period) {
  uint32_t at = w->before - 1;
  while (at < w->end && w->byte[at] == w->byte[at - period]) at++;
  return at - (w->before - 1);
}

static uint32_t text_before(const struct window *w) {
  uint32_t n = 0;
  while (n < w->before && is_text(w->byte[w->before - 1 - n])) n++;
  return n;
}

/* The rest of the text behind the header, and the NUL that ends it. */
static uint32_t text_over(const struct window *w) {
  uint32_t at = w->before;
  while (at < w->end && is_text(w->byte[at])) at++;
  if (at < w->end && w->byte[at] == '\0') at++;
  return at - (w->before - 1);
}

/* Whether the eight bytes before `end` are the address of mapped memory. */
static bool ends_a_pointer(const struct window *w, uint32_t end) {
  uint64_t value;
  struct maps_region region;
  if (end < sizeof(value) || end > w->end) return false;
  memcpy(&value, &w->byte[end - sizeof(value)], sizeof(value));
  if (value < UNIT_SIZE || value >> 47 != 0) return false;
  return directory_slab((const void *)value) != NULL || maps_find(value, &region) == MAPS_FOUND;
}

/* The verdict that the header's value alone suggests. */
static enum hdr_verdict by_value(uint8_t got, uint8_t expect) {
  if (got == 0x00) return HDR_OFF_BY_ONE_NUL;
  if ((got & 0xf0) == 0xa0 && got != expect) return HDR_MISROUTED;
  if (is_text(got)) return HDR_OVERRUN_TEXT;
  if (got == 0xff || got == 0xcc || got == 0xcd || got == 0xdd || got == 0xfe) return HDR_OVERRUN_FILL;
  return HDR_UNKNOWN;
}

struct evidence evidence_of(const struct pointer *at, uint8_t expect) {
  const uint8_t got = at->header;
  struct window w;
  const struct evidence guess = {.verdict = by_value(got, expect), .over = got == 0x00 ? 1 : 0};
  if (!look(&w, at)) return guess;
  if (ends_a_pointer(&w, w.before)) {
    uint32_t over = 1;
    while (ends_a_pointer(&w, w.before - 1 + over + (uint32_t)sizeof(void *))) over += (uint32_t)sizeof(void *);
    return (struct evidence){HDR_OVERRUN_POINTER, true, over};
  }
  /* Both blocks may simply hold zeros. Only zeros that reach into a free block's link are known to be a write. */
  if (got != 0x00 && repeats_before(&w, 1) + 1 >= FILL_LEAST) return (struct evidence){HDR_OVERRUN_FILL, true, repeats_over(&w, 1)};
  if (got == 0x00) {
    static const uint8_t zeros[sizeof(struct block)];
    const bool link_gone = expect == HEADER_FREE && memcmp(&w.byte[w.before], zeros, sizeof(zeros)) == 0;
    if (link_gone && repeats_before(&w, 1) + 1 >= FILL_LEAST) return (struct evidence){HDR_OVERRUN_FILL, true, repeats_over(&w, 1)};
    return (struct evidence){HDR_OFF_BY_ONE_NUL, w.before > 1 && is_text(w.byte[w.before - 2]), 1};
  }
  if (text_before(&w) > TEXT_LEAST) return (struct evidence){HDR_OVERRUN_TEXT, true, text_over(&w)};
  for (uint32_t period = 2; period <= PERIOD_MAX; period++) {
    if (repeats_before(&w, period) < (PERIODS_LEAST - 1) * period + 1 || repeats_before(&w, period) < FILL_LEAST) continue;
    return (struct evidence){HDR_OVERRUN_COPY, true, repeats_over(&w, period)};
  }
  return guess;
}
