#!/bin/sh
# timeout: 400
# A storm of forks while threads allocate; with everything switched on, too: every process writes a statistics file of its own.
. "$(dirname "$0")/common.sh"
everywhere "$programs/fork" 150

mkdir "$place/stats"
HAKMEM_STATS_FILE="$place/stats/%p" HAKMEM_STATS_INTERVAL=1 HAKMEM_STATS_SAMPLE=1 HAKMEM_SS_LIMIT=2 HAKMEM_RELEASE_DELAY=0 \
  HAKMEM_LOG=all HAKMEM_LOG_FILE="$place/log" LD_PRELOAD=$DEFAULT "$programs/fork" 40 || fail "exit status $? with all options"
files=$(find "$place/stats" -type f | wc -l)
[ "$files" -eq 51 ] || fail "51 processes (40 children, 10 grandchildren, 1 parent) left $files statistics files"
