#!/bin/sh
# A page of the heap that the program keeps from its children (MADV_DONTFORK, MADV_WIPEONFORK): the child ends well, and nothing is reported of it.
. "$(dirname "$0")/common.sh"
# holds CASE OPTION...
holds() {
  case=$1
  shift
  env "$@" timeout 60 "$programs/kept_from_child" "$case" >"$place/out" 2>&1
  status=$?
  [ $status -ne 77 ] || skip "the kernel has no such advice"
  [ $status -eq 0 ] && ! grep -q 'TLS_SLL_HDR_RESET' "$place/out" || { cat "$place/out"; fail "exit status $status: $case with $*"; }
}
holds dontfork "LD_PRELOAD=$PLAIN"
for options in HAKMEM_TRACE=off HAKMEM_TRACE=full HAKMEM_SECURE=1 HAKMEM_DEBUG=1 HAKMEM_GUARD=1 HAKMEM_GUARD=100 HAKMEM_LEAKS=1 HAKMEM_STATS=1 HAKMEM_PROFILE=64K; do
  holds dontfork "$options" "LD_PRELOAD=$DEFAULT"
done
for options in HAKMEM_TRACE=off HAKMEM_SECURE=1 HAKMEM_DEBUG=1 HAKMEM_GUARD=1 HAKMEM_LEAKS=1 HAKMEM_STATS=1; do holds wipe "$options" "LD_PRELOAD=$DEFAULT"; done
exit 0
