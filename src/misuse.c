#include "misuse.h"

#include <errno.h>
#include <stdlib.h>

#include "config.h"
#include "header.h"
#include "message.h"

static uint64_t resets; /* atomic */

static enum hdr_verdict verdict_of(uint8_t got, uint8_t expect, enum misuse_state state) {
  if (got == HEADER_FREE && state == MISUSE_LIVE) return HDR_DOUBLE_FREE;
  if (state == MISUSE_OVERWRITTEN) return HDR_WRITE_AFTER_FREE;
  if (got == 0x00) return HDR_OFF_BY_ONE_NUL;
  if ((got & 0xf0) == (expect & 0xf0)) return HDR_MISROUTED;
  if ((got >= 0x20 && got < 0x7f) || got == '\n' || got == '\t') return HDR_OVERRUN_TEXT;
  if (got == 0xff || got == 0xcc || got == 0xcd || got == 0xdd || got == 0xfe) return HDR_OVERRUN_FILL;
  return HDR_UNKNOWN;
}

static void report(uint32_t cls, const void *block, uint8_t got, uint8_t expect, enum hdr_verdict verdict, const void *left) {
  const int saved = errno;
  const uint64_t count = __atomic_fetch_add(&resets, 1, __ATOMIC_RELAXED);
  EVENT(hdr_reset, .cls = cls, .base = block, .got = got, .expect = expect, .count = count, .verdict = verdict,
        .left = left, .stack = hub_stack());
  (void)count;
  if (config.on_error == ON_ERROR_ABORT) {
    message_say("stopped because of HAKMEM_ON_ERROR=abort");
    abort();
  }
  errno = saved;
}

void misuse_header(const struct slab *slab, const void *block, uint8_t got, enum misuse_state state) {
  const uint8_t expect = state == MISUSE_LIVE ? header_live(slab->cls) : HEADER_FREE;
  const char *left = (const char *)block - slab->stride;
  const bool has_left = left >= slab->base + slab->first;
  report(slab->cls, block, got, expect, verdict_of(got, expect, state), has_left ? left : NULL);
}

void misuse_link(uint32_t cls, const void *p, uint8_t got) {
  report(cls, p, got, HEADER_FREE, HDR_WRITE_AFTER_FREE, NULL);
}

void misuse_pointer(const struct slab *slab, const void *p) {
  const bool small = slab != NULL && slab->cls < CLASS_COUNT;
  const bool readable = small && (const char *)p > slab->base; /* the byte before anything else may not be there */
  report(slab != NULL ? slab->cls : CLASS_NONE, p, readable ? ((const uint8_t *)p)[-1] : 0, small ? header_live(slab->cls) : 0,
         HDR_INVALID_POINTER, NULL);
}
