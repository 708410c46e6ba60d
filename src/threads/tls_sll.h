/*
 * tls_sll.h: a thread's lists of free blocks, one per class.
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
 * never ask whether there are any. Only the owner writes to its lists.
 */
#ifndef HAKMEM_TLS_SLL_H
#define HAKMEM_TLS_SLL_H

#include "platform/base.h"
#include "slabs/directory.h"
#include "events.h"
#include "slabs/header.h"
#include "platform/lock.h"
#include "slabs/size_class.h"

/* Whether other threads can collect an idle thread's lists: they need budget_step to be one instruction. */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define SLL_CAN_COLLECT 1
#else
#define SLL_CAN_COLLECT 0
#endif

/* The slow paths' half of a list. */
struct sll_state {
  int32_t alloc_armed, free_armed;
  uint32_t length;
  uint32_t since_drain;  /* pushes since the last drain */
  uint32_t since_given;  /* operations since a drain last gave blocks away that were too many */
  uint32_t spare_count;
  struct block *spare;   /* meaningless where there is none */
  struct superslab *pinned; /* stays mapped until the owner comes, because its head lay there when the list was collected: see tls_idle.c */
  uint16_t most;         /* blocks at which the list is drained; begins small; doubles where blocks go both ways, or came and went by the many */
  uint16_t horizon;      /* pushes until the length is looked at, where these are more than there is room for; doubles where blocks go both ways */
  uint16_t refill;       /* blocks that the next refill asks for; grows with each */
  bool drained : 1;      /* a drain gave blocks away that were too many since the last refill from the pool, and since the last sll_decay */
  bool spare_idle : 1;   /* the spare list was not used since the last drain */
  bool refilled : 1;     /* at least once, by this thread or one that ended; before, the list holds only what other threads had allocated */
  bool takes : 1;        /* the list ran out since the thread has it; before, it is short, because blocks may only come to it */
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
  uint32_t round;                    /* of sll_collect_idle that looked at these last; changes under the lock of tls_threads.c */
  uint64_t ended_ms;                 /* when it did */
  uint32_t operations;               /* published since the last sample */
  uint32_t visits;                   /* of the slow paths */
  uint64_t decay_ms;                 /* when sll_decay is due */
  uint32_t share_left;               /* of what all lists share: bytes that lists of this thread gave up, for others of its lists */
  uint32_t refills;
  uint32_t guard_gap[CLASS_LARGE + 1]; /* allocations of the class until one is guarded; with the last, all that are larger */
  uint32_t profile_gap[CLASS_COUNT]; /* allocations of the class until one is a sample of HAKMEM_PROFILE; 0 where that is off */
  uint64_t random;                   /* what the gaps are drawn from */
  bool sample_next;                  /* the next look-up is timed */
  bool owned;                        /* a thread has it, and has not ended; changes under the lock of tls_threads.c */
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

/* Until it has the slow paths' half for itself, and that is right. */
NOINLINE void sll_wait(struct sll_cache *cache);

/* Between these two, which nest, no other thread touches the lists of the calling one. */
static inline void sll_hold(struct sll_cache *cache) {
  __atomic_store_n(&cache->busy, cache->busy + 1, __ATOMIC_RELAXED);
  __atomic_signal_fence(__ATOMIC_SEQ_CST); /* to the processor, the thread that claims says so */
  if (UNLIKELY(__atomic_load_n(&cache->claim, __ATOMIC_RELAXED) != CLAIM_NONE)) sll_wait(cache);
}

static inline void sll_let_go(struct sll_cache *cache) {
  __atomic_store_n(&cache->busy, cache->busy - 1, __ATOMIC_RELEASE);
}

/*
 * The lists for one operation of the calling thread's slow path: its own, made where it has none yet; for a thread that has
 * ended already, borrowed ones. NULL where the system has no memory. Give back with sll_leave.
 */
struct sll_cache *sll_enter(void);

/*
 * Ends the operation: does what is due now and then (sampling, schedule, scavenging), gives borrowed lists back. No block
 * may be on its way.
 */
void sll_leave(struct sll_cache *cache);

/* Whether the look-up that comes now is to be timed; ends the blindness that a sample needed. */
bool sll_take_sample(struct sll_cache *cache);

/*
 * Whether the allocation of class row `cls` that is under way is to be guarded, its class's counts published; then draws the next one, and the
 * list wants arming.
 */
bool sll_take_guard(struct sll_cache *cache, uint32_t cls);

/*
 * Whether the allocation of `size` bytes and class row `cls` that is under way, its class's counts published, is a sample of HAKMEM_PROFILE; then
 * draws the next one. Returns the bytes that its chance came from, 0 where it is none.
 */
size_t sll_take_profile(struct sll_cache *cache, uint32_t cls, size_t size);

/* Once, before the first lists are made. */
void sll_prepare(void);

/* Makes the lists of a thread: all empty, with budgets of 0. */
void sll_init(struct sll_cache *cache);

/* Brings the counts in, without an operation that took a budget below 0 and is still under way. */
void sll_publish(struct sll_cache *cache, uint32_t cls);

/* Brings the counts in, and sets the budgets to when something is due next. */
void sll_rearm(struct sll_cache *cache, uint32_t cls);

/*
 * A free block of the class, popped, made live and counted: the list's next, after what is broken was reported and taken out, or one of a
 * refill. NULL where no memory is to be had anywhere.
 */
struct block *sll_take(struct sll_cache *cache, uint32_t cls);

/* Pushes a block whose header says free; counts it; drains where a drain is due. */
void sll_push(struct sll_cache *cache, uint32_t cls, struct block *block);

/* Counts a block that was given back but must never be handed out again. */
void sll_abandon(struct sll_cache *cache, uint32_t cls);

/* Gives everything in the calling thread's lists to the pool, whole lists if it can be (DRAIN_EXIT), or back to the slabs (DRAIN_TRIM). */
void sll_drain_all(struct sll_cache *cache, enum drain_reason reason);

/*
 * A thread has ended, and the lists wait for another one, which shall find them as new ones are but for a few blocks: what is more goes to the pool, whole
 * lists (DRAIN_EXIT). Everything is published, and the first blocks of what stays are checked.
 */
void sll_shorten(struct sll_cache *cache);

/*
 * Gives everything in the lists of threads that ended back to the slabs, and returns whether there were any; checks it, where it is, at the end of
 * the process.
 */
bool sll_trim_ended(void);
void sll_audit_ended(void);

/* Checks every block of the lists. */
void sll_audit(struct sll_cache *cache);

/* Returns a chain of blocks of class `cls` to their slabs, wherever these are. Returns the slabs touched. */
uint32_t sll_return_blocks(uint32_t cls, struct chain chain, bool trim);

/*
 * Gives back to the slabs what lies idle: the spare lists, half of each long list that was empty or too long since the last time, and all of the
 * others, also of those in use: they have more than they need, most likely strewn over slabs that nothing else keeps. What may lie in a list in use
 * shrinks. Due every half HAKMEM_RELEASE_DELAY; so a thread that had many blocks at once keeps none of their memory for long, as long as it comes by.
 */
void sll_decay(struct sll_cache *cache);

/* ---- Over all threads. ---- */

/*
 * Blocks of class `cls` in all threads' lists; *allocs, *frees: operations not published yet. Reads running
 * threads' budgets without synchronising: exact for threads at rest.
 */
uint64_t sll_cached(uint32_t cls, uint64_t *allocs, uint64_t *frees);

/*
 * Gives everything back to the slabs that lies in the lists of other threads which have not been in their slow paths since `before_ms`. Their owners
 * find it when they enter them next. Does nothing while another thread does the same, or if the system does not offer membarrier.
 */
void sll_collect_idle(uint64_t before_ms, enum drain_reason reason);

/* Threads that have lists. */
uint32_t sll_running(void);

/* What the calling thread did since it last published its counts. Changes nothing: a signal handler may have interrupted it. */
void sll_unpublished(uint32_t cls, uint64_t *allocs, uint64_t *frees);
/* Publishes what is not published yet, of all threads: at the end of the process. */
void sll_publish_all(void);

/* Once, before main. */
void sll_start(void);

/* Whether every operation goes through the slow path and raises its events: full tracing, or a checker that wants to see all. */
bool sll_goes_slow(void);

/* Makes it so, or no longer; threads follow when their budgets run out. */
void sll_go_slow(bool slow);

extern const struct lock_row sll_locks;
void sll_fork_prepare(void); /* before any lock is taken: nobody collects the calling thread's lists until one of the other two */
void sll_fork_parent(void);
void sll_fork_child(void);

#endif
