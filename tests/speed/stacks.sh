#!/bin/sh
# Holds what a stack costs on a coroutine, and in code without unwind tables: the kernel reads it in a few pieces, or not at all. libunwind, a step at a time,
# would make a hundred system calls for each.
# timeout: 120
set -u
BUILD_DIR=${BUILD_DIR:-$(cd "$(dirname "$0")/../.." && pwd)/build}
default=$BUILD_DIR/lib/libhakmem.so programs=$BUILD_DIR/tests/speed
fail() { echo "$*"; exit 1; }
nm -D "$default" | grep -q ' dl_iterate_phdr$' || { echo "built without events"; exit 77; }
HAKMEM_STACKS=unwind HAKMEM_LEAKS=1 LD_PRELOAD=$default "$programs/coroutine" 1 2>&1 | grep -q 'there are no stacks' && {
  echo "built without HAKMEM_BACKTRACE, or libunwind is not installed"
  exit 77
}
# What follows the clock makes system calls, too.
export HAKMEM_STATS_INTERVAL=0 HAKMEM_RELEASE_DELAY=1000000

# calls OPTION PROGRAM PAIRS [aligned]
calls() {
  option=$1 program=$2
  shift 2
  LD_PRELOAD= "$programs/system_calls" /usr/bin/env LD_PRELOAD="$default" "$option" ${stacks:+"$stacks"} "$programs/$program" "$@" 2>/dev/null
}
# hold PROGRAM WHERE LEAST MOST: system calls for a thousand pairs of malloc and free
hold() {
  for mode in HAKMEM_LEAKS=1 HAKMEM_PROFILE=64; do
    few=$(calls $mode "$1" 500) || { [ $? -eq 77 ] && { echo "ptrace is not allowed here"; exit 77; }; fail "no count: $few"; }
    many=$(calls $mode "$1" 1500) || fail "no count: $many"
    echo "$mode: $((many - few)) system calls for 1000 pairs of malloc and free $2, at most $4 allowed"
    [ $((many - few)) -ge "$3" ] || fail "no stacks were taken"
    [ $((many - few)) -le "$4" ] || exit 1
  done
}
hold coroutine "on a coroutine" 501 8000
hold bare "below code without unwind tables" 0 100

# Of a function whose step is unknown, libunwind tells the whole stack. It is asked for that, and not for the step again, which would be a third more. Where the
# stacks lie differs from run to run, and with it some of the calls: hence the least of five runs.
least() {
  least=
  for run in 1 2 3 4 5; do
    few=$(calls HAKMEM_LEAKS=1 coroutine 50 aligned) && many=$(calls HAKMEM_LEAKS=1 coroutine 250 aligned) || fail "no count: $few $many"
    [ -n "$least" ] && [ "$least" -le $(((many - few) / 200)) ] || least=$(((many - few) / 200))
  done
  echo "$stacks: $least system calls below a function that aligns its stack"
}
stacks=HAKMEM_STACKS=unwind
least
alone=$least stacks=HAKMEM_STACKS=auto
least
[ "$least" -le $((alone + alone / 10)) ] || fail "more than a tenth above libunwind's"
