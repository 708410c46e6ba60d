# hakmem diff --every: of a running process, the call site that leaks comes first, with its slope and error; it ends after the
# number of intervals that --count gives, when it is interrupted, and when the process ends.
. "$(dirname "$0")/common.sh"
program grows
"$hakmem" run -o data -- ./grows >out 2>err &
runner=$!
for try in $(seq 200); do grep -q ready out && break; sleep 0.05; done
pid=$(basename data/*.stats .stats)
fails 1 "process $pid has no profile of its live heap; hakmem set $pid PROFILE=512K switches it on" "$hakmem" diff --every 1 "$pid"
fails 0 "process $pid has no profile of its live heap; hakmem set $pid PROFILE=512K switches it on" "$hakmem" report --section=sites "$pid"
"$hakmem" set "$pid" PROFILE=2K >out 2>err || fail "$(cat err)"

# The profile knows the blocks that were allocated since it was switched on. On a busy machine it takes a while until all of the other site's are.
for try in 1 2 3 4; do
  "$hakmem" diff --every 500ms --count 4 --json "$pid" >lines 2>err || fail "$(cat err)"
  [ "$(tail -1 lines | jq '.sites[] | select(.site | endswith("replaces")) | .grows_all_along')" = true ] || break
done
equal "lines" 5 "$(wc -l <lines)"
equal "why they end" '[null,null,null,null,"all intervals are over"]' "$(jq -c .ended lines | jq -sc .)"
tail -1 lines >last
equal "the first site" '["leaks",true]' "$(jq -c '[(.sites[0].site | split(";") | last), .sites[0].grows_all_along]' last)"
equal "the other site" '["replaces",false]' "$(jq -c '.sites[] | select(.site | endswith("replaces")) | [(.site | split(";") | last), .grows_all_along]' last)"
# The slope is that of a line through the bytes of all lines, and its error, computed anew.
jq -s '[.[] | {t: .time_s, y: ([.sites[] | select(.site | endswith("leaks")) | .bytes][0] // 0)}] | (length) as $n | (map(.t) | add / $n) as $t | (map(.y) | add / $n) as $y |
  (map((.t - $t) * (.t - $t)) | add) as $spread | (map((.t - $t) * (.y - $y)) | add / $spread) as $slope |
  [$slope, ((map((.y - $y) - $slope * (.t - $t)) | map(. * .) | add) / ($n - 2) / $spread | sqrt)]' lines >expected
jq -e --slurpfile expected expected '.sites[0] | (.slope / $expected[0][0] - 1 | fabs) < 1e-6 and ((.slope_error - $expected[0][1]) / .slope | fabs) < 1e-6' last >out ||
  fail "slope $(jq -c '.sites[0] | [.slope, .slope_error]' last) instead of $(jq -c . expected)"

# columns FILE: the heads of each reading, once if they are all the same.
columns() { sed -n 's/^ *\(last step.*\) call site.*/\1/p' "$1" | sed 's/  */ /g' | sort -u; }
COLUMNS=80 "$hakmem" diff --every 300ms --count 3 "$pid" >text 2>err || fail "$(cat err)"
equal "columns of 80" "last step per hour +/- grows " "$(columns text)"
equal "how often it says that columns are missing" 2 "$(grep -c 'Some columns do not fit; COLUMNS=120 shows all' text)"
COLUMNS=120 "$hakmem" diff --every 300ms --count 3 "$pid" >text 2>err || fail "$(cat err)"
equal "columns of 120" "last step since first per hour +/- live now grows " "$(columns text)"
grep -q "columns do not fit" text && fail "says that columns of 120 do not fit"

"$hakmem" diff --every 300ms "$pid" >text 2>err &
watcher=$!
for try in $(seq 200); do grep -q "^Reading 3 " text && break; sleep 0.1; done
kill -INT $watcher
wait $watcher
equal "exit code of an interrupted one" 0 $?
grep -q "^Summary of .* readings of process $pid, .*; interrupted$" text || fail "no summary: $(cat text)"
sed -n '/^Summary/,$p' text | sed -n 3p | grep -q "all along .*leaks" || fail "the site that grows is not the first one: $(cat text)"

"$hakmem" diff --every 300ms "$pid" >text 2>err &
watcher=$!
for try in $(seq 200); do grep -q "^Reading 2 " text && break; sleep 0.1; done
kill -KILL "$pid"
wait $watcher
equal "exit code when the process ends" 0 $?
grep -q "^Summary of .*; the process has ended$" text || fail "no summary: $(cat text err)"
wait $runner
fails 1 "there is neither a file nor a process $pid" "$hakmem" diff --every 1 "$pid"
fails 2 "--every needs one process id" "$hakmem" diff --every 1 data
fails 2 "--every=never is not a time" "$hakmem" diff --every never "$pid"
fails 2 "--count needs --every" "$hakmem" diff --count 2 data data
exit 0
