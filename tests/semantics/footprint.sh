#!/bin/sh
# Blocks take what they need, in every mode: large ones no room to grow on and no memory until they are written to, and aligned ones no memory for what
# lies before them. In the debugging mode, a fork has little to copy.
. "$(dirname "$0")/common.sh"

# takes_little LIBRARY OPTION WHAT NUMBER [NUMBER]
takes_little() {
  env LD_PRELOAD="$1" "$2" "$programs/footprint" "$3" "$4" ${5:+"$5"} >"$place/out" 2>&1 && return
  cat "$place/out"
  fail "footprint $3 fails with $2 over $1"
}
for option in HAKMEM_DEBUG=0 HAKMEM_DEBUG=1 HAKMEM_GUARD=1 HAKMEM_GUARD=7 HAKMEM_PROFILE=64K HAKMEM_TRACE=full; do
  room=0 times=1
  [ $option = HAKMEM_DEBUG=1 ] && room=1 times=4 # of address space: if an error ends the process, closed memory lies behind each large block
  takes_little "$DEFAULT" $option aligned $room
  takes_little "$DEFAULT" $option untouched 16
  (ulimit -v 300000 && takes_little "$DEFAULT" $option large 12000 $times) || exit 1 # with little room, few blocks lie against guard pages
done
# A process of more than 2 GiB requests huge pages for new SuperSlabs. They must not make all of a large block resident of which the program uses a part.
takes_little "$DEFAULT" HAKMEM_HUGE_PAGES=1 sparse 16
takes_little "$PLAIN" HAKMEM_HUGE_PAGES=1 sparse 16
takes_little "$DEFAULT" HAKMEM_DEBUG=1 forks 350 30000 # what a fork copies: 16 MiB of freed blocks wait in the quarantine
takes_little "$DEFAULT" HAKMEM_DEBUG=0 turns 260
takes_little "$PLAIN" HAKMEM_DEBUG=0 turns 260
takes_little "$DEFAULT" HAKMEM_DEBUG=0 threads 160000 # 78000 to 96000 were seen
# Arrays that change their sizes: about as much as the best of jemalloc, mimalloc and tcmalloc takes, at one of three tries.
resized=fail
for try in 1 2 3; do
  LD_PRELOAD=$DEFAULT "$programs/footprint" resized 162 >"$place/out" 2>&1 && resized=well && break
done
[ $resized = well ] || { cat "$place/out"; fail "arrays that change their sizes take too much memory, $try times"; }
takes_little "$PLAIN" HAKMEM_DEBUG=0 aligned 0
takes_little "$PLAIN" HAKMEM_DEBUG=0 large 4000

# Only realloc's blocks get room to grow on; in the debugging mode, which takes its blocks from the core, malloc's get none either.
(ulimit -v 300000 && HAKMEM_DEBUG=1 HAKMEM_STATS=1 LD_PRELOAD=$DEFAULT "$programs/footprint" large 12000 4 >"$place/out" 2>&1) || fail "no statistics in the debugging mode"
grep -q '^legacy: none$' "$place/out" || { grep '^legacy' "$place/out"; fail "malloc's blocks lie in mappings that have room to grow"; }
