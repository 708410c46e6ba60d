#!/bin/sh
# Holds the price of a short process under `hakmem run`: the system calls of /bin/true with a statistics file. Times depend on the machine and on the file
# system, and are not tested.
# timeout: 60
set -u
BUILD_DIR=${BUILD_DIR:-$(cd "$(dirname "$0")/../.." && pwd)/build}
default=$BUILD_DIR/lib/libhakmem.so
most=70
fail() { echo "$*"; exit 1; }
place=$(mktemp -d) || exit 1
trap 'rm -rf "$place"' EXIT

calls() {
  LD_PRELOAD= "$BUILD_DIR/tests/speed/system_calls" /usr/bin/env LD_PRELOAD="$1" HAKMEM_STATS_FILE="$2" /bin/true
}
without=$(calls "$default" "") || { [ $? -eq 77 ] && { echo "ptrace is not allowed here"; exit 77; }; fail "no count: $without"; }
with=$(calls "$default" "$place/stats") || fail "no count: $with"
[ -s "$place/stats" ] || fail "no statistics file was written"
[ "$without" -gt 20 ] || fail "only $without system calls without a statistics file"
echo "a statistics file of a short process: $((with - without)) system calls, at most $most allowed"
[ $((with - without)) -le $most ] || exit 1
[ "$(du -k "$place/stats" | cut -f 1)" -le 64 ] || fail "it takes $(du -k "$place/stats") KB of the disk, more than 64"

# The address space that the library takes from a program under RLIMIT_AS, beside the blocks.
space() { LD_PRELOAD=$1 grep VmSize /proc/self/status | tr -dc 0-9; }
took=$(($(space "$default") - $(space "")))
echo "address space of the library: $took KB, at most 12300 allowed"
[ "$took" -gt 0 ] && [ "$took" -le 12300 ] || exit 1
