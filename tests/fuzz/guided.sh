#!/bin/sh
# slow
# timeout: 600
# A coverage-guided fuzzer finds nothing in a few seconds: not in the readers of files and options, not in what is printed, not in sequences of calls.
# `sh tests/fuzz/long.sh MINUTES` looks for longer.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/targets.inc"
build_targets
export TMPDIR="$place"
export HAKMEM_STACKS=off # of wrong calls
for runs in addresses:10000 calls:400 condition:5000 elf:5000 files:5000 jit:5000 merge:150 options:2000 pages:250 stats:100 text:5000 trace:800; do
  fuzz runs=${runs#*:} ${runs%:*} || exit 1
done
