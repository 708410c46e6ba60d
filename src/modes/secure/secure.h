/*
 * secure.h: the secure mode (HAKMEM_SECURE=1): small blocks of the core with a border, zeroed when they are freed, and a quarantine.
 *
 *   block of the core, of its class's stride:
 *     | `requested` bytes | filler, up to 64 bytes checked | border, 7 bytes | header of the right neighbour |
 *
 * The border holds `requested`, the block's family, and a code of both that depends on the address and a secret of the process. A wrong border is reported
 * when the block is freed, resized or measured, and at the next allocation of the thread that allocated it.
 *
 * A freed block is zeroed, up to SECURE_ZERO bytes, and takes a random place in its class's quarantine. The block that was there returns to the lists. When
 * a block leaves the quarantine and is handed out, it must still be zero: if not, it was written to after its free. Large blocks and those of size 0 lie against guard pages
 * (guard.h), as long as there are slots.
 *
 * Every operation takes the slow path. Not in the plain build.
 */
#ifndef HAKMEM_SECURE_H
#define HAKMEM_SECURE_H

#include "platform/base.h"
#include "checks/pointer.h"
#include "events.h"
#include "modes/modes.h"

#define SECURE_ZERO ((size_t)4096)

/* In a forked child, before anything else. */
void secure_fork_child(void);

/* Draws the secret. Called if the mode is on. `late`: blocks without borders may have been allocated before. */
void secure_start(bool late);

/* Whether a block of `size` bytes should lie against a guard page instead. */
bool secure_wants_guard(size_t size);

/* Makes `block`, of class `cls` and just taken from its list, a block of `size` bytes, all zero up to SECURE_ZERO. */
void secure_take(void *block, uint32_t cls, size_t size);

/* Bytes that the program asked for. Called for a live block of a class. */
size_t secure_requested(const struct pointer *at);

/* Reports a write into the border or the filler of the live block, and repairs it. */
void secure_check(const struct pointer *at);

/* The live block has `size` bytes from now on, which its class can hold with a border. */
void secure_resize(const struct pointer *at, size_t size);

/* Sets the family of the live block at `p`. */
void secure_set_family(void *p, enum block_family family);

/*
 * Frees a live block of the slab. It is checked, zeroed, and enters the quarantine. Returns a block of the same class that leaves the quarantine; or NULL. The
 * header of that one says free.
 */
void *secure_free(const struct slab *slab, void *block, uint32_t cls, enum block_family given);

/* Looks at the blocks that the calling thread allocated and freed last. No lock may be held. */
void secure_look(void);

/* Empties the quarantine of a class: the next block that leaves it, NULL if there is none. */
void *secure_next(uint32_t cls);

#endif
