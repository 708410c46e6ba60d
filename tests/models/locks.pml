/*
 * locks.pml: in which order a fork takes all locks, while other threads hold some (fork_prepare in src/alloc/start.c, locks_take_all in
 * src/platform/lock.c).
 *
 * The locks: 0 is the C library's list of FILEs, 1 and 2 are two of hakmem's. A thread of the program holds one of hakmem's locks at a time, and perhaps
 * lock 0 around it: it allocates within stdio. Two threads fork: the second one does so in a signal handler, which interrupted it while it held lock 2.
 *
 * Rule: no thread waits for ever.
 *
 * Not promised: two such handlers that interrupted holders of different locks; and one of them beside a thread that holds lock 0 and waits for the
 * interrupted thread's lock. Both wait for ever. The C library's own fork waits for lock 0, too, and has no way to give up.
 *
 * fault WAITS_FOR_EVER: locks_take_all does not give up
 * fault STDIO_LAST: the fork takes lock 0 behind hakmem's locks, as the C library does by itself
 * fault TWO_LOCKS: threads of the program take a second one of hakmem's locks while they hold the first
 */
#define FREE 0

byte holder[3];
byte ended;

inline take(l) { atomic { holder[l] == FREE -> holder[l] = me } }
inline release(l) { assert(holder[l] == me); holder[l] = FREE }

proctype forks(byte me; byte held) {
  if :: held != 0 -> take(held) :: else fi; /* here the handler interrupts it */
again:
#ifndef STDIO_LAST
  if :: held == 0 -> take(0) :: else fi;    /* take_stdio. The other thread's is left out: see above */
#endif
  /* locks_take_all: a lock that the interrupted thread holds stays held */
  if
  :: held == 1
  :: held != 1 ->
    if
    :: atomic { holder[1] == FREE -> holder[1] = me }
#ifndef WAITS_FOR_EVER
    :: holder[1] != FREE ->                 /* after FORK_WAIT_MS */
#ifndef STDIO_LAST
      if :: held == 0 -> release(0) :: else fi;
#endif
      goto again
#endif
    fi
  fi;
  if
  :: held == 2
  :: held != 2 ->
    if
    :: atomic { holder[2] == FREE -> holder[2] = me }
#ifndef WAITS_FOR_EVER
    :: holder[2] != FREE ->
      if :: held != 1 -> release(1) :: else fi;
#ifndef STDIO_LAST
      if :: held == 0 -> release(0) :: else fi;
#endif
      goto again
#endif
    fi
  fi;
#ifdef STDIO_LAST
  if :: held == 0 -> take(0) :: else fi;
#endif
  assert(holder[1] == me && holder[2] == me); /* fork: all that the locks guard is whole, or of the interrupted thread */
  release(1);
  release(2);
  if :: held == 0 -> release(0) :: else fi;
  ended++
}

/* fopen, or a printf that allocates. */
proctype prints(byte me) {
  take(0);
  take(1);
#ifdef TWO_LOCKS
  take(2);
  release(2);
#endif
  release(1);
  release(0);
  ended++
}

proctype allocates(byte me) {
  take(2);
#ifdef TWO_LOCKS
  take(1);
  release(1);
#endif
  release(2);
  take(1);
  release(1);
  ended++
}

init { atomic { run forks(1, 0); run forks(2, 2); run prints(3); run allocates(4) } }
