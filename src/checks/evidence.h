/*
 * evidence.h: works out from the bytes on both sides of a wrong header which kind of write overwrote it.
 *
 *        left neighbour, up to EVIDENCE_SPAN bytes      block, up to EVIDENCE_SPAN bytes
 *     | ....................................... | got | .............................. |
 *
 * A write that came from the left and continued past the header left a pattern on both sides of it: text, one byte repeated, a period of several
 * bytes, or a pointer whose last byte is the header.
 */
#ifndef HAKMEM_EVIDENCE_H
#define HAKMEM_EVIDENCE_H

#include "platform/base.h"
#include "events.h"
#include "pointer.h"

#define EVIDENCE_SPAN 64

struct evidence {
  enum hdr_verdict verdict; /* HDR_UNKNOWN if nothing explains the byte */
  bool certain;             /* the left neighbour's bytes show it, not the header's value alone */
  uint32_t over;            /* bytes past the left neighbour's end, the header included; 0: not known */
};

/* Explains the header of `at`, a block of a class, which should be `expect`. Reads nothing outside of the slab. */
struct evidence evidence_of(const struct pointer *at, uint8_t expect);

#endif
