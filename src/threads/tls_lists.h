/*
 * tls_lists.h: what the files of a thread's lists know of each other: tls_budget.c (how long a list may be, when something is due), tls_drain.c
 * (what goes out of it) and tls_sll.c (what comes in, and every single operation).
 */
#ifndef HAKMEM_TLS_LISTS_H
#define HAKMEM_TLS_LISTS_H

#include "tls_sll.h"

/*
 * By class: at how many blocks a list is drained at most, how many the first refill brings, how long a list may always be, and how long one begins that
 * the thread takes from (`begin`) or only gives to (`given`); what a block more than `least` takes of the shared bytes. A thread's start would divide
 * for each.
 */
extern struct sll_lengths { uint16_t most, first, least, begin, given; uint32_t share; } sll_lengths[CLASS_COUNT];

/* ---- tls_budget.c ---- */

#define PACE_MAX 4096u /* how many operations may be unpublished */

/* Sets the budgets so that the next operation with something to do comes through the slow path. */
void sll_arm(struct sll_cache *cache, uint32_t cls);

/* The same where the budget of allocations ran out: that of frees becomes no longer, or a list's length was never looked at where that is often. */
void sll_arm_allocs(struct sll_cache *cache, uint32_t cls);

/* Brings in every operation that the budgets counted. sll_publish is for where one of them may be below 0. */
void sll_count(struct sll_cache *cache, uint32_t cls);

/* The same for operations that somebody else counted. */
void sll_count_for(struct sll_cache *cache, uint32_t cls, uint32_t pops, uint32_t pushes);

/* The lists of the class were emptied, because nothing was done with them for long: they are as short as new ones, and so is the next refill. */
void sll_begin_again(struct sll_cache *cache, uint32_t cls);

/* The list is to be as short as a new one: shorter still where the thread `takes` nothing from it, but frees what others allocated, to whom it has to go back. */
void sll_begin_short(struct sll_cache *cache, uint32_t cls, bool takes);

/* A list that the thread only gives to ran full: it may be longer. */
void sll_grow_given(struct sll_cache *cache, uint32_t cls);

/* Gives back what the thread's lists gave up of the bytes that all lists share. */
void sll_give_share(struct sll_cache *cache);

/* Makes all lists of a thread as short as possible, and gives back their shares. */
void sll_give_all_shares(struct sll_cache *cache);

/* Bytes that lists took of what all of them share. In a forked child, only the lists from `cache` on have a share. */
size_t sll_shared(void);
void sll_share_alone(const struct sll_cache *cache);

/* The budget of frees ran out: the list grows where as many blocks came as went. To be called before they are counted. */
void sll_grow_at_push(struct sll_cache *cache, uint32_t cls);

/* The pool gave blocks: the list grows where it had just given as many away, and the next refill is larger. */
void sll_grow_at_refill(struct sll_cache *cache, uint32_t cls);

/* Some time went by, and the list is emptied: one that may be longer than it needs for blocks that come and go may be half as long. */
void sll_shrink(struct sll_cache *cache, uint32_t cls);

/* A drain gave blocks away that were too many, if any; from now on the length is looked at again after few pushes. */
void sll_note_drain(struct sll_state *state, bool given);

/* ---- tls_drain.c ---- */

/* Empties the list, or the spare list, and returns what was in it. */
struct chain sll_take_list(struct sll_cache *cache, uint32_t cls);
struct chain sll_take_spare(struct sll_cache *cache, uint32_t cls);
void sll_put_spare(struct sll_state *state, struct chain chain); /* where there is none */

/* Whether a list of the class can go on with `block`, wherever a link that was written to may lead. */
static inline bool sll_goes_on_with(uint32_t cls, const struct block *block) { return directory_begins(cls, block) && block_can_pop(block); }

/* Hands a chain on whole; what overflows goes back to its slabs. Returns the slabs touched. */
uint32_t sll_hand_over(uint32_t cls, struct chain chain);

/* What a push does when the list is too long, or the drain interval is over; arms the budgets. */
void sll_drain(struct sll_cache *cache, uint32_t cls, enum drain_reason reason);

/* ---- tls_threads.c ---- */

/*
 * Claims the lists of up to `most` threads, not the calling one, which were not in their slow paths since `before_ms`: linked by `after`. Not those that were
 * claimed in this round already.
 */
struct sll_cache *sll_claim_idle(uint64_t before_ms, uint32_t round, uint32_t most);

/* ---- tls_idle.c ---- */

#define BUDGET_CLAIMED (-(1 << 30)) /* stands in place of a budget while the lists are claimed: the owner's next operation enters the slow path */

void sll_idle_fork_child(void);

#endif
