# The five questions, asked of a process whose answers are known, in every state of a process: busy, at rest, stopped, hung in a loop, hung in a lock, ended, killed.
# timeout: 600
. "$(dirname "$0")/common.sh"
program five
kept=2000 stride=1040 # 1000 bytes lie in blocks of this stride

# STATE | what five.c does | what is done to it then | the state that the report names
cat >table <<'END'
busy     | busy     | nothing | runs
rest     | rest     | nothing | runs
stopped  | rest     | STOP    | stopped
spinning | spinning | nothing | runs
blocked  | blocked  | nothing | runs
ended    | ends     | ends    | ended
killed   | busy     | KILL    | killed by SIGKILL
END

"$hakmem" run -O PROFILE=1 -O STATS_INTERVAL=20 -o base -- ./five ends $((kept / 2)) >out 2>err || fail "$(cat err)"

# start STATE KIND WHAT: $pid is the process, $runner hakmem run.
start() {
  : >"$1.out"
  "$hakmem" run -O PROFILE=1 -O STATS_INTERVAL=20 -o "$1" -- ./five "$2" $kept >"$1.out" 2>"$1.err" &
  runner=$!
  for try in $(seq 400); do grep -q ready "$1.out" && break; sleep 0.05; done
  grep -q ready "$1.out" || fail "$1: $(cat "$1.err")"
  pid=$(basename "$1"/*.stats .stats)
  case $3 in
    STOP) kill -STOP "$pid"; for try in $(seq 100); do grep -q '^State:.T' "/proc/$pid/status" && break; sleep 0.02; done ;;
    KILL) kill -KILL "$pid"; wait $runner; runner= ;;
    ends) wait $runner; runner= ;;
  esac
}
finish() { [ -z "$runner" ] || { kill -KILL "$pid"; wait $runner; }; runner=; }
json() { jq -r "$1" "$state.json"; }
holds() { jq -e "$2" "$state.$1" >/dev/null || { jq '.stats.processes[0].memory, .findings' "$state.$1"; why "not true of its $1: $2"; }; }
why() { finish; fail "$state: $*"; }

while IFS='|' read -r state kind what named; do
  state=$(echo $state) kind=$(echo $kind) what=$(echo $what) named=$(echo $named)
  start "$state" "$kind" "$what"
  "$hakmem" report --json "$state" >"$state.json" 2>err || { cat err; why "cannot report"; }
  "$hakmem" explain --json "$state" >"$state.explain" 2>err || { cat err; why "cannot explain"; }
  "$hakmem" report --summary "$state" >"$state.screen" || why "cannot report"
  "$hakmem" report --folded "$state" >"$state.folded" || why "cannot report"
  "$hakmem" check --no-defaults --fail-on 'live(end) > 150 % * baseline(live(end))' --baseline base "$state" >"$state.check"
  worse=$?
  "$hakmem" check --no-defaults --fail-on 'live(end) > 150 % * baseline(live(end))' --baseline "$state" "$state" >"$state.check"
  same=$?
  "$hakmem" diff --json base "$state" >"$state.diff" || why "cannot compare"
  finish

  equal "$state: the state of the process" "$named" "$(json '.stats.processes[0].state')"
  grep -qF "$named" "$state.screen" || { cat "$state.screen"; why "the first screen does not name the state"; }

  # 1. Why does the process hold so much, when so little is in use?
  holds json ".stats.processes[0].memory | .buckets.live >= $((kept * stride)) and .buckets.live < $((kept * stride + 400000))"
  holds json ".stats.processes[0].memory | .buckets.partial > $((kept * stride * 16)) and .rss > $((kept * stride * 19))"
  holds explain '[.findings[] | select(.rule == "partial_slabs")] | length == 1 and .[0].cost.share > 0.3'
  jq -r '.findings[] | select(.rule == "partial_slabs") | .evidence[]' "$state.explain" | grep -q 'allocated by keep at five.c:' || why "does not name who holds the slabs"
  grep -q 'free, held .*partial slabs' "$state.screen" || { cat "$state.screen"; why "the first screen does not say where the memory is"; }

  # 2. What does malloc cost? Whole calls, of which the number is known, and the time of those that clear large blocks; each slow path is timed.
  read -r word cleared mallocs frees <"$state.out"
  holds json ".stats.calls.calloc.latency.classes.large | .count == 31 and .p50 < $cleared * 1.1 and .p50 > $cleared * 0.7"
  if [ "$kind" != busy ]; then
    holds json ".stats.calls.malloc | (.count - $mallocs | fabs) <= 5 * .count_error + 100"
    holds json ".stats.calls.free | (.count - $frees | fabs) <= 5 * .count_error + 100"
  fi
  for call in malloc free; do
    count=$(json ".stats.calls.$call.count")
    [ "$count" -ge $((kept * 19)) ] || why "$count calls of $call are too few"
    grep -q "  $call .* %; $count\( +-[0-9]* %\)\{0,1\}: p50 .* p99.9 .* max " "$state.screen" || [ "$kind" = busy ] || { cat "$state.screen"; why "the first screen says another number of calls of $call than $count"; }
    grep -q "  $call .* %; [1-9][0-9]*\( +-[0-9]* %\)\{0,1\}: p50 .* p99.9 .* max " "$state.screen" || { cat "$state.screen"; why "the first screen does not say what $call costs"; }
  done
  holds json '.stats.latency | .refill.all.count > 0 and .drain.all.count > 0'
  holds json '([.stats.calls[].latency.all // empty | .mean * .count] | add) < .stats.processes[0].elapsed_ns * 1.2'

  # 3. Who freed twice?
  holds json '[.stats.processes[0].incidents[] | select(.kind == "hdr_reset")] | length == 1 and .[0].count == 1 and .[0].verdict == "double_free"'
  jq -r '.findings[] | select(.rule == "header_reset") | .what, .evidence[]' "$state.explain" >text
  holds explain '.findings[0].rule == "header_reset"' # also of one that was killed
  grep -q 'freed twice' text && grep -q 'found in a call by twice at five.c:' text || { cat text; why "does not say who freed twice"; }

  # 4. What leaks, in a server that never ends? The live heap by call site, exactly, because every block is recorded.
  holds json '[.stats.processes[0].profile.last.sites[] | select([.stack[].function] | index("keep"))] | map(.blocks) | add == '$kept
  holds json '[.stats.processes[0].profile.last.sites[] | select([.stack[].function] | index("drop"))] | map(.blocks) | add // 0 == 0'
  grep -q "main;keep.* $((kept * stride))\$" "$state.folded" || { cat "$state.folded"; why "the folded heap is another"; }

  # 5. Did my change make it worse?
  equal "$state: a check against a run with half of the blocks" 1 $worse
  equal "$state: a check against itself" 0 $same
  holds diff ".method == \"one_run_each\" and (.figures[\"live(end)\"] | .b - .a - $((kept / 2 * stride)) | fabs < 100000)"
done <table
exit 0
