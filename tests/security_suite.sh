#!/bin/sh
# How many programs of mimalloc-bench's `security` suite each mode catches:
#
#   sh tests/security_suite.sh DIRECTORY [MODE...]      DIRECTORY: a checkout of github.com/daanx/mimalloc-bench
#   RUNS=1 sh tests/security_suite.sh DIRECTORY secure  one run of each program instead of five
#
# Without a directory it tests itself on a small suite of the same shape, as the test `security_suite`.
#
# It builds the programs by the suite's own CMakeLists.txt, and runs each of them RUNS times under each mode. As in the suite's own runner, a program is
# caught if it does not print NOT_CAUGHT and ends in time. Time means 10 seconds of processor time, so that other load does not change the result. The table
# says how many programs were caught in every run, and how many in some runs only. Below it, each mode lists what it did not catch in every run.
set -u
SOURCE_DIR=$(cd "$(dirname "$0")/.." && pwd)
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
LIMIT_CPU=${LIMIT_CPU:-10} LIMIT_WALL=60
MODES='glibc plain default secure guard debug debug+guard'

# The environment of a mode, one word a variable; fails if there is no such mode.
environment() {
  case $1 in
    glibc) ;;
    plain) echo "LD_PRELOAD=$BUILD_DIR/lib/libhakmem-plain.so" ;;
    default) echo "LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so HAKMEM_ON_ERROR=abort" ;;
    secure) echo "LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so HAKMEM_SECURE=1" ;;
    guard) echo "LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so HAKMEM_GUARD=1 HAKMEM_ON_ERROR=abort" ;;
    debug) echo "LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so HAKMEM_DEBUG=1" ;;
    debug+guard) echo "LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so HAKMEM_DEBUG=1 HAKMEM_GUARD=1" ;;
    *) return 1 ;;
  esac
}

# One run: `MODE PROGRAM yes|no`.
if [ "${1-}" = --one ]; then
  mode=$2 program=$3
  out=$(mktemp "$WORK/out.XXXXXX") || exit 1
  # shellcheck disable=SC2046 # a list of words
  (ulimit -c 0; ulimit -t $LIMIT_CPU; cd "$WORK" && exec timeout $LIMIT_WALL env $(environment "$mode") "$WORK/programs/$program") >"$out" 2>/dev/null </dev/null
  status=$?
  caught=yes
  case $status in 124 | 137 | 152) caught=no ;; esac # out of time: timeout's status, SIGKILL, SIGXCPU
  ! grep -aq NOT_CAUGHT "$out" || caught=no
  rm -f "$out"
  echo "$mode $program $caught"
  exit 0
fi

fail() { echo "security_suite.sh: $*" >&2; exit 1; }

# build DIRECTORY: the suite's programs in $WORK/programs.
build() {
  [ -f "$1/bench/security/CMakeLists.txt" ] || fail "$1 has no bench/security: give a checkout of github.com/daanx/mimalloc-bench"
  mkdir "$WORK/build" "$WORK/programs"
  cat >"$WORK/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.10)
project(security C CXX)
set(CMAKE_CXX_STANDARD 17)
string(APPEND CMAKE_C_FLAGS " -w")
string(APPEND CMAKE_CXX_FLAGS " -w")
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "$WORK/programs")
add_subdirectory("$(cd "$1" && pwd)/bench/security" security)
END
  { cmake -S "$WORK" -B "$WORK/build" -DCMAKE_BUILD_TYPE=Release && cmake --build "$WORK/build" -j2; } >"$WORK/said" 2>&1 ||
    { tail -n 20 "$WORK/said" >&2; fail "the suite in $1 does not build"; }
}

# measure RUNS MODE...: the table, and what was not caught.
measure() {
  runs=$1
  shift
  for mode in "$@"; do
    environment "$mode" >/dev/null || fail "there is no mode $mode; the modes are $MODES"
  done
  export WORK BUILD_DIR
  for mode in "$@"; do
    for program in "$WORK"/programs/*; do
      for run in $(seq "$runs"); do printf '%s\n%s\n' "$mode" "${program##*/}"; done
    done
  done | xargs -n 2 -P 2 sh "$SOURCE_DIR/tests/security_suite.sh" --one >"$WORK/results" 2>/dev/null
  awk -v modes="$*" -v runs="$runs" '
    { key = $1 " " $2; total[key]++; if ($3 == "yes") yes[key]++ }
    END {
      printf "%-12s %8s %12s %10s\n", "mode", "caught", "in some runs", "programs"
      count = split(modes, mode, " ")
      for (key in total) {
        split(key, part, " ")
        programs[part[1]]++
        if (yes[key] == total[key]) { caught[part[1]]++; continue }
        if (yes[key] > 0) some[part[1]]++
        misses[part[1]] = misses[part[1]] part[2] (yes[key] > 0 ? "(" yes[key] "/" runs ")" : "") "\n"
      }
      for (m = 1; m <= count; m++) printf "%-12s %8d %12d %10d\n", mode[m], caught[mode[m]], some[mode[m]], programs[mode[m]]
      for (m = 1; m <= count; m++) {
        printf "\n%s does not catch:\n", mode[m]
        fflush()
        printf "%s", misses[mode[m]] | "sort | sed \"s/^/  /\""
        close("sort | sed \"s/^/  /\"")
      }
    }' "$WORK/results"
}

# A suite of three programs: one that each mode of hakmem must catch, one that none catches, and one that does not end.
small_suite() {
  mkdir -p "$1/bench/security"
  cat >"$1/bench/security/CMakeLists.txt" <<'END'
foreach(name double_free caught_by_none endless)
  add_executable(${name}_small ${name}.c)
  target_compile_options(${name}_small PRIVATE -fno-builtin)
endforeach()
END
  printf '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { void *p = malloc(8); free(p); free(p); puts("NOT_CAUGHT"); return 0; }\n' >"$1/bench/security/double_free.c"
  printf '#include <stdio.h>\nint main(void) { puts("NOT_CAUGHT"); return 1; }\n' >"$1/bench/security/caught_by_none.c"
  printf 'int main(void) { for (volatile int i = 0;; i++) {} }\n' >"$1/bench/security/endless.c"
}

WORK=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-security.XXXXXX") || exit 1
trap 'rm -rf "$WORK"' EXIT
if [ $# -gt 0 ]; then
  build "$1"
  shift
  # shellcheck disable=SC2086 # a list of words
  measure "${RUNS:-5}" ${*:-$MODES}
  exit
fi

command -v cmake >/dev/null || { echo "cmake is not installed"; exit 77; }
LIMIT_CPU=1
export LIMIT_CPU
small_suite "$WORK/checkout"
build "$WORK/checkout"
measure 1 default secure debug >"$WORK/table"
for mode in default secure debug; do
  grep -q "^$mode  *1  *0  *3$" "$WORK/table" || { cat "$WORK/table"; fail "$mode must catch one program of three"; }
done
equal=$(sed -n '/^secure does not/,/^$/p' "$WORK/table" | tr -s ' \n' ' ')
[ "$equal" = "secure does not catch: caught_by_none_small endless_small " ] || { cat "$WORK/table"; fail "the list of misses is wrong: $equal"; }
