/*
 * request.h: an allocation in the slow path: the request, and the block that serves it.
 */
#ifndef HAKMEM_REQUEST_H
#define HAKMEM_REQUEST_H

#include "platform/base.h"
#include "events.h"

enum request_kind {
  REQUEST_PLAIN,
  REQUEST_ZEROED, /* the block must read as zero */
  REQUEST_GROWN,  /* a shorter block moves into this one. It will probably grow again, so a large block gets room for that */
  REQUEST_SHRUNK, /* a longer large block moves into this one. It could as well stay where it is, so only units that are free already serve the request */
};

struct request {
  size_t size, align; /* bytes; a power of two */
  uint32_t cls;       /* a small block's class; else the class row that such a size usually gets */
  enum request_kind kind;
  enum call_kind call; /* the program's call, whose time is taken */
  uint64_t start;      /* the clock when it left the fast path */
};

/* The block that serves a request. Its heap has counted it. */
struct taken {
  void *block;    /* NULL: there is no memory */
  uint32_t cls;   /* the class row that it is counted in */
  bool zeroed;    /* it reads as zero */
  bool recorded;  /* its heap keeps a record of it */
  size_t sampled; /* if it is a sample of HAKMEM_PROFILE, the bytes that determined its chance; else 0 */
};

#endif
