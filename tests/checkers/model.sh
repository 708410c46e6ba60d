#!/bin/sh
# slow
# timeout: 600
# The model test under memcheck: every name of the family, threads, forks, all of hakmem's own bookkeeping, and not one error.
. "$(dirname "$0")/common.sh"
need_valgrind
seed=${TEST_SEED:-29}

# model OPTION...: with these options of hakmem's
model() {
  env "$@" LD_PRELOAD="$DEFAULT" valgrind $own -q --log-file="$place/report.%p" "$BUILD_DIR/tests/fuzz/model-malloc" -s "$seed" -n 3000 -m 64 >"$place/out" 2>&1
  status=$?
  for file in "$place"/report.*; do # of the children, too
    [ -s "$file" ] && grep -v 'exiting thread\|possibly as a result\|of the VALGRIND_DISABLE' "$file" >"$place/report"
    [ -s "$place/report" ] && fail "errors with $*, seed $seed:"
  done
  [ $status -eq 0 ] && [ "$(wc -l <"$place/out")" -eq 1 ] || fail "exit status $status with $*, seed $seed"
  rm -f "$place"/report*
}
model HAKMEM_STATS=0
model HAKMEM_TRACE=full HAKMEM_RELEASE_DELAY=0 HAKMEM_DRAIN_INTERVAL=16
model HAKMEM_SS_SIZE=512K HAKMEM_SS_LIMIT=3 HAKMEM_STATS_INTERVAL=1 HAKMEM_STATS_FILE="$place/statistics.%p"
model HAKMEM_GUARD=1
