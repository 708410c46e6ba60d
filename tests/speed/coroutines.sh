#!/bin/sh
# Holds what a stack costs on a coroutine: the kernel reads it in a few pieces. libunwind, a step at a time, would make a hundred system calls for each.
# timeout: 120
set -u
BUILD_DIR=${BUILD_DIR:-$(cd "$(dirname "$0")/../.." && pwd)/build}
default=$BUILD_DIR/lib/libhakmem.so programs=$BUILD_DIR/tests/speed
most=8
fail() { echo "$*"; exit 1; }
nm -D "$default" | grep -q ' dl_iterate_phdr$' || { echo "built without events"; exit 77; }
HAKMEM_STACKS=unwind HAKMEM_LEAKS=1 LD_PRELOAD=$default "$programs/coroutine" 1 2>&1 | grep -q 'there are no stacks' && {
  echo "built without HAKMEM_BACKTRACE, or libunwind is not installed"
  exit 77
}
# What follows the clock makes system calls, too.
export HAKMEM_STATS_INTERVAL=0 HAKMEM_RELEASE_DELAY=1000000

# calls OPTION PAIRS [aligned]
calls() {
  option=$1
  shift
  LD_PRELOAD= "$programs/system_calls" /usr/bin/env LD_PRELOAD="$default" "$option" ${stacks:+"$stacks"} "$programs/coroutine" "$@" 2>/dev/null
}
for mode in HAKMEM_LEAKS=1 HAKMEM_PROFILE=64; do
  few=$(calls $mode 500) || { [ $? -eq 77 ] && { echo "ptrace is not allowed here"; exit 77; }; fail "no count: $few"; }
  many=$(calls $mode 1500) || fail "no count: $many"
  echo "$mode: $(((many - few) / 1000)) system calls for a malloc and a free on a coroutine, at most $most allowed"
  [ $((many - few)) -gt 500 ] || fail "no stacks were taken"
  [ $((many - few)) -le $((most * 1000)) ] || exit 1
done

# Of a function whose step is unknown, libunwind tells the whole stack. It is asked for that, and not for the step again.
for stacks in HAKMEM_STACKS=unwind HAKMEM_STACKS=auto; do
  few=$(calls HAKMEM_LEAKS=1 50 aligned) && many=$(calls HAKMEM_LEAKS=1 250 aligned) || fail "no count: $few $many"
  echo "$stacks: $(((many - few) / 200)) system calls below a function that aligns its stack"
  [ $stacks = HAKMEM_STACKS=auto ] || alone=$((many - few))
done
[ $((many - few)) -le $((alone + most * 200)) ] || fail "more than $most above libunwind's"
