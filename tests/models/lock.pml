/*
 * lock.pml: three threads take and release one lock on a futex (src/platform/lock.c and lock.h).
 *
 *   word   0: free; else the holder's mark, here its number from 1, with WAITED if a thread may sleep on it
 *
 * Rules: one thread at a time holds the lock. No thread sleeps for ever.
 *
 * fault WAITED_DROPPED: a thread that was woken takes the lock without WAITED, though others may still sleep
 * fault SLEEPS_UNMARKED: sleep_until sleeps without setting WAITED
 * fault WAKE_FIRST: lock_release wakes a thread before it frees the lock
 * fault NO_COMPARE: the kernel lets a thread sleep without comparing the word
 */
#define THREADS 3
#define ROUNDS 2
#define WAITED 8

byte word;
bool asleep[THREADS + 1];
byte inside;

/* FUTEX_WAKE of one thread, if any sleeps. */
inline wake() {
  atomic {
    if
    :: asleep[1] -> asleep[1] = false
    :: asleep[2] -> asleep[2] = false
    :: asleep[3] -> asleep[3] = false
    :: !asleep[1] && !asleep[2] && !asleep[3]
    fi
  }
}

proctype uses(byte me) {
  byte n, seen, next, before;
  do
  :: n < ROUNDS ->
    n++;
    if
    :: atomic { word == 0 -> word = me } /* lock_try */
    :: word != 0 ->                      /* sleep_until */
      do
      :: true ->
        seen = word;
#ifdef WAITED_DROPPED
        next = (seen == 0 -> me : seen | WAITED);
#else
        next = (seen == 0 -> me | WAITED : seen | WAITED);
#endif
#ifndef SLEEPS_UNMARKED
        if
        :: seen != next ->
          if
          :: atomic { word == seen -> word = next }
          :: atomic { word != seen -> goto again } /* the exchange failed */
          fi
        :: else
        fi;
#else
        if
        :: seen == 0 -> if :: atomic { word == 0 -> word = next } :: atomic { word != 0 -> goto again } fi
        :: else -> next = seen
        fi;
#endif
        if :: seen == 0 -> break :: else fi;
        if /* FUTEX_WAIT: the kernel compares, and lets the thread sleep, in one step */
#ifdef NO_COMPARE
        :: asleep[me] = true; !asleep[me]
#else
        :: atomic { word == next -> asleep[me] = true }; !asleep[me]
        :: word != next
#endif
        fi;
again:  seen = 0; next = 0
      od
    fi;
    inside++;
    assert(inside == 1);
    inside--;
    /* lock_release */
#ifdef WAKE_FIRST
    before = word;
    if :: before & WAITED -> wake() :: else fi;
    word = 0
#else
    atomic { before = word; word = 0 };
    if :: before & WAITED -> wake() :: else fi
#endif
  :: else -> break
  od
}

init { atomic { run uses(1); run uses(2); run uses(3) } }
