#!/bin/sh
# A thousand threads at once, an exit while others drain, cancelled threads, a signal every 100 us, libraries that come and go under load: in every mode
# the program ends well, and nothing is said.
. "$(dirname "$0")/common.sh"
gcc -D_GNU_SOURCE -O1 -g -fPIC -shared -pthread -o "$place/plugin.so" "$SOURCE_DIR/tests/semantics/plugin.c" || fail "plugin.c does not build"

# A quarantine of 16 MB would still be filling up while `cancel` looks at the memory.
number=0
for options in "LD_PRELOAD=$PLAIN" HAKMEM_TRACE=off HAKMEM_TRACE=full "HAKMEM_DEBUG=1 HAKMEM_DEBUG_QUARANTINE=1M" HAKMEM_GUARD=50 \
  "HAKMEM_PROFILE=64K HAKMEM_STATS_FILE=$place/%p HAKMEM_STATS_INTERVAL=1 HAKMEM_FLIGHT_FILE=$place/f.%p"; do
  for kind in crowd exit cancel signals loads; do
    [ $kind != loads ] || kind="loads $place/plugin.so"
    # shellcheck disable=SC2086 # lists of words
    env LD_PRELOAD="$DEFAULT" $options timeout 100 "$programs/storm" $kind >"$place/out" 2>&1
    status=$?
    [ $status -eq 0 ] && [ ! -s "$place/out" ] || { head -n 30 "$place/out"; fail "exit status $status: $options storm $kind"; }
    number=$((number + 1))
  done
done
echo "$number runs"
