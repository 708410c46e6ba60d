#!/bin/sh
# slow
# timeout: 600
# A coverage-guided fuzzer finds nothing in a few seconds: not in the readers of files and options, not in what is printed, not in sequences of calls.
# `sh tests/fuzz/long.sh MINUTES` looks for longer.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/targets.inc"
build_targets
export TMPDIR="$place"
fuzz runs=20000 addresses || exit 1
fuzz runs=10000 condition || exit 1
fuzz runs=10000 elf || exit 1
fuzz runs=10000 files || exit 1
fuzz runs=10000 jit || exit 1
fuzz runs=3000 options || exit 1
fuzz runs=200 stats || exit 1
fuzz runs=10000 text || exit 1
HAKMEM_STACKS=off fuzz runs=1500 calls
