/*
 * request.h: an allocation on its way through the slow path: what was asked for, and what serves it.
 */
#ifndef HAKMEM_REQUEST_H
#define HAKMEM_REQUEST_H

#include "platform/base.h"

enum request_kind {
  REQUEST_PLAIN,
  REQUEST_ZEROED, /* the block must read as zero */
  REQUEST_GROWN,  /* a shorter block moves into this one; what grows once grows on, so a large block gets room for that */
};

struct request {
  size_t size, align; /* bytes; a power of two */
  uint32_t cls;       /* a small block's class; else the class row that such a size is expected in */
  enum request_kind kind;
};

/* What serves a request. Its heap has counted it. */
struct taken {
  void *block;    /* NULL: there is no memory */
  uint32_t cls;   /* the class row that it is counted in */
  bool zeroed;    /* it reads as zero */
  bool recorded;  /* its heap keeps a record of it */
  size_t sampled; /* it is a sample of HAKMEM_PROFILE, met with the chance of so many bytes; 0: it is none */
};

#endif
