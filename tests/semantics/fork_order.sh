#!/bin/sh
# timeout: 400
# Forks that meet locks of the C library's or of hakmem's, in every mode: none waits for ever, and a child's heap is whole.
. "$(dirname "$0")/common.sh"

forks() {
  for what in "stdio" "streams 8" "handler 60" "nested 100" "threads 10" "handlers 20" "callback" "listing" "unloads 200"; do
    # shellcheck disable=SC2086 # a list of words
    env "$@" timeout -s KILL 110 "$programs/fork_order" $what >"$place/out" 2>&1 || { cat "$place/out"; fail "$*: fork_order $what ended with status $? (142 or 137: it hung)"; }
  done
}
forks LD_PRELOAD="$PLAIN"
forks LD_PRELOAD="$DEFAULT"
forks LD_PRELOAD="$DEFAULT" HAKMEM_DEBUG=1
forks LD_PRELOAD="$DEFAULT" HAKMEM_GUARD=3 HAKMEM_LEAKS=1
forks LD_PRELOAD="$DEFAULT" HAKMEM_TRACE=full HAKMEM_PROFILE=4K HAKMEM_STATS=1 HAKMEM_LOG=all HAKMEM_LOG_FILE="$place/log"

# In every mode that takes a stack at each allocation.
${CC:-cc} -O1 -w -D_GNU_SOURCE -shared -fPIC -o "$place/loader.so" "$SOURCE_DIR/tests/semantics/loader.c" || fail "loader.c does not build"
for mode in LEAKS DEBUG; do
  timeout -s KILL 110 env HAKMEM_$mode=1 LD_PRELOAD="$DEFAULT $place/loader.so" "$programs/fork_order" loader >"$place/out" 2>&1 || {
    cat "$place/out"
    fail "HAKMEM_$mode: fork_order loader ended with status $? (142 or 137: it hung)"
  }
done

# A child that gets the signal to print statistics before it has counted anything, and has no file of its own yet.
for mode in STATS=1 DEBUG=1 TRACE=full; do
  env HAKMEM_$mode HAKMEM_STATS_SIGNAL=USR2 HAKMEM_STATS_FILE="$place/%p.hak" HAKMEM_LOG_FILE="$place/log" LD_PRELOAD="$DEFAULT" \
    "$programs/fork_order" signal 40 >"$place/out" 2>&1 || { cat "$place/out"; fail "HAKMEM_$mode: fork_order signal ended with status $?"; }
  grep -q 'statistics: ' "$place/log" || fail "HAKMEM_$mode: no child printed its statistics"
  rm -f "$place"/*.hak "$place/log"
done
