/*
 * tls_budget.h: how long a list may be, and when its thread has something to do.
 */
#ifndef HAKMEM_TLS_BUDGET_H
#define HAKMEM_TLS_BUDGET_H

#include "platform/base.h"
#include "tls_lists.h"

/*
 * By class: at how many blocks a list is drained at most, how many the first refill brings, how long a list may always be, and how long one begins that
 * the thread takes from (`begin`) or only gives to (`given`); what a block more than `least` takes of the shared bytes. A thread's start would divide
 * for each.
 */
extern struct sll_lengths { uint16_t most, first, least, begin, given; uint32_t share; } sll_lengths[CLASS_COUNT];

/* Once, before the first lists are made. */
void sll_prepare(void);

/* Makes the lists of a thread: all empty, with budgets of 0. */
void sll_init(struct sll_cache *cache);

/* ---- Budgets. ---- */

#define PACE_MAX 4096u /* how many operations may be unpublished */

/* Sets the budgets so that the next operation with something to do enters the slow path. */
void sll_arm(struct sll_cache *cache, uint32_t cls);

/* The same when the budget of allocations ran out: that of frees becomes no longer, or a list's length would never be looked at if that happens often. */
void sll_arm_allocs(struct sll_cache *cache, uint32_t cls);

/* Brings in every operation that the budgets counted. sll_publish is for when one of them may be below 0. */
void sll_count(struct sll_cache *cache, uint32_t cls);

/* The same for operations that the caller counted. */
void sll_count_for(struct sll_cache *cache, uint32_t cls, uint32_t pops, uint32_t pushes);

/* Brings the counts in, without an operation that took a budget below 0 and is still under way. */
void sll_publish(struct sll_cache *cache, uint32_t cls);

/* Brings the counts in, and sets the budgets to when something is due next. */
void sll_rearm(struct sll_cache *cache, uint32_t cls);

/* Makes sll_goes_slow true or false; threads follow when their budgets run out. */
void sll_go_slow(bool slow);

/*
 * Whether the allocation of class row `cls` that is under way is to be guarded, its class's counts published; then draws the next one, and the
 * list must be armed.
 */
bool sll_take_guard(struct sll_cache *cache, uint32_t cls);

/*
 * Whether the allocation of `size` bytes and class row `cls` that is under way, its class's counts published, is a sample of HAKMEM_PROFILE; then
 * draws the next one. Returns the bytes that its chance came from, 0 if it is none.
 */
size_t sll_take_profile(struct sll_cache *cache, uint32_t cls, size_t size);

/* ---- Lengths. ---- */

/* The list is to be as short as a new one of its use (enum sll_use): shortest if its thread takes nothing from it, but frees what others allocated, to whom it must return. */
void sll_begin_short(struct sll_cache *cache, uint32_t cls);

/* The lists of the class were emptied, because nothing was done with them for long: they are as short as new ones, and so is the next refill. */
void sll_begin_again(struct sll_cache *cache, uint32_t cls);

/* A list that the thread only gives to ran full: it may be longer. */
void sll_grow_given(struct sll_cache *cache, uint32_t cls);

/* The budget of frees ran out: the list grows if as many blocks came as went. To be called before they are counted. */
void sll_grow_at_push(struct sll_cache *cache, uint32_t cls);

/* The pool gave blocks: the list grows if it had just given as many away, and the next refill is larger. */
void sll_grow_at_refill(struct sll_cache *cache, uint32_t cls);

/* Some time went by, and the list is emptied: one that may be longer than it needs for blocks that come and go may be half as long. */
void sll_shrink(struct sll_cache *cache, uint32_t cls);

/* A drain gave blocks away that were too many, if any; from now on the length is looked at again after few pushes. */
void sll_note_drain(struct sll_state *state, bool given);

/* ---- What all lists share. ---- */

/* Gives back what the thread's lists gave up of the bytes that all lists share. */
void sll_give_share(struct sll_cache *cache);

/* Makes all lists of a thread as short as possible, and gives back their shares. */
void sll_give_all_shares(struct sll_cache *cache);

/* Bytes that lists took of what all of them share. In a forked child, only the live lists have a share. */
size_t sll_shared(void);
void sll_share_alone(void);

#endif
