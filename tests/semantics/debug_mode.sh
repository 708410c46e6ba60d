#!/bin/sh
# slow
# The debugging mode: every write within 64 bytes of a block, every write after a free, each of them soon, what memory reads as, how long freed blocks wait, impossible
# sizes, threads and forks. The programs compare each report with what they did; they say what is not so.
. "$(dirname "$0")/common.sh"

# holds PROGRAM WHAT OPTION...
holds() {
  program=$1 what=$2
  shift 2
  env HAKMEM_DEBUG=1 HAKMEM_ON_ERROR=report HAKMEM_DEBUG_QUARANTINE=64K HAKMEM_STACKS=off LD_PRELOAD="$DEFAULT" "$@" timeout 200 "$programs/$program" "$what" \
    >"$place/out" 2>"$place/err"
  status=$?
  [ $status -eq 0 ] && [ ! -s "$place/out" ] && return
  cat "$place/out"
  tail -n 20 "$place/err"
  fail "$program $what: exit status $status with: $*"
}

holds debug_borders borders
holds debug_borders borders HAKMEM_DEBUG_REDZONE=65 HAKMEM_DEBUG_FILL=165
(ulimit -v 1000000 && holds debug_borders borders_full) || exit 1
holds debug_borders writes_after_free
holds debug_borders writes_after_free HAKMEM_DEBUG_FILL=165
holds debug_borders nothing
for fill in 0 165 183; do holds debug_mode filling HAKMEM_DEBUG_FILL=$fill; done
holds debug_mode quarantine_bytes HAKMEM_RELEASE_DELAY=1000000 # or a slow machine finds the blocks in another order
holds debug_mode sizes
holds debug_mode quarantine_order HAKMEM_RELEASE_DELAY=1000000 HAKMEM_DEBUG_QUARANTINE=48000
holds debug_mode at_exit HAKMEM_DEBUG_QUARANTINE=16M
holds debug_mode threads
holds debug_mode threads HAKMEM_STACKS=auto HAKMEM_DEBUG_QUARANTINE=16M
holds debug_mode forks
for fill in 0 165; do holds debug_mode many_forks HAKMEM_DEBUG_QUARANTINE=16M HAKMEM_DEBUG_FILL=$fill; done
# Soon: with a quarantine that keeps all that was freed.
for what in recent recent_guarded swept; do holds debug_soon $what HAKMEM_DEBUG_QUARANTINE=16M; done
holds debug_soon nothing_wrong
holds debug_soon nothing_wrong HAKMEM_GUARD=1
holds debug_soon nothing_wrong HAKMEM_DEBUG_QUARANTINE=0
holds debug_soon closed
holds debug_soon closed HAKMEM_GUARD=1
