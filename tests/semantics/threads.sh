#!/bin/sh
# Threads that come and go, have tiny stacks, allocate in their destructors, free what others allocated, or use small blocks of their own.
. "$(dirname "$0")/common.sh"
for kind in short small late keys first hand apart; do
  everywhere timeout 120 "$programs/threads" $kind
  tail -n 1 "$place/out"
done
# A tiny stack holds also what is done where the shared pool refuses: the event, the stack, the log line.
HAKMEM_SS_LIMIT=1 HAKMEM_SS_SIZE=512K HAKMEM_STATS_SAMPLE=1 HAKMEM_LOG=all HAKMEM_LOG_FILE="$place/log" HAKMEM_STATS_FILE="$place/%p" \
  HAKMEM_STATS_INTERVAL=1 LD_PRELOAD=$DEFAULT "$programs/threads" small || fail "exit status $? with a small stack and all that can be said"
# While a thread's destructors run, it keeps its lists: they are not drained at each free.
HAKMEM_STATS=1 LD_PRELOAD=$DEFAULT "$programs/threads" keys 2>"$place/out" || fail "exit status $?"
exits=$(awk '/^refills / { table = 1 } /^lookups/ { table = 0 } table && $9 == "|" { n += $12 } END { print n }' "$place/out")
[ -n "$exits" ] && [ "$exits" -le 60 ] || { cat "$place/out"; fail "20 threads that free blocks in a destructor: ${exits:-no} drains at a thread's end"; }
