#!/bin/sh
# Holds the short paths of operator new and delete: instructions for a pair of calls, as callgrind counts them, beyond those of malloc and free.
set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD_DIR=${BUILD_DIR:-$here/../../build}
export LC_ALL=C HAKMEM_STATS_INTERVAL=0 HAKMEM_RELEASE_DELAY=1000000
for tool in valgrind g++; do command -v $tool >/dev/null || { echo "$tool is not installed"; exit 77; }; done
grep -Eq '^CMAKE_BUILD_TYPE:STRING=(RelWithDebInfo|Release)$' "$BUILD_DIR/CMakeCache.txt" || { echo "not an optimised build"; exit 77; }
place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-speed.XXXXXX") || exit 1
trap 'rm -rf "$place"' EXIT
g++ -std=c++17 -O1 -fno-builtin -w "$here/operators.cc" -o "$place/operators" || exit 1

count() {
  LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so valgrind --tool=callgrind --callgrind-out-file=/dev/null "$place/operators" "$1" "$2" 2>&1 |
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}
# pair FORM MOST: a look at the clock, which a busy machine takes more often, only adds instructions. So the least of a few counts is the path's own.
pair() {
  for try in 1 2 3; do
    few=$(count "$1" 100000) many=$(count "$1" 300000)
    [ -n "$few" ] && [ -n "$many" ] || { echo "callgrind gave no count for $1"; exit 1; }
    awk -v few="$few" -v many="$many" -v most="$2" -v what="$1" 'BEGIN {
      each = (many - few) / 200000
      printf "%s: %.2f instructions for new and delete, at most %s allowed\n", what, each, most
      exit !(each > 20 && each <= most)
    }' && return
  done
  exit 1
}
pair plain 68   # of these, the program's own and the jumps to the library: some 17
pair array 73.9
pair sized 84.4
pair nothrow 78.8
