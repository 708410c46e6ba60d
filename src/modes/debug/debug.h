/*
 * debug.h: the debugging mode (HAKMEM_DEBUG=1), a heap in front of the core.
 *
 *   inner block of the core:   | redzone, filled | block, `requested` bytes | redzone, filled | rest |
 *
 * Every block has a record (records.h), which lies away from the block, so that an overrun does not reach it. Both redzones are checked when the block is
 * freed, resized or measured, by the patrol (patrol.h), and at the end. A freed block is filled and waits in the quarantine, where a second free finds
 * it. Its filling is checked by the patrol, and once more when the block leaves. Blocks of size 0 and large blocks lie against guard pages instead
 * (guard.h), as long as there are slots.
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

/* Maps the quarantine's table, once. Called if the mode is on. */
void debug_start(void);

/* Whether a block of `size` bytes should lie against a guard page instead. */
bool debug_wants_guard(size_t size);

/* The bytes to ask of the core for a block, 0 if they overflow; and at which alignment. */
size_t debug_inner_size(size_t size, size_t align);
size_t debug_inner_align(size_t align);

/* Makes a filled block of `size` bytes, at a multiple of `align`, inside `inner`. NULL if there is no memory for its record. */
void *debug_take(void *inner, size_t size, size_t align);

/* Whether a block of this mode begins at `p`, live or freed; if so, fills *at. */
bool debug_find(const void *p, struct pointer *at);

/*
 * Frees a live block, and uses *at for that. The block enters the quarantine; blocks that leave it are passed to `give_back`. `given` is the family of
 * the function that frees it. False, after a report, if another thread freed it first.
 */
bool debug_free(struct pointer *at, enum block_family given, void (*give_back)(void *inner));

/* Reports writes into the redzones of a live block. */
void debug_check(const struct pointer *at);

/* Empties the quarantine: checks every block and passes it to `give_back`. Returns whether there were any. */
bool debug_empty_quarantine(void (*give_back)(void *inner));

/* Before a fork, with no lock held and outside of an operation: returns memory of the quarantine to the kernel, so that the fork copies less. */
void debug_fork_prepare(void);

extern const struct lock_row debug_locks;
void debug_fork_child(void);

#endif
