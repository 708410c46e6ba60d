/*
 * damage.h: what a program wrote around or into a block of the debugging mode, and its report. debug.h draws the block.
 *
 * A block cannot leave the quarantine while its damage is reported: damage_release says when it may.
 */
#ifndef HAKMEM_DAMAGE_H
#define HAKMEM_DAMAGE_H

#include "platform/base.h"
#include "checks/records.h"
#include "modes/recent.h"

/* How many bytes of the redzone before the block are filled. A greater one is never touched: a great alignment costs address space, but no memory. */
size_t damage_redzone_before(const struct record *r);

/* Whether the block and what lies around it may be read: a forked child lacks pages that the program kept from it (MADV_DONTFORK). */
bool damage_can_look(const struct record *r);

/* Whether a redzone is damaged. */
bool damage_around(const struct record *r);

/* Whether `size` bytes from `offset` on of a freed and filled block are damaged. */
bool damage_inside(const struct record *r, size_t offset, size_t size);

/* For the thread that frees the block, or that took it out of the quarantine: reports the damage around it or inside, and repairs it. */
void damage_check_around(const struct record *r);
void damage_check_inside(const struct record *r);

/* For any thread: the same, of a block that seemed damaged, if it still is and no other thread reports it. No lock may be held. */
void damage_report(const void *block);

/* The block leaves the quarantine: clears `held` of its record. False if a thread is reporting its damage. */
bool damage_release(const void *block);

/*
 * Returns the pages inside of a block to the kernel, if it waits in the quarantine, undamaged, and its filling is 0. No lock may be held. Does nothing if a
 * report is under way.
 */
void damage_purge(const void *block);

/* In a forked child: the thread that reported does not exist there. */
void damage_fork_child(void);

#endif
