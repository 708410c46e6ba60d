/*
 * tls_budget.h: how long a list may be, and when its thread must enter the slow path.
 */
#ifndef HAKMEM_TLS_BUDGET_H
#define HAKMEM_TLS_BUDGET_H

#include "platform/base.h"
#include "platform/config.h"
#include "tls_lists.h"

/*
 * In blocks, by class. `most`: a list is drained at this length at the latest. `first`: the size of the first refill. `least`: a list may always be this
 * long. `begin`: the first limit of a list that its thread pops from; `given`: the last one of a list that its thread only pushes to. `horizon`: the most
 * pushes until a list's length is checked. `share`: the shared bytes for each block above `least`.
 * A table, because the start of a thread would divide for each class.
 */
extern struct sll_lengths {
  uint16_t most, first, least, begin, given, horizon;
  uint32_t share;
} sll_lengths[CLASS_COUNT];

/* Fills the table. Once, before the first lists are made. */
void sll_prepare(void);

/* Makes the lists of a thread: all empty, with budgets of 0. */
void sll_init(struct sll_cache *cache);

/* ---- Budgets. ---- */

#define PACE_MAX 4096u /* the most operations that may be unpublished */

/* Sets the budgets so that the next operation for which something is due enters the slow path. */
void sll_arm(struct sll_cache *cache, uint32_t cls);

/* The same after the budget of allocations ran out. The budget of frees does not grow, so that the check of the length is not postponed for ever. */
void sll_arm_allocs(struct sll_cache *cache, uint32_t cls);

/* Adds the operations that the budgets counted. If a budget may be below 0, call sll_publish instead. */
void sll_count(struct sll_cache *cache, uint32_t cls);

/* The same for operations that the caller counted. */
void sll_count_for(struct sll_cache *cache, uint32_t cls, uint32_t pops, uint32_t pushes);

/* The same, without an operation that took a budget below 0 and is still in progress. */
void sll_publish(struct sll_cache *cache, uint32_t cls);

/* Adds the counts, and sets the budgets for the next thing that is due. */
void sll_rearm(struct sll_cache *cache, uint32_t cls);

/* Operations from one sample to the next. */
static inline uint32_t sll_sample_gap(const struct sll_cache *cache) { return config.sample << cache->sample_shift; }

/* Makes sll_goes_slow true or false. A thread follows when its budgets run out. */
void sll_go_slow(bool slow);

/* After a mode changed while the program runs: each thread arms its budgets and draws its gaps again when it next leaves its slow path (sll_follow). */
void sll_settings_changed(void);
bool sll_is_behind(const struct sll_cache *cache);
void sll_follow(struct sll_cache *cache);

/*
 * Whether to guard the allocation of class row `cls` that is in progress. Its class's counts are published. If true, the next one is drawn, and the
 * caller must arm the list.
 */
bool sll_take_guard(struct sll_cache *cache, uint32_t cls);

/*
 * Whether the allocation of `size` bytes and class row `cls` that is in progress is a sample of HAKMEM_PROFILE. Its class's counts are published. If so,
 * draws the next one, and returns the bytes that determined its chance; else returns 0.
 */
size_t sll_take_profile(struct sll_cache *cache, uint32_t cls, size_t size);

/* ---- Lengths. ---- */

/* Makes the list as short as a new one of its use (enum sll_use). It is shortest if the thread only frees other threads' blocks, which must return to them. */
void sll_begin_short(struct sll_cache *cache, uint32_t cls);

/* Called after the lists of the class were emptied because they were idle: they and their next refill begin again as new ones. */
void sll_begin_again(struct sll_cache *cache, uint32_t cls);

/* Called when a list that the thread only pushes to is full: it may become longer. */
void sll_grow_given(struct sll_cache *cache, uint32_t cls);

/* Called when the budget of frees has run out, before the operations are counted: the list grows if there were as many pops as pushes. */
void sll_grow_at_push(struct sll_cache *cache, uint32_t cls);

/* The most blocks in a list or a refill, as a part of those that the class has in use: idle blocks must stay few beside used ones. */
uint64_t sll_part_of_used(uint32_t cls);

/* Called after a refill from the pool: the next refill is larger. The list grows if it had been drained shortly before. */
void sll_grow_at_refill(struct sll_cache *cache, uint32_t cls);

/* Called by a decay: a list that may be longer than its pops and pushes need is halved. */
void sll_shrink(struct sll_cache *cache, uint32_t cls);

/* Called after a drain because of the length; `given`: it removed blocks. From now on, the length is checked after few pushes. */
void sll_note_drain(struct sll_state *state, bool given);

/* ---- The bytes that all lists share. ---- */

/*
 * Called when a round of decays has visited all lists of the thread; `now`: os_now_ms. The thread is active in this period of a HAKMEM_RELEASE_DELAY and in
 * the next one. While many threads are active, their lists may hold more together.
 */
void sll_note_active(struct sll_cache *cache, uint64_t now);

/* Returns the shared bytes that the thread's lists gave up. */
void sll_give_share(struct sll_cache *cache);

/* Makes all lists of a thread as short as possible, and returns their shares. */
void sll_give_all_shares(struct sll_cache *cache);

/* The shared bytes that lists hold now. sll_share_alone is for a forked child, in which only the live lists have a share. */
size_t sll_shared(void);
void sll_share_alone(void);
/* For tests: whether their sum is right. No other thread changes anything. */
bool sll_shares_are_valid(void);

#endif
