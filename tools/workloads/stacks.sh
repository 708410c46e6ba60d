#!/bin/sh
# Nanoseconds that one stack takes, by frame pointers and by libunwind, in a program 10 and 30 calls deep: the least of many rounds.
#   sh tools/workloads/stacks.sh [BUILD]
set -eu
build=${1:-$(dirname "$0")/../../build}
run() { HAKMEM_STATS_INTERVAL=0 HAKMEM_TRACE=full HAKMEM_STACKS=$1 LD_PRELOAD="$build/lib/libhakmem.so" "$build/bin/bench_stacks"; }
off=$(run off)
echo "| ns per stack | 10 calls deep | 30 calls deep |"
echo "|---|---|---|"
for how in auto fp unwind; do
  { echo "$off"; run $how; } | awk -v how=$how '{ if (NR <= 2) off[$1] = $2; else ns[$1] = ($2 - off[$1]) / 2 }
    END { printf "| `%s` | %.0f | %.0f |\n", how, ns[10], ns[30] }'
done
