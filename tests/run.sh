#!/bin/sh
# Installs what is missing, builds hakmem into ./build with gcc, and runs its tests, two at a time:
#
#   sh tests/run.sh             the short ones, which are most
#   sh tests/run.sh --long      all of them
#   sh tests/run.sh PATTERN     those whose name contains PATTERN (a shell pattern), long ones too
#
# One line per test: `ok NAME seconds`, `FAIL NAME seconds` with the end of its output, or `skip NAME reason`. The last line is
# `N passed, N failed, N skipped`; the exit status is 0 where none failed, 1 where one did, 2 for a bad call.
#
# A test is a unit test program of tests/unit, or a script tests/*.sh or tests/*/*.sh (common.sh is not one). It runs in the
# source directory with BUILD_DIR and SOURCE_DIR set and a TMPDIR of its own that is deleted afterwards. It passes with exit
# status 0 and is skipped with 77, its last line being the reason. `# timeout: SECONDS` in a script allows it more than 300.
# A script that says `# slow` is started first. One that says `# long` takes minutes, or needs packages that are no part of
# hakmem's own needs (other systems, big programs).
set -u

cd "$(dirname "$0")/.." || exit 2
SOURCE_DIR=$PWD
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
export SOURCE_DIR BUILD_DIR

now_ms() { echo $(($(date +%s%N) / 1000000)); }

seconds() { printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100)); }

# ---- One test, in a process of its own: run.sh --one NAME, RESULTS set. ----

run_one() {
  name=$1
  [ -e "$RESULTS/stop" ] && exit 255 # xargs starts no more
  case $name in
    unit/*) file=$BUILD_DIR/tests/$name limit=300 ;;
    *) file=tests/$name.sh limit=$(sed -n 's/^# timeout: //p' "tests/$name.sh") ;;
  esac
  place=$RESULTS/$$
  mkdir "$place"
  start=$(now_ms)
  case $file in
    *.sh) set -- sh "$file" ;;
    *) set -- "$file" ;;
  esac
  # Signals that the shell ignores in the background are as usual for the test.
  TMPDIR=$place sh -c 'echo $$ >"$RESULTS/$PPID.pid"; exec "$@"' sh \
    env -u RESULTS --default-signal=INT,QUIT timeout -k 10 "${limit:-300}" "$@" >"$RESULTS/$$.out" 2>&1 </dev/null
  status=$?
  rm -rf "$RESULTS/$$.pid" "$place"
  [ -e "$RESULTS/stop" ] && exit 255
  took=$(seconds $(($(now_ms) - start)))
  out=$RESULTS/$$.out
  case $status in
    0) result=passed line="ok $name $took" ;;
    77) result=skipped line="skip $name $(tail -n 1 "$out")" ;;
    124 | 137) result=failed line="FAIL $name $took, stopped after ${limit:-300} s" ;;
    *) result=failed line="FAIL $name $took, exit status $status" ;;
  esac
  if [ $result = failed ]; then
    line="$line
$(tail -n 40 "$out" | sed 's/^/    /')"
  fi
  echo "$name" >>"$RESULTS/$result"
  printf '%s\n' "$line"
  exit 0
}

if [ "${1-}" = --one ]; then run_one "$2"; fi

# ---- All tests. ----

long=
if [ "${1-}" = --long ]; then
  long=yes
  shift
fi
case ${1-} in -*) set -- '' '' ;; esac
[ $# -le 1 ] || { echo "usage: sh tests/run.sh [--long] [PATTERN]" >&2; exit 2; }
pattern=${1-}

RESULTS=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-tests.XXXXXX") || exit 2
export RESULTS
runner=

# Ends what still runs. (timeout hands the signal on to its test.)
stop() {
  trap '' INT TERM HUP
  : >"$RESULTS/stop"
  for file in "$RESULTS"/*.pid; do
    [ -e "$file" ] && kill -TERM "$(cat "$file")" 2>/dev/null
  done
  [ -n "$runner" ] && wait "$runner"
  echo "interrupted" >&2
  exit 130
}
trap 'rm -rf "$RESULTS"' EXIT
trap stop INT TERM HUP

count() { if [ -e "$RESULTS/$1" ]; then wc -l <"$RESULTS/$1"; else echo 0; fi; }

finish() {
  failed=$(count failed)
  if [ "$failed" -gt 0 ]; then
    echo "failed:"
    sed 's/^/    /' "$RESULTS/failed"
  fi
  echo "$(count passed) passed, $failed failed, $(count skipped) skipped"
  [ "$failed" -eq 0 ]
  exit
}

# Runs a step of the build; where it fails there is nothing to test.
step() {
  "$@" >"$RESULTS/step" 2>&1 && return
  echo "FAIL build: $*"
  tail -n 60 "$RESULTS/step" | sed 's/^/    /'
  echo build >>"$RESULTS/failed"
  finish
}

tests() {
  for file in tests/unit/*.c; do basename "$file" .c | sed 's|^|unit/|'; done
  for file in tests/*.sh tests/*/*.sh; do
    case $file in
      tests/run.sh | */common.sh) continue ;;
    esac
    [ -e "$file" ] || continue
    name=${file#tests/}
    echo "${name%.sh}"
  done
}

slow_first() {
  while read -r name; do
    if grep -qs '^# slow' "tests/$name.sh"; then echo "0 $name"; else echo "1 $name"; fi
  done | sort -s -k 1,1 | cut -d ' ' -f 2
}

matching() {
  while read -r name; do
    [ -n "$long$pattern" ] || ! grep -qs '^# long' "tests/$name.sh" || continue
    # shellcheck disable=SC2254 # a pattern is meant
    case $name in
      *$pattern*) echo "$name" ;;
    esac
  done
}

sh tools/machine.sh || { echo "FAIL machine"; echo machine >>"$RESULTS/failed"; finish; }
sh tools/packages.sh build || { echo "FAIL packages"; echo packages >>"$RESULTS/failed"; finish; }
# shellcheck disable=SC2086 # a list of words
sh tools/packages.sh record test ${long:+programs aarch64} || echo "Tests that need what is missing will be skipped." >&2

tests | matching | slow_first >"$RESULTS/list"
[ -s "$RESULTS/list" ] || { echo "run.sh: no test has a name that contains '$pattern'" >&2; exit 2; }

echo "Building in $BUILD_DIR"
step env CC=gcc CXX=g++ cmake -S . -B "$BUILD_DIR" -DHAKMEM_TESTS=ON -DHAKMEM_TOOLS=ON -DHAKMEM_TRACEPOINTS=ON \
  -DHAKMEM_BACKTRACE=ON -DHAKMEM_VALGRIND=ON
step cmake --build "$BUILD_DIR" -j "$(nproc)"

xargs -P 2 -n 1 sh tests/run.sh --one <"$RESULTS/list" &
runner=$!
wait "$runner"
runner=
finish
