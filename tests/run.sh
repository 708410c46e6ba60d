#!/bin/sh
# Installs what is missing, builds hakmem into ./build with gcc, and runs its tests, two at a time:
#
#   sh tests/run.sh                    the short ones, which are most
#   sh tests/run.sh --long             all of them
#   sh tests/run.sh PATTERN            those whose name contains PATTERN (a shell pattern), long ones too
#
#   --no-install       installs no package; what needs a missing one is not built, or skipped
#   --max-skips N      fails if more than N tests are skipped
#   --seed N|random    the seed of the random tests; 29 if none is given
#
# One line per test: `ok NAME seconds`, `FAIL NAME seconds` with the end of its output, or `skip NAME reason`. The last line is
# `N passed, N failed, N skipped`; the exit status is 0 if none failed, 1 if one did or too many were skipped, 2 for a bad call.
#
# The list of tests is build/tests/list, which CMake writes; `ctest --test-dir build` runs the same. tests/README.md says how to write one.
set -u

cd "$(dirname "$0")/.." || exit 2
SOURCE_DIR=$PWD
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
export SOURCE_DIR BUILD_DIR

now_ms() { echo $(($(date +%s%N) / 1000000)); }

seconds() { printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100)); }

# ---- One test and its line, in a process of its own: run.sh --one NAME, RESULTS set. ----

run_one() {
  name=$1
  [ -e "$RESULTS/stop" ] && exit 255 # xargs starts no more
  out=$RESULTS/$$.out
  start=$(now_ms)
  sh -c 'echo $$ >"$RESULTS/$PPID.pid"; exec env -u RESULTS sh tests/one.sh "$1"' sh "$name" >"$out" 2>&1 </dev/null
  status=$?
  rm -f "$RESULTS/$$.pid"
  [ -e "$RESULTS/stop" ] && exit 255
  took=$(seconds $(($(now_ms) - start)))
  case $status in
    0) result=passed line="ok $name $took" ;;
    77) result=skipped line="skip $name $(tail -n 1 "$out")" ;;
    124 | 137) result=failed line="FAIL $name $took, stopped because it took too long" ;;
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

bad_call() {
  echo "run.sh: $1; usage: sh tests/run.sh [--long] [--no-install] [--max-skips N] [--seed N|random] [PATTERN]" >&2
  exit 2
}

is_number() { case $1 in '' | *[!0-9]*) return 1 ;; esac }

long='' install=yes most='' TEST_SEED=29
while [ $# -gt 0 ]; do
  case $1 in
    --long) long=yes ;;
    --no-install) install='' ;;
    --max-skips)
      is_number "${2-}" || bad_call "--max-skips needs a number"
      most=$2
      shift
      ;;
    --seed)
      TEST_SEED=${2-}
      [ "$TEST_SEED" != random ] || TEST_SEED=$(od -A n -t u4 -N 4 /dev/urandom | tr -d ' ')
      is_number "$TEST_SEED" || bad_call "--seed needs a number, or the word random"
      shift
      ;;
    -*) bad_call "there is no option $1" ;;
    *) break ;;
  esac
  shift
done
[ $# -le 1 ] || bad_call "only one pattern is possible"
pattern=${1-}
export TEST_SEED

RESULTS=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-tests.XXXXXX") || exit 2
export RESULTS
runner=

# Ends the tests that still run. (one.sh hands the signal on to its test.)
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
  failed=$(count failed) skipped=$(count skipped)
  bad=$failed
  if [ "$failed" -gt 0 ]; then
    echo "failed, with --seed $TEST_SEED:"
    sed 's/^/    /' "$RESULTS/failed"
  fi
  if [ -n "$most" ] && [ "$skipped" -gt "$most" ]; then
    echo "skipped, and at most $most may be:"
    sed 's/^/    /' "$RESULTS/skipped"
    bad=1
  fi
  echo "$(count passed) passed, $failed failed, $skipped skipped"
  [ "$bad" -eq 0 ]
  exit
}

# Something that must be there before any test can run.
must() { "$@" || { echo "FAIL $*"; echo "$*" >>"$RESULTS/failed"; finish; }; }

# Runs a step of the build; if it fails there is nothing to test.
step() {
  "$@" >"$RESULTS/step" 2>&1 && return
  echo "FAIL build: $*"
  tail -n 60 "$RESULTS/step" | sed 's/^/    /'
  echo build >>"$RESULTS/failed"
  finish
}

# Of the lines "cost length name" in the list: the names that were asked for, the slow ones first.
wanted() {
  sort -s -r -n -k 1,1 "$BUILD_DIR/tests/list" | while read -r _ length name; do
    [ -n "$long$pattern" ] || [ "$length" = short ] || continue
    # shellcheck disable=SC2254 # a pattern is meant
    case $name in
      *$pattern*) echo "$name" ;;
    esac
  done
}

# Says which tests will be skipped because the machine lacks $1.
say_skipped() {
  sh tools/machine.sh "$1" && return
  while read -r name; do
    case $name in
      unit/*) [ "$1" != /dev/shm ] || printf ' %s' "$name" ;; # Criterion needs it
      *) ! grep -q "^# needs: .*$1" "tests/$name.sh" || printf ' %s' "$name" ;;
    esac
  done <"$RESULTS/list" | sed 's/^/    skipped for it:/; s/$/\n/'
}

echo "Seed $TEST_SEED"
must sh tools/machine.sh /dev/null /proc
packages='record test'
[ -z "$long" ] || packages="$packages programs aarch64 packages"
# Without packages to install, CMake leaves out what cannot be built.
features=ON
if [ -n "$install" ]; then
  must sh tools/packages.sh build
  # shellcheck disable=SC2086 # a list of words
  sh tools/packages.sh $packages || echo "Tests that need what is missing will be skipped." >&2
else
  features=AUTO
  # shellcheck disable=SC2086
  sh tools/packages.sh --missing build $packages || echo "Tests that need one of these packages will be skipped."
fi

echo "Building in $BUILD_DIR"
step env CC=gcc CXX=g++ cmake -S . -B "$BUILD_DIR" -DHAKMEM_TESTS=ON -DHAKMEM_FAULTS=ON -DHAKMEM_TOOLS=$features -DHAKMEM_TRACEPOINTS=$features \
  -DHAKMEM_BACKTRACE=$features -DHAKMEM_VALGRIND=$features -DHAKMEM_PPROF=$features
wanted >"$RESULTS/list"
[ -s "$RESULTS/list" ] || { echo "run.sh: no test has a name that contains '$pattern'" >&2; exit 2; }
for thing in /dev/shm /dev/pts user-namespaces; do say_skipped $thing; done
step cmake --build "$BUILD_DIR" -j "$(nproc)"

xargs -P 2 -n 1 sh tests/run.sh --one <"$RESULTS/list" &
runner=$!
wait "$runner"
runner=
finish
