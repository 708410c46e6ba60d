/*
 * pointer.h: the one check of a pointer from outside: what lies at an address.
 *
 *   address -> kind, class row, slab, block, header, state
 *
 * The slow paths of free, realloc, malloc_usable_size and sized free ask it once, and pass the answer on to the reports (misuse.h). The checks of lists
 * and the check at the end of the process do the same for a block whose header is wrong.
 */
#ifndef HAKMEM_POINTER_H
#define HAKMEM_POINTER_H

#include "platform/base.h"
#include "records.h"
#include "slabs/header.h"
#include "slabs/superslab.h"

enum pointer_kind {
  /* A block begins here. */
  POINTER_BLOCK,   /* of a size class: `state` says whether it is live */
  POINTER_LARGE,   /* a run of units, live */
  POINTER_HUGE,    /* a mapping of its own, live */
  POINTER_DEBUG,   /* of the debugging mode (debug.h): `state`, `known` */
  POINTER_GUARDED, /* in the region of guarded blocks (guard.h): `state`, `known`; `block` may begin elsewhere, or be NULL */
  /* No block begins here now. */
  POINTER_GONE,    /* but one did: its slab's tail, its slab or its mapping was released */
  POINTER_INSIDE,  /* in a block, behind its start */
  POINTER_REDZONE, /* the start of a block of the core, in which the debugging mode placed one of its own */
  POINTER_BETWEEN, /* in a slab, but in none of its blocks: before the first one, or behind the last one that was carved */
  POINTER_UNUSED,  /* in our memory, but in no slab */
  /* Not ours. */
  POINTER_STACK,
  POINTER_STATIC,  /* a loaded object's code or data */
  POINTER_FOREIGN, /* other mapped memory */
  POINTER_UNMAPPED,
  POINTER_UNKNOWN, /* the kernel does not tell what lies here */
};

struct guard_slot; /* guard.c */

struct pointer {
  const void *p;
  enum pointer_kind kind;
  enum block_state state;  /* of a block that begins here */
  uint8_t header;          /* the byte before `p`, if a slab of small blocks has one there; else 0 */
  uint32_t cls;            /* class row of the slab or the block, CLASS_NONE if there is none */
  struct slab *slab;       /* NULL if there is none */
  void *block;             /* the block that `p` points to or into, NULL if there is none */
  struct guard_slot *slot; /* of a guarded block, else NULL */
  struct record known;     /* the record of a guarded block or one of the debugging mode; else not filled */
};

/* What lies at `p`, which may be any bits. Takes locks, and may make system calls if no block begins there. */
struct pointer pointer_at(const void *p);

/* The same if the slab of `p` is known already. NULL means that `p` is in no slab; with any other slab, the call is wait-free. */
struct pointer pointer_in(struct slab *slab, const void *p);

/* Whether a heap that stands before the core (front.h) owns the pointer. */
static inline bool pointer_is_front(const struct pointer *at) { return at->kind == POINTER_DEBUG || at->kind == POINTER_GUARDED; }

/* Whether a live block begins there. */
static inline bool pointer_is_live(const struct pointer *at) { return at->kind <= POINTER_GUARDED && at->block == at->p && at->state == BLOCK_LIVE; }

/* Whether `block` may follow in a list of class `cls`: it is the list's end, or a block of this class. */
bool pointer_is_link(const struct block *block, uint32_t cls);

#endif
