/*
 * front.h: the heaps that stand before the core: guarded blocks (modes/guard.h), and the debugging mode (modes/debug/debug.h). Guarded blocks are tried
 * first, for an allocation and for a pointer.
 *
 * front_start resolves the modes, and adjust_... change them. The slow paths ask MODE(front) once, and call the other functions only if it is
 * on. Not in the plain build.
 */
#ifndef HAKMEM_FRONT_H
#define HAKMEM_FRONT_H

#include "platform/base.h"
#include "checks/misuse.h"
#include "modes/modes.h"
#include "request.h"
#include "threads/tls_sll.h"

/* Resolves the modes and starts them. Called after the options are read, before the first block is allocated. */
void front_start(void);

/*
 * Change a mode while the program runs; one thread at a time calls them. It follows at once. The other threads follow when they next leave their slow
 * paths, so that nothing is asked on the fast ones. Blocks that were recorded or guarded before are still freed as such.
 *
 * Of `rate` allocated bytes, one is sampled; of `rate` allocations, one is guarded; 0: none. adjust_guard: false, and nothing changed, if there is no address
 * space for guarded blocks. `full`: every operation raises its events, which some modes need anyway.
 */
void adjust_profile(uint32_t rate);
bool adjust_guard(uint32_t rate);
void adjust_trace(bool full);

/* A guarded block, if one is due and there is a slot for it. For a small request, the counts of its class are published. */
struct taken front_take_guarded(struct sll_cache *cache, const struct request *request);

/* A block of the debugging mode. Called only if that mode is on. */
struct taken front_take_debug(struct sll_cache *cache, const struct request *request);

/*
 * The secure mode (modes/secure.h). front_take_secure: a block of a class. front_free_secure: frees the live block; a block that leaves the quarantine
 * for it returns to its list. front_empty_secure returns the whole quarantine, for when memory runs out; whether there was any.
 */
struct taken front_take_secure(struct sll_cache *cache, const struct request *request);
void front_free_secure(struct sll_cache *cache, const struct pointer *at, enum block_family given);
bool front_empty_secure(struct sll_cache *cache);

/* Sets the family of a block that was just allocated, if it belongs to one of these heaps. */
void front_mark(void *p, enum block_family family);

/* Whether `p` belongs to these heaps; if so, fills *at. */
bool front_find(const void *p, struct pointer *at);

/* Frees the block that front_find found, and uses *at for that; or reports what is wrong. `given`: the family of the function that frees it. */
void front_free(struct pointer *at, enum block_family given);

/* Reports writes around a live block that front_find found. */
void front_check(const struct pointer *at);

/* Checks the surroundings of all live blocks of these heaps. Stops at the time `until_ms` (os_now_ms). */
void front_audit(uint64_t until_ms);

#endif
