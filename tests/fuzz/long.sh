#!/bin/sh
# A coverage-guided fuzzer finds nothing in MINUTES (10), shared by all targets. It begins with the corpora of the repository, and with what earlier
# calls found in the directory FUZZ_INPUTS, if it is set.
#
#   sh tests/fuzz/long.sh [MINUTES [TARGET...]]
#   sh tests/fuzz/long.sh --shrink TARGET    writes corpus/TARGET.hex anew: the smallest inputs of it and of FUZZ_INPUTS that reach as much
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/targets.inc"
build_targets
export TMPDIR="$place" HAKMEM_STACKS=off

if [ "${1-}" = --shrink ]; then
  corpus=$SOURCE_DIR/tests/fuzz/corpus/$2.hex
  unpack "$corpus" "${FUZZ_INPUTS:-$place/inputs}/$2"
  mkdir "$place/fewer"
  "$targets/$2" -merge=1 -max_len=256 "$place/fewer" "${FUZZ_INPUTS:-$place/inputs}/$2" >"$place/log" 2>&1 || { tail -n 20 "$place/log"; exit 1; }
  { grep -s '#' "$corpus"; pack "$place/fewer" | head -c "${FUZZ_BYTES:-6000}" | sed '$d'; } >"$place/hex" # what is explained stays
  mv "$place/hex" "$corpus"
  exit
fi

minutes=${1:-10}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- $(ls "$targets")
failed=0
for target in "$@"; do fuzz $((minutes * 60 / $# + 1)) "$target" || failed=1; done
exit $failed
