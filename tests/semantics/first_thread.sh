#!/bin/sh
# The first thread ends, and another one goes on: errors have their stacks, the statistics their resident set, and the leak check its report.
. "$(dirname "$0")/common.sh"
nm -D "$DEFAULT" | grep -q ' dl_iterate_phdr$' || skip "built without events"
program=$programs/first_thread
# with OPTION: what is said is in $place/out
with() {
  timeout 60 env "$1" HAKMEM_ON_ERROR=report LD_PRELOAD="$DEFAULT" "$program" >"$place/out" 2>&1
  status=$?
  [ $status -ne 77 ] || skip "the state of a thread cannot be read here"
  [ $status -eq 0 ] || { cat "$place/out"; fail "exit status $status with $1"; }
}
HAKMEM_STACKS=unwind LD_PRELOAD=$DEFAULT "$BUILD_DIR/tests/misuse/double_free" 2>&1 | grep -q ' #0 ' || skip "there are no stacks here"
with HAKMEM_STACKS=unwind
grep -q 'verdict=double_free' "$place/out" && grep -q ' #0 .*/first_thread' "$place/out" || { cat "$place/out"; fail "no report of the double free, or none with its stack"; }
with HAKMEM_STATS=1
grep -q 'resident, as the kernel says  *[1-9][0-9]* bytes' "$place/out" || { grep resident "$place/out"; fail "no resident set in the statistics"; }
with HAKMEM_LEAKS=1
grep -q '^\[LEAKS\] lost: 333 bytes in 1 block; .* blocks*$' "$place/out" || { grep LEAKS "$place/out"; fail "the leak check does not say what was lost"; }
