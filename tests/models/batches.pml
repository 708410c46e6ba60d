/*
 * batches.pml: batches of one class handed from thread to thread (src/slabs/pool: pool_give_batch, refill_from_class and scavenge_class in shared_pool.c,
 * which hold the lock; batches.c).
 *
 *   own[]      a stack of own batches: the newest is taken first
 *   foreign[]  a stack of foreign ones: the `unneeded` lowest were not needed since the last scavenge
 *
 * A batch is one block here. Three threads: one gives an own batch and refills; one gives foreign batches; one scavenges, twice.
 *
 * Rules: each block is in one place: a batch, the hands of one thread, or its slab. unneeded <= foreign_count.
 *
 * fault NO_LOCK: refill_from_class takes no lock
 * fault KEPT_IN_PLACE: batches_take does not lower `unneeded`
 * fault RETURNED_TWICE: pool_give_batch returns a batch, and puts it on a stack as well
 * fault NOT_MOVED: batches_take_unneeded does not move the other foreign batches down
 */
#define BLOCKS 5
#define BATCHES 1
#define FOREIGN 3

bool lock;
byte own[BATCHES], own_count;
byte foreign[FOREIGN], foreign_count, unneeded;
byte slab[BLOCKS + 1]; /* how often each block, from 1, was returned to its slab */
byte hand[BLOCKS + 1]; /* and is in a thread's hands */
byte ended;

inline take_lock() { atomic { !lock -> lock = true } }
inline drop_lock() { lock = false }

inline batches_take(chain) {
  if
  :: foreign_count > 0 ->
    foreign_count--;
#ifndef KEPT_IN_PLACE
    if :: unneeded > foreign_count -> unneeded = foreign_count :: else fi;
#endif
    chain = foreign[foreign_count]
  :: else ->
    own_count--;
    chain = own[own_count]
  fi
}

/* pool_give_batch: what it returns goes to its slab */
inline give(block, is_foreign) {
  overflow = 0;
  hand[block]--;
  take_lock();
  if
  :: own_count < BATCHES -> own[own_count] = block; own_count++
  :: own_count == BATCHES && is_foreign && foreign_count < FOREIGN -> foreign[foreign_count] = block; foreign_count++
  :: else ->
    overflow = block;
#ifdef RETURNED_TWICE
    own[own_count - 1] = block
#endif
  fi;
  drop_lock();
  if :: overflow != 0 -> slab[overflow]++ :: else fi
}

/* refill_from_class. Without a batch, a block of a slab is taken if there is one; only this thread takes from slabs here. */
inline refill() {
  got = 0;
#ifndef NO_LOCK
  take_lock();
#endif
  if
  :: foreign_count + own_count > 0 -> batches_take(got); hand[got]++
  :: else
  fi;
#ifndef NO_LOCK
  drop_lock();
#endif
}

proctype allocates() {
  byte overflow, got;
  give(1, false);
  refill();
  if :: got != 0 -> give(got, false) :: else fi;
  refill();
  ended++
}

proctype frees() {
  byte overflow, got;
  give(2, true);
  give(3, true);
  give(4, true);
  refill();
  ended++
}

/* scavenge_class: `due`: the class was not used for a while */
proctype scavenges() {
  byte chain, n, k;
  bool due;
  do
  :: n < 2 ->
    n++;
    if :: due = true :: due = false fi;
    do
    :: skip ->
      chain = 0;
      take_lock();
      if
      :: due && foreign_count + own_count > 0 -> batches_take(chain)
      :: !due && unneeded > 0 ->
        chain = foreign[0];
        unneeded--;
        foreign_count--;
#ifndef NOT_MOVED
        d_step {
          k = 0;
          do :: k < foreign_count -> foreign[k] = foreign[k + 1]; k++ :: else -> break od;
          k = 0
        }
#endif
      :: else
      fi;
      if :: chain == 0 -> unneeded = foreign_count :: else fi;
      assert(unneeded <= foreign_count);
      drop_lock();
      if :: chain != 0 -> slab[chain]++ :: else -> break fi
    od
  :: else -> break
  od;
  ended++
}

init {
  byte i, k, places;
  atomic {
    hand[1] = 1; hand[2] = 1; hand[3] = 1; hand[4] = 1; hand[5] = 1;
    run allocates(); run frees(); run scavenges()
  }
  ended == 3;
  assert(unneeded <= foreign_count);
  d_step {
    i = 1;
    do
    :: i <= BLOCKS ->
      places = hand[i] + slab[i];
      k = 0;
      do :: k < own_count -> places = places + (own[k] == i); k++ :: else -> break od;
      k = 0;
      do :: k < foreign_count -> places = places + (foreign[k] == i); k++ :: else -> break od;
      assert(places == 1);
      i++
    :: else -> break
    od
  }
}
