#!/bin/sh
# Runs one test by its name:   sh tests/one.sh unit/alloc
#
# ctest and run.sh start every test through this script. tests/README.md says what a test is and what its head can ask for. The test runs in the
# source directory, with BUILD_DIR, SOURCE_DIR and TEST_SEED set, and with a TMPDIR of its own that is deleted afterwards. The exit status is the
# test's: 0 passed, 77 skipped (its last line is the reason), 124 or 137 stopped because it took too long.
set -u
name=${1:?a name such as unit/alloc}
cd "$(dirname "$0")/.." || exit 2
export SOURCE_DIR="$PWD" BUILD_DIR="${BUILD_DIR:-$PWD/build}" TEST_SEED="${TEST_SEED:-29}"

case $name in
  unit/*) script='' needs=/dev/shm ;; # Criterion's
  *) script=tests/$name.sh needs=$(sed -n 's/^# needs: //p' "tests/$name.sh") || exit 2 ;;
esac
# shellcheck disable=SC2086 # a list of words
[ -z "$needs" ] || sh tools/machine.sh $needs 2>&1 || exit 77
limit=$([ -z "$script" ] || sed -n 's/^# timeout: //p' "$script")

TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-test.XXXXXX") || exit 2
export TMPDIR
if [ -n "$script" ]; then set -- sh "$script"; else set -- "$BUILD_DIR/tests/$name"; fi
# In the background, so that a signal is handed on at once. The shell ignores INT and QUIT in the background; the test must not.
# ctest leaves descriptors of its own open.
env --default-signal=INT,QUIT timeout -k 10 "${limit:-300}" "$@" </dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
test=$!
trap 'kill -TERM $test 2>/dev/null' INT TERM HUP
while :; do # a signal ends `wait` early
  wait $test
  status=$?
  kill -0 $test 2>/dev/null || break
done
rm -rf "$TMPDIR"
exit $status
