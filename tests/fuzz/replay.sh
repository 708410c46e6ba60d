#!/bin/sh
# Every input of fuzz/corpus/ is read without a fault by a build without sanitizers: each is one that a fuzzer reached new code with, or a fault that it found.
. "$(dirname "$0")/common.sh"
[ -d "$BUILD_DIR/tests/fuzz/targets" ] || { echo "this build has no companion program, or one without pprof"; exit 77; }
export TMPDIR="$place"
for target in "$BUILD_DIR"/tests/fuzz/targets/*; do
  name=$(basename "$target")
  corpus=$SOURCE_DIR/tests/fuzz/corpus/$name.hex
  [ -e "$corpus" ] || { echo "$name has no corpus: $corpus"; exit 1; }
  timeout 120 "$target" "$corpus" >"$place/out" 2>"$place/err" || {
    status=$?
    tail -n 5 "$place/err"
    echo "$name: exit status $status on an input of $corpus"
    exit 1
  }
  echo "$name: $(cat "$place/out")"
done
