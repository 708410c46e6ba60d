/*
 * front.h: the heaps that stand before the core, asked by the slow doors: guarded blocks (guard.h), and the debugging mode's (debug.h). Guarded
 * ones come first: whether one is due, and whose a pointer is.
 */
#ifndef HAKMEM_FRONT_H
#define HAKMEM_FRONT_H

#include "platform/base.h"
#include "checks/misuse.h"
#include "threads/tls_sll.h"

/*
 * A guarded block in place of one of class row `cls`, whose counts were brought in; NULL where the allocation is not to be guarded or
 * cannot be.
 */
void *front_guarded(struct sll_cache *cache, uint32_t cls, size_t size, size_t align);

/* A block of the debugging mode, which is on; NULL and ENOMEM where there is no memory, or no such size. */
void *front_debug(size_t size, size_t align);

/* Marks a block, just made, as one of another family than malloc's, if it is of one of these heaps. */
void front_mark(void *p, enum block_family family);

/* `p` is about to be freed by a family that is not malloc's. False, after a report, where it is a live block of another one. */
bool front_given(void *p, enum block_family family);

/* Whether `p`, given to free, was of one of these heaps, or is reported. */
bool front_free(void *p);

/*
 * Whether `p`, given to what `state` says, is of one of these heaps, or is reported. *good: it is live, and *size the bytes asked for, else
 * 0.
 */
bool front_size(const void *p, enum misuse_state state, size_t *size, bool *good);

/* Whether `p` is for these heaps to know; reports it where it is live, but not of `told` bytes. */
bool front_check_size(const void *p, size_t told);

#endif
