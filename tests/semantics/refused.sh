#!/bin/sh
# slow
# A program under filters that refuse madvise, mprotect, munmap, mremap and mmap in turn, and one with locked memory: in every mode its blocks keep their
# bytes, calloc's are zero, and nothing is said.
. "$(dirname "$0")/common.sh"

number=0
for options in "LD_PRELOAD=$PLAIN" '' HAKMEM_RELEASE_DELAY=0 HAKMEM_SS_LIMIT=1 HAKMEM_TRACE=full HAKMEM_DEBUG=1 HAKMEM_GUARD=1 HAKMEM_GUARD=7 \
  HAKMEM_PROFILE=64K HAKMEM_SECURE=1; do
  # shellcheck disable=SC2086 # a list of words
  env LD_PRELOAD="$DEFAULT" $options "$programs/refused" $number >"$place/out" 2>&1
  status=$?
  [ $status -eq 77 ] && skip "this system cannot refuse system calls"
  [ $status -eq 0 ] && [ ! -s "$place/out" ] || { head -n 40 "$place/out"; fail "exit status $status with errno number $number and $options"; }
  number=$((number + 1))
done
