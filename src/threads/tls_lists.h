/*
 * tls_lists.h: a thread's lists of free blocks, one per class, and which threads have some. The lowest file of this floor: every other one changes these
 * structures.
 *
 *   the fast paths' half                       struct sll_state (the slow paths' half)
 *   head -> block -> block -> BLOCK_END        length: blocks in the list when it was armed
 *   budget.alloc, budget.free                  alloc_armed, free_armed: what the budgets were armed with
 *                                              spare, spare_count: a second list: what was too much, or the cold half of it
 *
 *   pops since armed  = alloc_armed - budget.alloc
 *   pushes since armed = free_armed - budget.free
 *   blocks in the list = length - pops + pushes
 *
 * The budgets are at once the list's length, the exact operation counts, and the only trigger: the pop or push
 * that takes one below 0 goes through the slow path, which publishes the counts, does what is due (drain,
 * sample, schedule) and arms the next. Budgets of 0 send every operation through the slow path.
 *
 * A thread without lists holds sll_empty, from which nothing can be popped and whose directory is blind, so the fast paths
 * never ask whether there are any. Only the owner writes to its lists; another thread does when it has claimed them (tls_idle.h).
 *
 * The files of this floor, from the lowest: tls_lists (structures, and which there are), tls_budget (how long a list may be, when something is due),
 * tls_drain (what leaves it), tls_idle (lists of threads that rest), tls_threads (a thread's start and end, entering and leaving its slow path), shared_fail,
 * tls_sll (a single operation, and what comes in), reclaim (when memory runs out).
 */
#ifndef HAKMEM_TLS_LISTS_H
#define HAKMEM_TLS_LISTS_H

#include "platform/base.h"
#include "platform/lock.h"
#include "events.h"
#include "slabs/directory.h"
#include "slabs/header.h"
#include "slabs/size_class.h"
#include "tls_counts.h"

/* Whether other threads can collect an idle thread's lists: they need budget_step to be one instruction. */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define SLL_CAN_COLLECT 1
#else
#define SLL_CAN_COLLECT 0
#endif

/* What a list holds, and what its thread does with it. A list that is not refilled by its thread is short: blocks may only come to it. */
enum sll_use {
  USE_GIVEN,     /* never refilled: it holds only what other threads had allocated, and no pop takes from it */
  USE_INHERITED, /* a thread that ended had refilled it; its present one has not */
  USE_TAKEN,     /* the thread has refilled it, because it ran out */
};

/* The slow paths' half of a list. */
struct sll_state {
  int32_t alloc_armed, free_armed;
  uint32_t length;
  uint32_t since_drain;  /* pushes since the last drain */
  uint32_t since_given;  /* operations since a drain last gave blocks away that were too many */
  uint32_t spare_count;
  struct block *spare;   /* meaningless where there is none */
  struct superslab *pinned; /* stays mapped until the owner enters its slow path, because the head lay there when the list was collected: see tls_idle.c */
  uint16_t most;         /* blocks at which the list is drained; begins small; doubles where blocks go both ways, or came and went by the many */
  uint16_t horizon;      /* pushes until the length is looked at, where these are more than there is room for; doubles where blocks go both ways */
  uint16_t refill;       /* blocks that the next refill asks for; grows with each */
  uint8_t use;           /* enum sll_use */
  bool drained : 1;      /* a drain gave blocks away that were too many since the last refill from the pool, and since the last sll_decay */
  bool spare_idle : 1;   /* the spare list was not used since the last drain */
  bool moved : 1;        /* the list was empty, or too long, since the last sll_decay */
};

struct sll_budget { int32_t alloc, free; };

/*
 * One step. True if the budget is used up. On x86-64 a single instruction, which the kernel cannot interrupt in the middle: what another thread put in
 * place of the budget of a thread that is off its processor stays.
 */
ALWAYS_INLINE bool budget_step(int32_t *budget) {
#if SLL_CAN_COLLECT
  bool below;
  __asm__ volatile("subl $1, %0" : "+m"(*budget), "=@ccs"(below) : : "memory");
  return below;
#else
  return --*budget < 0;
#endif
}

struct sll_cache {
  /* The fast paths' half. Budgets and heads are of one size, so that one address leads to both. */
  struct sll_budget budget[CLASS_COUNT];
  struct block *head[CLASS_COUNT];
  struct class_start start[CLASS_COUNT]; /* a copy of class_start: the same address leads to it */
  uint8_t live[CLASS_COUNT];         /* header_live(cls) */
  const struct directory *directory; /* the real one, or the blind one: the next free is to be sampled */
  struct sll_state state[CLASS_COUNT];
  struct sll_cache *next, *prev;     /* among the live ones; `next` alone among the unused */
  struct sll_cache *after;           /* among those whose thread ended, or which another thread claims */
  uint32_t round;                    /* of sll_collect_idle that looked at these last; changes under the lock */
  uint64_t ended_ms;                 /* when its thread ended */
  uint32_t operations;               /* published since the last sample */
  uint32_t visits;                   /* of the slow paths */
  uint64_t decay_ms;                 /* when sll_decay is due */
  uint32_t share_left;               /* of what all lists share: bytes that lists of this thread gave up, for others of its lists */
  uint32_t refills;
  uint32_t guard_gap[CLASS_LARGE + 1]; /* allocations of the class until one is guarded; with the last, all that are larger */
  uint32_t profile_gap[CLASS_COUNT]; /* allocations of the class until one is a sample of HAKMEM_PROFILE; 0 where that is off */
  uint64_t random;                   /* what the gaps are drawn from */
  bool sample_next;                  /* the next look-up is timed */
  bool owned;                        /* a thread has it, and has not ended; changes under the lock */
  uint16_t pace;                     /* no budget is armed with more: small in a thread that seldom enters the slow path */
  uint32_t busy;                     /* operations of the slow path that are under way; atomic */
  uint32_t claim;                    /* enum sll_claim; atomic */
  uint64_t seen_ms;                  /* when the thread was last in its slow path; atomic */
};

/* Who may use the slow paths' half of a thread's lists: see tls_idle.c. */
enum sll_claim {
  CLAIM_NONE,      /* the owner */
  CLAIM_HELD,      /* a thread that collects what lies idle in them */
  CLAIM_AWAITED,   /* the same, and the owner waits for it */
  CLAIM_COLLECTED, /* the owner, which has to put them right first */
};

extern struct sll_cache sll_empty;
extern __thread struct sll_cache *sll_self __attribute__((tls_model("initial-exec")));

/* ---- Which lists there are: tls_lists.c. ---- */

/* New lists for a thread, as sll_empty, not among the live ones; NULL where the system has no memory. */
struct sll_cache *sll_new(void);

/* Makes new lists live ones, of one more running thread. */
void sll_add(struct sll_cache *cache);

/* Takes lists that are empty, and without a thread, out of the live ones; they must not be used any more. */
void sll_remove(struct sll_cache *cache);

/* Books the end of the lists' thread. Returns whether they are to wait for the next one: sll_wait_for_thread follows then, else sll_remove. */
bool sll_thread_ended(struct sll_cache *cache);
void sll_wait_for_thread(struct sll_cache *cache);

/* The lists of the thread that ended last, for one that begins and, if `owned`, keeps them; NULL where none wait. */
struct sll_cache *sll_take_waiting(bool owned, uint64_t now);

/* Takes out lists that wait since `before_ms` or longer; NULL where there are none. */
struct sll_cache *sll_take_ended(uint64_t before_ms);

/* Takes out all lists that wait, linked by `after`; puts them back. */
struct sll_cache *sll_take_all_waiting(void);
void sll_put_all_waiting(struct sll_cache *first);

/*
 * Claims the lists of up to `most` threads, not the calling one, which were not in their slow paths since `before_ms`: linked by `after`. Not those that were
 * claimed in this round already.
 */
struct sll_cache *sll_claim_idle(uint64_t before_ms, uint32_t round, uint32_t most);

/* Threads that have lists. */
uint32_t sll_running(void);

/* Adds what was popped from one thread's list and pushed since it was armed, and returns its length. Changes nothing: for signal handlers, too. */
uint64_t sll_look_at(const struct sll_cache *cache, uint32_t cls, uint64_t *allocs, uint64_t *frees);

#define BUDGET_CLAIMED (-(1 << 30)) /* stands in place of a budget while the lists are claimed: the owner's next operation enters the slow path */

/*
 * In a forked child, of which `own` are the only thread's lists, or NULL: the other threads' are forgotten. Returns false, and all stay, if a handler
 * forked that interrupted this thread in the middle of a change.
 */
bool sll_keep_alone(struct sll_cache *own);
const struct sll_cache *sll_live(void); /* linked by `next` */

/* For tests: no lock is held, and no other thread changes anything; all are at rest. */
bool sll_is_valid(const struct sll_cache *cache);
bool sll_are_valid(void);

extern const struct lock_row sll_locks;

#endif
