/*
 * early.pml: two threads raise an event each while a tracer attaches (instrumentation/sinks/tracer.c, HUB_EVENT in instrumentation/hub.c).
 *
 * Slot 0 lies in a piece of the ring that exists; slot 1 in one that its thread makes first. With STALE, the process is a forked child whose parent had
 * filled slot 0.
 *
 * Rule: each event reaches the tracer exactly once, whole, or is counted as missed.
 *
 * fault ID_FIRST: HUB_EVENT stores the slot's id before the event
 * fault NO_SECOND_LOOK: tracer_early_filled does not look whether a tracer has attached meanwhile
 * fault NO_EXCHANGE: replay and tracer_early_filled do not take the id out of the slot
 * fault STALE: tracer_fork_child leaves the parent's ids in the slots
 */
#define SLOTS 2
#define THREADS 2

bool sink;                 /* tracer_sink */
byte count;                /* early_count */
bool piece[SLOTS];         /* early[]: each slot has a piece of its own here */
byte id[SLOTS];            /* slot->id: the thread whose event it is + 1; 0 */
byte event[SLOTS];         /* slot->event: the same, if it is whole */
byte got[THREADS], missed[THREADS], foreign;
byte ended;

inline fill(slot) {
#ifdef ID_FIRST
  id[slot] = me + 1;
  event[slot] = me + 1;
#else
  event[slot] = me + 1;
  id[slot] = me + 1; /* tracer_early_filled, seq_cst */
#endif
}

proctype raises(byte me) {
  byte slot, taken;
  if :: sink -> got[me]++; goto done :: else fi; /* HUB_EVENT: tracer_sink is there */
  atomic { slot = count; count++ };              /* tracer_early_slot_if_any */
  if :: slot >= SLOTS -> missed[me]++; goto done :: else fi;
  if :: !piece[slot] -> piece[slot] = true :: else fi; /* early_slot; os_metadata takes long */
  fill(slot);
#ifndef NO_SECOND_LOOK
  if
  :: sink ->
#ifdef NO_EXCHANGE
    taken = id[slot];
#else
    atomic { taken = id[slot]; id[slot] = 0 };
#endif
    if :: taken != 0 -> got[me]++ :: else fi
  :: else
  fi;
#endif
done:
  ended++
}

/* hak_event_sink_attach and replay */
proctype attaches() {
  byte i, last, taken;
  sink = true;
  last = count;
  do
  :: i < last && i < SLOTS ->
    if
    :: piece[i] ->
#ifdef NO_EXCHANGE
      taken = id[i];
#else
      atomic { taken = id[i]; id[i] = 0 };
#endif
      if
      :: taken != 0 && taken <= THREADS -> assert(event[i] == taken); got[taken - 1]++
      :: taken > THREADS -> foreign++
      :: else
      fi
    :: else
    fi;
    i++
  :: else -> break
  od;
  ended++
}

init {
  atomic {
    piece[0] = true;
#ifdef STALE
    id[0] = THREADS + 1; event[0] = THREADS + 1;
#endif
    run raises(0); run raises(1); run attaches()
  }
  ended == THREADS + 1;
  assert(foreign == 0);
  /* The ring keeps an event if no tracer ever comes; here, one has come. */
  assert(got[0] + missed[0] == 1 && got[1] + missed[1] == 1)
}
