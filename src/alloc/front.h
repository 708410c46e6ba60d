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

/* `p` is about to be freed by a family that is not malloc's. False, after a report, if it is a live block that another one made. */
bool front_given(void *p, enum block_family family);

/* Whether `p`, given to free, was of one of these heaps, or is reported. */
bool front_free(void *p);

/*
 * Whether `p`, given to what `state` says, is of one of these heaps, or is reported. *good: it is live, and *size the bytes asked for, else
 * 0.
 */
bool front_size(const void *p, enum misuse_state state, size_t *size, bool *good);

/* Whether `p` is for these heaps to know; reports it if it is live, but not of `told` bytes. */
bool front_check_size(const void *p, size_t told);

/* Checks what lies around all live blocks of these heaps, up to that time (os_now_ms). */
void front_audit(uint64_t until_ms);

#endif
