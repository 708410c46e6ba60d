# Blocks of a process that calls _exit are counted exactly: in one thread, in a handler of a signal, of threads that rest, in a forked child; and
# once, if two threads call it, or if one calls it and the other one exit.
. "$(dirname "$0")/common.sh"
program leaves
for how in alone signal threads child both both-2 both-3 both-4 both-5 both-6 both-7 both-8; do
  "$hakmem" run -o $how -- ./leaves ${how%-*} 2>err || fail "$how: $(cat err)"
  "$hakmem" report --json $how >json || fail "$how: no report"
  # Whoever makes a thread allocates some blocks besides.
  jq -e '[.stats.processes[] | select(.state == "exited")] | length == 1 and .[0].allocs >= 100000 and .[0].allocs <= 100020 and .[0].frees >= 50000 and .[0].frees <= 50020' \
    json >/dev/null || fail "$how: not 100000 and 50000, but $(jq -c '.stats.processes[] | [.state, .allocs, .frees]' json)"
  jq -e '[.stats.processes[] | select(.state == "exited")][0] | .memory.buckets.live >= 50000 * 112 and .memory.buckets.live < 50000 * 112 + 20000' \
    json >/dev/null || fail "$how: $(jq -c '.stats.processes[] | [.state, .memory.buckets.live]' json) bytes are live"
done
# The race is short, so it is run again and again. Broken, it lost half of the counts in one run of six, or counted a half twice in one of twenty.
for round in $(seq 20); do
  for how in many end; do
    "$hakmem" run -o "$how-$round" -- ./leaves $how 2>err || fail "$how: $(cat err)"
    counted=$("$hakmem" report --json "$how-$round" | jq '.stats.classes[] | select(.stride == 112) | .counters | .allocs - .frees')
    equal "$how, round $round: blocks of 100 bytes" 20000 "$counted"
  done
done
exit 0
