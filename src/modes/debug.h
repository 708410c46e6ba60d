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

enum debug_answer {
  DEBUG_FOREIGN, /* nothing is known of the pointer */
  DEBUG_WRONG,   /* reported */
  DEBUG_GOOD
};

/* A pointer that was given to free: a good one goes to the quarantine. Blocks that leave it are given to `give_back`. */
enum debug_answer debug_free(void *p, void (*give_back)(void *inner));

/* The bytes asked for of the live block at `p`; `state`: what it was given to. */
enum debug_answer debug_size(const void *p, enum misuse_state state, size_t *size);

/* Reports `p` if it is a live block, but not of `told` bytes. */
void debug_check_size(const void *p, size_t told);

/* Gives every block that waits in the quarantine to `give_back`, after a look at it. Returns whether there were any. */
bool debug_empty_quarantine(void (*give_back)(void *inner));

/* Checks every redzone, and the filling of everything in the quarantine, up to that time (os_now_ms). */
void debug_audit(uint64_t until_ms);

/* Does so from time to time: every so many calls. */
void debug_audit_if_due(void);

extern const struct lock_row debug_locks;
void debug_fork_child(void);

#endif
