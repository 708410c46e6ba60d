#!/bin/sh
# slow
# timeout: 600
# The protocols between threads, in the core built with ThreadSanitizer: lists of ended threads, batches among three threads, forks in between, early
# events, requests through the statistics file. No suppressions: what may race by design is marked in the source (READS_RACILY).
. "$(dirname "$0")/sanitize.inc"
build_sanitized thread protocols
fixed=
setarch -R true 2>/dev/null && fixed='setarch -R'
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:die_after_fork=0 HAKMEM_STACKS=off
program="$fixed $dir/tests/fuzz/protocols"
# shellcheck disable=SC2086 # lists of words
for kind in threads batches forks early; do model HAKMEM_RELEASE_DELAY=20 $program $kind; done
# shellcheck disable=SC2086
model HAKMEM_STATS_FILE="$place/requests" $program requests
# shellcheck disable=SC2086
model HAKMEM_FLIGHT_FILE="$place/%p.flight" HAKMEM_STATS_FILE="$place/%p" $program forks
