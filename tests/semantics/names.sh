#!/bin/sh
# Every name, with glibc's semantics; malloc_stats says something.
. "$(dirname "$0")/common.sh"
everywhere "$programs/names"
LD_PRELOAD=$DEFAULT "$programs/names" --stats 2>&1 | grep -q . || fail "malloc_stats says nothing"
