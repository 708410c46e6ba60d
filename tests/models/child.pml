/*
 * child.pml: two threads fork at the same time; the counts that each child begins with (instrumentation/statistics/stats.c, src/alloc/start.c).
 *
 * A thread counts its operations in its budgets, and publishes them to the block later. `inherited` is what a child begins with: the block's counts, and
 * what the forking thread had not published, which both the parent and the child will publish. (What
 * other threads had not published is left out here: the code reads it without a lock, and adds it.) In a child, two threads then count for the first time at
 * once.
 *
 * Rules: a child begins with the unpublished operations of the thread that forked it. Its block begins exactly once, before any of its own counts.
 *
 * fault BEFORE_LOCKS: `inherited` is written before fork_prepare has the locks
 * fault NO_CHILD_LOCK: stats_begin_child takes no lock
 * fault BEGUN_FIRST: stats_begin_child stores stats_child_begins before the block is cleared
 */
#define FORKERS 2

byte published;          /* the block's count */
byte unpublished[FORKERS];
bool locks;              /* all of hakmem's locks: locks_take_all */
byte inherited, inherited_own;
byte ended;

/* ---- A fork, and what its child saw. ---- */

proctype forks(byte me) {
  byte count, own;
  unpublished[me] = me + 1; /* operations on the fast path */
#ifdef BEFORE_LOCKS
  inherited = published;
  inherited_own = unpublished[me];
#endif
  atomic { !locks -> locks = true };
#ifndef BEFORE_LOCKS
  inherited = published; /* stats_fork_inherit */
  inherited_own = unpublished[me];
#endif
  atomic { count = inherited; own = inherited_own }; /* fork: the child's memory is a copy */
  locks = false;
  assert(own == me + 1);
  assert(count == 0 || count == 2 - me); /* what the other thread has published */
  published = published + unpublished[me]; /* sll_publish in the parent, later */
  ended++
}

/* ---- In a child: its block begins with its first count. ---- */

bool child_begins = true, child_lock;
byte block = 9;          /* the parent's count, which is not the child's */
byte counted;

/* stats_block and stats_begin_child, then stats_add */
proctype counts() {
  if
  :: child_begins ->
#ifndef NO_CHILD_LOCK
    atomic { !child_lock -> child_lock = true };
#endif
    if
    :: child_begins ->
#ifdef BEGUN_FIRST
      child_begins = false;
      block = 0
#else
      block = 0;
      child_begins = false
#endif
    :: else
    fi;
    child_lock = false
  :: else
  fi;
  atomic { block++; counted++ }; /* stats_add is one instruction with a lock prefix */
  ended++
}

init {
  atomic { run forks(0); run forks(1); run counts(); run counts() }
  ended == FORKERS + 2;
  assert(block == counted)
}
