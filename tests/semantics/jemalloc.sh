#!/bin/sh
# jemalloc's extended interface, in every mode; and what is checked holds over jemalloc itself, if that is installed.
. "$(dirname "$0")/common.sh"
everywhere "$programs/jemalloc"
for mode in HAKMEM_DEBUG=1 HAKMEM_GUARD=1 HAKMEM_ON_ERROR=abort; do # the first two keep freed blocks; the last seals each huge block
  env $mode LD_PRELOAD="$DEFAULT" "$programs/jemalloc" blocks >"$place/out" 2>&1 || { status=$?; head -n 30 "$place/out"; fail "with $mode: exit status $status"; }
  [ ! -s "$place/out" ] || { head -n 30 "$place/out"; fail "with $mode it says something"; }
done
for library in /usr/lib/*/libjemalloc.so.2; do
  [ -e "$library" ] || continue
  LD_PRELOAD=$library "$programs/jemalloc" libjemalloc >"$place/out" 2>&1 || { status=$?; head -n 30 "$place/out"; fail "over jemalloc: exit status $status"; }
done
