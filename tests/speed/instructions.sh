#!/bin/sh
# Holds the fast paths: instructions per operation of random_mixed, per call of realloc and malloc_usable_size, and of short-lived threads, as
# callgrind counts them. Such counts are the same in every run, whatever else the machine does. The difference of two lengths leaves start-up and
# warm-up out.
# timeout: 600
set -u
BUILD_DIR=${BUILD_DIR:-$(cd "$(dirname "$0")/../.." && pwd)/build}
export LC_ALL=C
# What is done by the clock (snapshots, decay) comes oftener for an operation the slower the machine is.
export HAKMEM_STATS_INTERVAL=0 HAKMEM_RELEASE_DELAY=1000000
fail() { echo "$*"; exit 1; }
command -v valgrind >/dev/null || { echo "valgrind is not installed (package valgrind)"; exit 77; }
grep -Eq '^CMAKE_BUILD_TYPE:STRING=(RelWithDebInfo|Release)$' "$BUILD_DIR/CMakeCache.txt" || { echo "not an optimised build"; exit 77; }

# Instructions of the C library and its loader in a callgrind file. How many a thread takes there depends on the version.
of_c_library() {
  callgrind_annotate --threshold=100 --auto=no "$1" 2>/dev/null | tr -d , |
    awk '/\/(libc|ld-linux[^\/]*)\.so\.[0-9]+\]/ { sum += $1 } END { print sum + 0 }'
}

# Instructions of a run, for `threads` without the C library's:   run LIBRARY OPERATIONS ARGUMENTS...
run() {
  library=$1 operations=$2
  shift 2
  case $1 in
    -*) set -- "$BUILD_DIR/bin/random_mixed" --warm-up 0 -n "$operations" "$@" ;;
    threads) set -- "$BUILD_DIR/bin/bench_threads" "$2" -t 1 -n "$operations" ;;
    *) set -- "$BUILD_DIR/tests/speed/family" "$1" "$operations" ;;
  esac
  of_run=$(LD_PRELOAD=$library valgrind --tool=callgrind --callgrind-out-file="$counted" "$@" 2>&1 | sed -n 's/.*Collected : \([0-9]*\).*/\1/p')
  case $1 in
    *bench_threads) echo $((of_run - $(of_c_library "$counted"))) ;;
    *) echo "$of_run" ;;
  esac
}

# The numbers below are those of gcc 12. Another compiler's code may have 1 % more instructions, but no more on the fast paths alone.
slack=1.01
[ "$(gcc -dumpversion)" = 12 ] && slack=1

# per_operation MOST LIBRARY ARGUMENTS...
per_operation() {
  most=$1 library=$2
  shift 2
  few=$(run "$library" 400000 "$@") many=$(run "$library" 1200000 "$@")
  [ -n "$few" ] && [ -n "$many" ] || fail "callgrind gave no count for $*"
  awk -v few="$few" -v many="$many" -v most="$(awk "BEGIN { print $most * $slack }")" -v what="$(basename "${library:-no}") $*" 'BEGIN {
    each = (many - few) / 800000
    printf "%s: %.1f instructions per operation, at most %s allowed\n", what, each, most
    exit !(each > 10 && each <= most)
  }' || exit 1
}

# The fast paths alone: instructions of a call of FUNCTION in a loop in which no list runs out.   one_call FUNCTION MOST
one_call() {
  callgrind_annotate --threshold=100 --auto=no "$counted" 2>/dev/null | tr -d , | awk -v name="$1" -v most="$2" '
    $0 ~ ":" name "( |$)" { sum += $1 }
    END {
      each = sum / 200000
      printf "%s: %.1f instructions a call, at most %s allowed\n", name, each, most
      exit !(each > 10 && each <= most)
    }' || exit 1
}

default=$BUILD_DIR/lib/libhakmem.so plain=$BUILD_DIR/lib/libhakmem-plain.so
place=$(mktemp -d) || exit 1
trap 'rm -rf "$place"' EXIT
counted=$place/counted
LD_PRELOAD=$default valgrind --tool=callgrind --callgrind-out-file="$counted" "$BUILD_DIR/bin/random_mixed" --warm-up 0 -n 400000 -w 1 >/dev/null 2>&1 ||
  fail "callgrind does not run"
one_call malloc 24
one_call free 29

per_operation 25 '' --null -w 256              # the loop alone
per_operation 56.9 "$default" -w 1               # no list ever runs out
per_operation 53.2 "$plain" -w 1
per_operation 56.8 "$default" -w 256
per_operation 57.2 "$default" -w 8192
per_operation 53.3 "$plain" -w 256
per_operation 53.4 "$plain" -w 8192
per_operation 74.4 "$default" stays              # of these, the program's own: some 50 for each call, with its comparison of names
per_operation 189 "$default" moves
per_operation 88.7 "$default" usable
per_operation 160 "$default" long
per_operation 376 "$default" threads short_threads # threads that live for 200 operations: their start and end
per_operation 109.4 "$default" threads producer_consumer
export HAKMEM_PROFILE=512K                     # a sample in some thousand operations, with its stack: 2 % more
per_operation 58.4 "$default" -w 8192
unset HAKMEM_PROFILE

# What a process that does nothing pays for a statistics file.
start() {
  HAKMEM_STATS_FILE=$1 LD_PRELOAD=$default valgrind --tool=callgrind --callgrind-out-file=/dev/null /bin/true 2>&1 | sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}
without=$(start '') with=$(start "$place/stats")
[ -s "$place/stats" ] || fail "no statistics file was written"
echo "a statistics file of a short process: $((with - without)) instructions, at most 200000 allowed"
[ $((with - without)) -le 200000 ] || exit 1
