#!/bin/sh
# A process ends while other threads of it fork: none of the C library's locks, and none of hakmem's, stays taken.
. "$(dirname "$0")/common.sh"
for round in $(seq 30); do
  for library in "$DEFAULT" "$PLAIN"; do
    timeout -s KILL 20 env LD_PRELOAD="$library" "$programs/fork_at_end" >"$place/out" 2>&1
    status=$?
    [ $status -eq 0 ] || { cat "$place/out"; fail "round $round with $library: exit status $status (137: it did not end)"; }
  done
done
exit 0
