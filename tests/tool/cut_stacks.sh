# A stack of more than 32 frames says that it was cut, one of exactly 32 does not: with each way of taking stacks, in text, JSON and folded lines.
. "$(dirname "$0")/common.sh"
program deep
# run LEVELS OPTION...: "FRAMES CUT" of the incident's stack.
run() {
  levels=$1
  shift
  rm -rf data
  "$hakmem" run -o data "$@" -- ./deep "$levels" >out 2>err || { cat err; fail "run"; }
  "$hakmem" report --json data >json || fail "report"
  jq -r '.stats.processes[0].incidents[0] | "\([(.stack // [])[] | select(.inlined | not)] | length) \(.stack_cut)"' json
}
equal "a stack that was not taken" "null null" "$(run 5 -O STACKS=off >out; jq -r '.stats.processes[0].incidents[0] | "\(.stack) \(.stack_cut)"' json)"
for way in auto unwind; do
  short=$(run 5 -O STACKS=$way)
  frames=${short% *}
  [ "$frames" -gt 6 ] || skip "no stacks by $way: $short"
  equal "$way: a short stack" "$frames false" "$short"
  equal "$way: a stack of 32 frames" "32 false" "$(run $((5 + 32 - frames)) -O STACKS=$way)"
  equal "$way: a stack of 33 frames" "32 true" "$(run $((6 + 32 - frames)) -O STACKS=$way)"
done
"$hakmem" report --all --section incidents data >text || fail "report"
grep -q '^      (stack cut at 32 frames)$' text || { cat text; fail "the text does not say that a stack was cut"; }
run 100 -O PROFILE=1 >out
"$hakmem" report --folded data >text || fail "report --folded"
grep -q '^\[cut\];descend;descend;.*;descend [0-9]*$' text || { cat text; fail "no folded line says that its stack was cut"; }
jq -e '[.stats.processes[0].profile.last.sites[] | select(.stack_cut)] != []' json >out || fail "no site has a cut stack"
if [ -e "$BUILD_DIR/lib/libhakmem-tracepoints.so" ] && command -v lttng-sessiond >/dev/null; then
  "$hakmem" record -o recording -- ./deep 100 >out 2>err || fail "cannot record: $(cat err)"
  "$hakmem" report --json recording >json || fail "report of a recording"
  equal "in a trace" true "$(jq '.trace.processes[0].incidents[0].stack_cut' json)"
fi
exit 0
