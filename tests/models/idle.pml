/*
 * idle.pml: two threads collect the list of an idle one, which returns at any time (src/threads/tls_idle.c).
 *
 * One class. A list is a number of blocks: its head is n if n blocks are in it. The owner allocates and frees by the fast paths, and enters its slow path if
 * a budget is used up or the list is empty. Its stores wait in a store buffer, as on x86-64, which is the only processor that collects. os_barrier waits
 * until the owner is between two instructions, and its store buffer is empty.
 *
 * Rules: in its slow path, the owner finds as many blocks as the budgets say (`list` = `length`). At the end, no block is lost or doubled.
 *
 * fault NO_SECOND_BARRIER: collect_from takes the list without os_barrier behind claim_budgets
 * fault NO_FIRST_BARRIER: collect_some claims without os_barrier: the store of `busy` may still wait
 * fault NO_BUSY: collect_from does not look at `busy`
 * fault STEP_SPLIT: budget_step is a load and a store, and the barrier may fall between them: why aarch64 does not collect
 * fault NO_WHOLE: take does not compare the list with its length
 * fault NOT_AWAITED: sll_wait sleeps without CLAIM_AWAITED, so end_claim does not wake the owner
 */
#define BLOCKS 2   /* in the list at first */
#define ARMED 2    /* what a budget is armed with */
#define OPERATIONS 3
#define CLAIMED 99 /* BUDGET_CLAIMED; one step makes it CLAIMED - 1 */
#define IS_CLAIMED(b) (b >= 90)

/* Memory. Budgets are stored plus 1, so that 0 is the budget of -1 that led into the slow path. */
byte list = BLOCKS, alloc = ARMED + 1, release = ARMED + 1, busy;
byte claim; /* enum sll_claim: */
#define NONE 0
#define HELD 1
#define AWAITED 2
#define COLLECTED 3
bool collecting, asleep;

/* The slow paths' half of the lists: under the claim, or the owner's. */
byte length = BLOCKS, alloc_armed = ARMED + 1, release_armed = ARMED + 1;

byte found;       /* blocks that the collecting thread has taken */
byte hand;        /* blocks that the program has */
bool mid;         /* the owner is in the middle of an instruction */
byte ended;

/* The owner's store buffer: the newest value of each place, and whether it waits. Performed in order. */
mtype = { BUSY, ALLOC, RELEASE, LIST };
chan buffer = [3] of { mtype, byte };
byte own_busy, own_alloc = ARMED + 1, own_release = ARMED + 1, own_list = BLOCKS;
byte waits_alloc, waits_release, waits_list;

inline perform() {
  d_step {
    if
    :: buffer ? BUSY, busy
    :: buffer ? ALLOC, alloc -> waits_alloc--
    :: buffer ? RELEASE, release -> waits_release--
    :: buffer ? LIST, list -> waits_list--
    fi
  }
}

active proctype store_buffer() {
end:
  do :: atomic { nempty(buffer) -> perform() } od
}

/* Loads of the owner: from its store buffer if a store to this place waits there. */
#define LOAD_ALLOC (waits_alloc > 0 -> own_alloc : alloc)
#define LOAD_RELEASE (waits_release > 0 -> own_release : release)
#define LOAD_LIST (waits_list > 0 -> own_list : list)
inline store_alloc(v) { atomic { nfull(buffer); own_alloc = v; waits_alloc++; buffer ! ALLOC, v } }
inline store_release(v) { atomic { nfull(buffer); own_release = v; waits_release++; buffer ! RELEASE, v } }
inline store_list(v) { atomic { nfull(buffer); own_list = v; waits_list++; buffer ! LIST, v } }
inline store_busy(v) { atomic { nfull(buffer); buffer ! BUSY, v } }
#define DRAINED empty(buffer) /* a locked instruction of the owner */

#ifdef STEP_SPLIT
#define BEGIN_STEP
#else
#define BEGIN_STEP mid = true;
#endif

/* sll_hold, then what its operation does to the list, then sll_let_go. */
inline slow_path(pops) {
  store_busy(1);
  if :: claim != NONE -> slow_wait() :: else fi;
  atomic { DRAINED; /* the rest of the slow path alone uses the lists: its stores need no buffer */
    length = length + (release_armed - (release > 0 -> release : 1)) - (alloc_armed - (alloc > 0 -> alloc : 1));
    assert(list == length); /* the budgets count the list */
    if
    :: pops && list > 0 -> list--; hand++
    :: !pops -> list++; hand--
    :: else
    fi;
    length = list;
    alloc = ARMED + 1; alloc_armed = ARMED + 1; release = ARMED + 1; release_armed = ARMED + 1
  }
  store_busy(0)
}

#ifdef NOT_AWAITED
#define SLEEPS_ON HELD
#else
#define SLEEPS_ON AWAITED
#endif

/* sll_wait and come_back */
inline slow_wait() {
  do
#ifndef NOT_AWAITED
  :: atomic { DRAINED && claim == HELD -> claim = AWAITED }
#endif
  :: claim == SLEEPS_ON -> /* os_wait: the kernel compares the word again, and sleeps, in one step */
     if
     :: atomic { claim == SLEEPS_ON -> asleep = true }; !asleep
     :: claim != SLEEPS_ON
     fi
  :: claim == NONE -> break
  :: atomic { DRAINED && claim == COLLECTED ->
       if :: alloc_armed == CLAIMED -> alloc = (alloc < CLAIMED -> 0 : 1); alloc_armed = 1 :: else fi;
       if :: release_armed == CLAIMED -> release = (release < CLAIMED -> 0 : 1); release_armed = 1 :: else fi;
       claim = NONE
     }
     break
  od
}

active proctype owner() {
  byte n, head, b;
  do
  :: n < OPERATIONS ->
    n++;
    if
    :: skip -> /* malloc: pop_fast */
      head = LOAD_LIST;
      if :: head == 0 -> slow_path(true); goto next :: else fi;
      atomic { BEGIN_STEP b = LOAD_ALLOC }
      atomic { store_alloc(b - (b > 0)); mid = false }
      if :: b == 1 || IS_CLAIMED(b) -> slow_path(true); goto next :: else fi;
      store_list(head - 1);
      hand++
    :: hand > 0 -> /* free: push_block */
      atomic { BEGIN_STEP b = LOAD_RELEASE }
      atomic { store_release(b - (b > 0)); mid = false }
      if :: b == 1 || IS_CLAIMED(b) -> slow_path(false); goto next :: else fi;
      head = LOAD_LIST;
      atomic { store_list(head + 1); hand-- }
    fi;
next: head = 0; b = 0
  :: else -> break
  od;
  DRAINED;
  ended++
}

inline barrier() { atomic { !mid && empty(buffer) } }
inline end_claim(value) {
  atomic {
    if :: claim == AWAITED -> asleep = false :: else fi;
    claim = value
  }
}

proctype collector() {
  byte left_alloc, left_release, head;
  bool rests;
  /* sll_collect_idle */
  if :: atomic { !collecting -> collecting = true } :: atomic { collecting -> goto end_ } fi;
  /* sll_claim_idle */
  if :: atomic { claim == NONE -> claim = HELD } :: atomic { claim != NONE -> goto over } fi;
#ifndef NO_FIRST_BARRIER
  barrier();
#endif
#ifndef NO_BUSY
  if :: busy != 0 -> end_claim(NONE); goto over :: else fi;
#endif
  /* claim_budgets */
  atomic { left_alloc = alloc; alloc = CLAIMED };
  atomic { left_release = release; release = CLAIMED };
#ifndef NO_SECOND_BARRIER
  barrier();
#endif
  /* count_claimed */
  rests = IS_CLAIMED(alloc);
  if :: rests -> length = length - (alloc_armed - (left_alloc > 0 -> left_alloc : 1)); alloc_armed = CLAIMED :: else fi;
  if
  :: IS_CLAIMED(release) -> length = length + (release_armed - (left_release > 0 -> left_release : 1)); release_armed = CLAIMED
  :: else -> rests = false
  fi;
  if :: !rests || claim == AWAITED -> goto done :: else fi;
  /* take */
  head = list;
#ifdef NO_WHOLE
  if :: head == 0 -> goto done :: else fi;
#else
  if :: length == 0 || head != length -> goto done :: else fi;
#endif
  found = found + head; list = 0; length = 0;
done:
  end_claim(COLLECTED);
over:
  collecting = false;
end_:
  ended++
}

init {
  atomic { run collector(); run collector() }
  ended == 3;
  assert(list + hand + found == BLOCKS)
}
