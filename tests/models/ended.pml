/*
 * ended.pml: threads end, and their lists wait for a thread that begins; other threads collect lists, and empty those that waited for long
 * (src/threads/tls_threads.c: drop_cache, retire, drain_ended; tls_lists.c: the registry; tls_idle.c: the claim, see idle.pml).
 *
 *   owned ── sll_thread_ended ──▶ about to wait ── sll_wait_for_thread ──▶ waiting ── sll_take_waiting ──▶ owned
 *                   │                                                         └────── sll_take_ended ────▶ emptied, sll_remove
 *                   └─ enough wait already ──▶ emptied, sll_remove
 *
 * Two threads with lists end. One thread begins. One collects from owned lists, and one empties the lists that wait; both may come at any time.
 *
 * Rules: one thread at a time uses lists. No block is lost. waiting_count is that of the lists that wait or are about to. Removed lists are not used.
 *
 * fault STAYS_OWNED: sll_thread_ended leaves `owned` set, so lists without a thread can still be claimed
 * fault NO_HOLD: drop_cache does not wait for a thread that has claimed the lists
 * fault WAITS_FIRST: drop_cache lets the lists wait, and shortens them afterwards
 * fault NOT_TAKEN_OUT: sll_take_ended leaves the lists among those that wait
 */
#define LISTS 2

bool lock;
bool owned[LISTS], live[LISTS], waiting[LISTS], claimed[LISTS];
byte blocks[LISTS];
bool busy[LISTS];
byte user[LISTS];      /* threads that use the slow paths' half */
byte waiting_count, running;
byte pool;             /* blocks that were returned */
byte ended;

inline take_lock() { atomic { !lock -> lock = true } }
inline drop_lock() { lock = false }
inline use(c) { user[c]++; assert(user[c] == 1 && live[c]) }
inline leave(c) { user[c]-- }

/* sll_hold and sll_let_go. The barrier between them and the claim is in idle.pml. */
inline hold(c) { busy[c] = true; !claimed[c] }
inline let_go(c) { busy[c] = false }

/* sll_drain_all, then sll_remove */
inline retire(c) {
  use(c);
  moved = blocks[c];
  blocks[c] = 0;
  atomic { pool = pool + moved; moved = 0 };
  leave(c);
  take_lock();
  live[c] = false;
  drop_lock()
}

/* end_thread and drop_cache */
proctype ends(byte me) {
  bool waits;
  byte moved;
  take_lock();
#ifndef STAYS_OWNED
  owned[me] = false;
#endif
  running--;
  waits = waiting_count <= running;
  waiting_count = waiting_count + waits;
  drop_lock();
#ifndef NO_HOLD
  hold(me);
  let_go(me);
#endif
  if
  :: !waits -> retire(me)
  :: else ->
#ifdef WAITS_FIRST
    take_lock(); waiting[me] = true; drop_lock();
#endif
    use(me); /* sll_shorten */
    if :: blocks[me] > 1 -> blocks[me]--; atomic { pool++ } :: else fi;
    leave(me);
#ifndef WAITS_FIRST
    take_lock(); waiting[me] = true; drop_lock() /* sll_wait_for_thread */
#else
    skip
#endif
  fi;
  ended++
}

/* sll_take_waiting; the thread then uses the lists and keeps them */
proctype begins() {
  byte c = LISTS;
  take_lock();
  if
  :: waiting[0] -> c = 0
  :: waiting[1] -> c = 1
  :: !waiting[0] && !waiting[1]
  fi;
  if
  :: c < LISTS -> waiting[c] = false; waiting_count--; running++; owned[c] = true
  :: else
  fi;
  drop_lock();
  if
  :: c < LISTS ->
    hold(c);
    use(c);
    if :: blocks[c] > 0 -> blocks[c]--; atomic { pool++ } :: else fi;
    leave(c);
    let_go(c)
  :: else
  fi;
  ended++
}

/* sll_claim_idle and collect_from */
proctype collects() {
  byte c, moved;
  do
  :: c < LISTS ->
    take_lock();
    if
    :: owned[c] -> claimed[c] = true
    :: else
    fi;
    drop_lock();
    if
    :: claimed[c] && !busy[c] ->
      use(c);
      moved = blocks[c];
      blocks[c] = 0;
      atomic { pool = pool + moved; moved = 0 };
      leave(c)
    :: else
    fi;
    claimed[c] = false; /* end_claim */
    c++
  :: else -> break
  od;
  ended++
}

/* drain_ended: sll_take_ended, retire */
proctype drains() {
  byte c, n, moved;
  do
  :: n < 2 ->
    n++;
    take_lock();
    c = LISTS;
    if
    :: waiting[0] -> c = 0
    :: waiting[1] -> c = 1
    :: !waiting[0] && !waiting[1]
    fi;
    if
    :: c < LISTS ->
      waiting_count--;
#ifndef NOT_TAKEN_OUT
      waiting[c] = false
#endif
    :: else
    fi;
    drop_lock();
    if :: c < LISTS -> retire(c) :: else fi
  :: else -> break
  od;
  ended++
}

init {
  atomic {
    owned[0] = true; owned[1] = true; live[0] = true; live[1] = true;
    blocks[0] = 2; blocks[1] = 2; running = 2;
    run ends(0); run ends(1); run begins(); run collects(); run drains()
  }
  ended == 5;
  assert(pool + blocks[0] + blocks[1] == 4);
  assert(waiting_count == waiting[0] + waiting[1] && running == owned[0] + owned[1]);
  assert((live[0] || blocks[0] == 0) && (live[1] || blocks[1] == 0))
}
