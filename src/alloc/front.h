/*
 * front.h: the heaps that stand before the core: guarded blocks (modes/guard.h), and the debugging mode's (modes/debug.h). Guarded ones come
 * first: whether one is due, and whose a pointer is.
 *
 * front_start resolves the modes. The slow paths ask MODE(front) once, and call the others only if it is on. Not in the plain build.
 */
#ifndef HAKMEM_FRONT_H
#define HAKMEM_FRONT_H

#include "platform/base.h"
#include "checks/misuse.h"
#include "modes/modes.h"
#include "request.h"
#include "threads/tls_sll.h"

/* Once the options are read, before the first block is made. */
void front_start(void);

/* A guarded block, if one is due and can be had. The counts of a small request's class were brought in. */
struct taken front_take_guarded(struct sll_cache *cache, const struct request *request);

/* A block of the debugging mode, which is on. */
struct taken front_take_debug(struct sll_cache *cache, const struct request *request);

/* Marks a block, just made, as made by `family`, if it is of one of these heaps. */
void front_mark(void *p, enum block_family family);

/* Whether `p` is for these heaps to know; fills *at if so. */
bool front_find(const void *p, struct pointer *at);

/* Frees what front_find found, and uses up *at; given back by `given`; or reports what is wrong with it. */
void front_free(struct pointer *at, enum block_family given);

/* Reports what was written around a live block that front_find found. */
void front_check(const struct pointer *at);

/* Checks what lies around all live blocks of these heaps, up to that time (os_now_ms). */
void front_audit(uint64_t until_ms);

#endif
