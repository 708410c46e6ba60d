/*
 * debug.h: the debugging mode (HAKMEM_DEBUG=1), a heap in front of the core.
 *
 *   inner block of the core:   | redzone, filled | block, `requested` bytes | redzone, filled | rest |
 *
 * A record (records.h) is kept of every block, out of reach of what it does wrong. Both redzones are checked when the block is freed, resized or
 * measured, from time to time, and at the end. A freed block is filled and waits in the quarantine, where a second free finds it; its filling is
 * checked when it leaves. Blocks of size 0 and large ones lie against guard pages instead (guard.h), as long as there are slots.
 *
 * Every operation takes the slow path. Not in the plain build.
 */
#ifndef HAKMEM_DEBUG_H
#define HAKMEM_DEBUG_H

#include "platform/base.h"
#include "platform/lock.h"
#include "checks/misuse.h"
#include "checks/records.h"
#include "checker_hooks.h"

/* The mode is on: maps the quarantine's table, once. */
void debug_start(void);

/* Whether a block of this size had better lie against a guard page. */
bool debug_wants_guard(size_t size);

/* Bytes that the core is to give for a block, 0 if there is no such number; and at which alignment. */
size_t debug_inner_size(size_t size, size_t align);
size_t debug_inner_align(size_t align);

/* Makes a block of `size` bytes, at a multiple of `align`, in such a block of the core; filled. NULL if there is no memory for its record. */
void *debug_take(void *inner, size_t size, size_t align);

/* Whether a block of this mode begins at `p`, live or freed; fills *at if so. */
bool debug_find(const void *p, struct pointer *at);

/*
 * Frees a live block, and uses up *at: it goes to the quarantine, and blocks that leave that are given to `give_back`. `given`: the family of the function that it was
 * given to. False, after a report, if another thread was quicker.
 */
bool debug_free(struct pointer *at, enum block_family given, void (*give_back)(void *inner));

/* Reports what was written into the redzones of a live block. */
void debug_check(const struct pointer *at);

/* Gives every block that waits in the quarantine to `give_back`, after a look at it. Returns whether there were any. */
bool debug_empty_quarantine(void (*give_back)(void *inner));

/* Checks every redzone, and the filling of everything in the quarantine, up to that time (os_now_ms). */
void debug_audit(uint64_t until_ms);

/* Does so from time to time: every so many calls. */
void debug_audit_if_due(void);

extern const struct lock_row debug_locks;
void debug_fork_child(void);

#endif
