/*
 * tls_lists.h: a thread's lists of free blocks, one per class, and the registry of all threads' lists. This is the lowest file of its floor: all others
 * change these structures.
 *
 *   the fast paths' half                       struct sll_state (the slow paths' half)
 *   head -> block -> block -> BLOCK_END        length: blocks in the list when it was armed
 *   budget.alloc, budget.free                  alloc_armed, free_armed: what the budgets were armed with
 *                                              spare, spare_count: a second list: a former list that was too long, or its cold half
 *
 *   pops since armed  = alloc_armed - budget.alloc
 *   pushes since armed = free_armed - budget.free
 *   blocks in the list = length - pops + pushes
 *
 * The budgets are at once the list's length, the exact operation counts, and the only trigger. The pop or push
 * that takes one below 0 enters the slow path. That publishes the counts, does what is due (drain,
 * sample, schedule) and arms the next budget. Budgets of 0 send every operation through the slow path.
 *
 * A thread without lists holds sll_empty, from which nothing can be popped and whose directory is blind. So the fast paths
 * never ask whether there are any. Only the owner writes to its lists, or a thread that has claimed them (tls_idle.h).
 *
 * The files of this floor, from the lowest:
 *   tls_lists    structures and registry             tls_budget    how long a list may be, and when something is due
 *   tls_drain    how blocks leave                    tls_idle      lists of threads that rest
 *   tls_threads  start and end of a thread, and of its slow path
 *   shared_fail  the event for a refusal             tls_sll       a single operation, and refills
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

/* Where a list's blocks come from. If its thread never refilled it, the list is kept short, because perhaps it will only be pushed to. */
enum sll_use {
  USE_GIVEN,     /* never refilled: it holds only blocks that other threads allocated, and no pop takes from it */
  USE_INHERITED, /* a thread that ended had refilled it; its present one has not */
  USE_TAKEN,     /* the thread has refilled it, because it ran out */
};

/* The slow paths' half of a list. */
struct sll_state {
  int32_t alloc_armed, free_armed;
  uint32_t length;
  uint32_t since_drain; /* pushes since the last drain */
  uint32_t since_given; /* operations since a drain last removed blocks because the list was too long */
  uint32_t since_decay; /* operations since the last decay of the class */
  uint32_t seen;        /* since_decay when a drain last looked for old lists here */
  uint32_t spare_count;
  uint32_t used_at;         /* cache->drained when such a drain last found the list used since the one before, or empty, or old */
  struct block *spare;      /* meaningless if spare_count is 0 */
  struct superslab *pinned; /* holds the head that was collected, so it stays mapped until the owner enters its slow path: tls_idle.c */
  uint16_t most;            /* the list is drained at this length; small at first, doubles if there are pushes and pops, or bursts of both */
  uint16_t horizon;         /* pushes until the length is checked, if more than there is room for; doubles if there are pushes and pops */
  uint16_t refill;          /* blocks that the next refill asks for; grows with each */
  uint8_t use : 2;          /* enum sll_use */
  uint8_t patience : 2;     /* how often in a row a refill replaced blocks that a decay had removed, up to PATIENCE_MAX */
  uint8_t waits : 2;        /* decays that leave the list alone before the next one that does not */
  bool decayed : 1;         /* a decay removed blocks, and no refill came since */
  bool drained : 1;         /* blocks were removed because the list was too long, since the last refill from the pool and the last decay */
  bool spare_idle : 1;      /* the spare list was not used since the last drain */
  bool moved : 1;           /* the list was empty, or too long, since the last decay */
};

struct sll_budget {
  int32_t alloc, free;
};

/*
 * One step. True if the budget is used up. On x86-64 it is a single instruction, which the kernel cannot interrupt in the middle. So if another thread
 * replaces the budget of a thread that is not on a processor, the new value stays.
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
  /* The fast paths' half. Budgets and heads have the same size, so that one address leads to both. */
  struct sll_budget budget[CLASS_COUNT];
  struct block *head[CLASS_COUNT];
  struct class_start start[UINT8_MAX + 1]; /* a copy of class_start, by the directory's code. All others are 0: there no block begins */
  uint8_t live[CLASS_COUNT];               /* header_live(cls) */
  const struct directory *directory;       /* the real one; or the blind one if the next free is to be sampled */
  struct link_key key;                     /* a copy of link_key */
  struct sll_state state[CLASS_COUNT];
  struct sll_cache *next, *prev; /* among the live lists; among the unused, `next` only */
  struct sll_cache *after;       /* among those that wait, or those that another thread claims */
  uint32_t round;                /* the last round of sll_collect_idle that visited these lists; changes under the lock */
  uint64_t ended_ms;             /* when its thread ended */
  uint32_t operations;           /* published since the last sample */
  uint32_t visits;               /* of the slow paths */
  uint64_t decay_ms;             /* when the current round of decays begins */
  uint32_t decayed;              /* classes that this round has visited */
  uint32_t drained;              /* KiB that drains handed over, ever */
  uint32_t looked_at;            /* `drained` when one last looked for old lists */
  uint32_t looked;               /* classes that the present search for them has visited, */
  size_t found, held;            /* bytes of the lists that it found, and that the last search found */
  uint32_t share_left;           /* shared bytes that lists of this thread gave up, for its other lists */
  uint32_t refills;
  uint32_t guard_gap[CLASS_LARGE + 1]; /* allocations of the class until one is guarded; the last one counts all larger blocks */
  uint32_t profile_gap[CLASS_COUNT];   /* allocations of the class until one is a sample of HAKMEM_PROFILE; 0 if that is off */
  uint64_t random;                     /* the state that the gaps are drawn from */
  uint32_t samples;                    /* look-ups and series of calls that were chosen to be timed */
  uint32_t sample_shift;               /* HAKMEM_STATS_SAMPLE times two to this power: see sll_sample_gap */
  uint32_t sample_weight;              /* of the one that was chosen last: how many times HAKMEM_STATS_SAMPLE operations it stands for */
  uint32_t calls_left;                 /* of a series of calls; while it is not 0, sll_self is sll_empty between two calls */
  uint32_t drawn;                      /* sll_settings when they were drawn */
  bool sample_next;                    /* the next look-up is timed */
  uint8_t series_at;                   /* the sample that is a series of calls, of those that are drawn together */
  bool owned;                          /* by a thread that has not ended; changes under the lock */
  uint16_t pace;                       /* the largest budget; small in a thread that seldom enters the slow path */
  uint32_t busy;                       /* operations of the slow path that are under way; atomic */
  uint32_t claim;                      /* enum sll_claim; atomic */
  uint64_t seen_ms;                    /* when the thread was last in its slow path; atomic */
  uint32_t period;                     /* of sll_note_active: the last one in which the thread was active */
  uint32_t tid;                        /* of the thread that began with these lists last; for readers alone */
};

/* Which thread may use the slow paths' half of the lists: see tls_idle.c. */
enum sll_claim {
  CLAIM_NONE,      /* the owner */
  CLAIM_HELD,      /* a thread that collects idle blocks */
  CLAIM_AWAITED,   /* the same, and the owner waits for it */
  CLAIM_COLLECTED, /* the owner, which must repair them first */
};

extern struct sll_cache sll_empty;
extern __thread struct sll_cache *sll_self __attribute__((tls_model("initial-exec")));

/* ---- The registry: tls_lists.c. ---- */

/* New lists for a thread, not yet filled in and not among the live ones. NULL if memory runs out. */
struct sll_cache *sll_new(void);

/* Adds new lists to the live ones, for one more running thread. */
void sll_add(struct sll_cache *cache);

/* Removes empty lists without a thread from the live ones. They must not be used afterwards. */
void sll_remove(struct sll_cache *cache);

/* Records the end of the lists' thread. If it returns true, the lists wait for the next thread: call sll_wait_for_thread. Else call sll_remove. */
bool sll_thread_ended(struct sll_cache *cache);
void sll_wait_for_thread(struct sll_cache *cache);

/* The lists of the thread that ended last, for a thread that begins. `owned`: it keeps them. NULL if no lists wait. */
struct sll_cache *sll_take_waiting(bool owned, uint64_t now);

/* Takes out lists that have waited since `before_ms` or longer; NULL if there are none. */
struct sll_cache *sll_take_ended(uint64_t before_ms);

/* sll_take_all_waiting takes out all waiting lists, linked by `after`; sll_put_all_waiting puts them back. */
struct sll_cache *sll_take_all_waiting(void);
void sll_put_all_waiting(struct sll_cache *first);

/*
 * Claims the lists of up to `most` other threads that have not entered their slow paths since `before_ms`. They are linked by `after`. Lists that were
 * claimed in this round already are left out.
 */
struct sll_cache *sll_claim_idle(uint64_t before_ms, uint32_t round, uint32_t most);

/* How many threads have lists. */
uint32_t sll_running(void);

/* Adds the pops and pushes on one list since it was armed, and returns its length. Changes nothing, so signal handlers may call it. */
uint64_t sll_look_at(const struct sll_cache *cache, uint32_t cls, uint64_t *allocs, uint64_t *frees);

#define BUDGET_CLAIMED (-(1 << 30)) /* replaces a budget while the lists are claimed, so that the owner's next operation enters the slow path */

/*
 * In a forked child: drops the lists of the other threads. `own` are the lists of the only thread, or NULL. Returns false, and changes nothing, if a
 * signal handler forked that interrupted this thread in the middle of a change.
 */
bool sll_keep_alone(struct sll_cache *own);
const struct sll_cache *sll_live(void); /* linked by `next` */

/* For tests: no lock is held, no other thread changes anything, and all threads are at rest. */
bool sll_is_valid(const struct sll_cache *cache);
bool sll_are_valid(void);

extern const struct lock_row sll_locks;

#endif
