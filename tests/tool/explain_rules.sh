# hakmem explain on runs with one fault each: the rule that is meant finds it, and what it predicts comes true.
# timeout: 600
. "$(dirname "$0")/common.sh"
program waste
program off_by_one

# run NAME COMMAND...: runs it, and explains it in NAME.json and NAME.txt.
run() {
  name=$1
  shift
  rm -rf "$name"
  "$hakmem" run -o "$name" -- "$@" >out 2>err || { cat err; fail "$*"; }
  explained "$name" "$name"
}
explained() {
  "$hakmem" explain --json "$2" >"$1.json" 2>err || { cat err; fail "explain --json $2"; }
  COLUMNS=1000 "$hakmem" explain "$2" >"$1.txt" 2>>err || { cat err; fail "explain $2"; }
  [ ! -s err ] || fail "says: $(cat err)"
  plain "$1.txt"
  LC_ALL=C grep -q '[^ -~]' "$1.json" && fail "the JSON text of $1 is not plain ASCII"
  equal "$1: findings without evidence" 0 "$(jq '[.findings[] | select(.evidence == [])] | length' "$1.json")"
  equal "$1: remedies without an effect" 0 "$(jq '[.findings[].remedies[] | select(.effect == null)] | length' "$1.json")"
  equal "$1: parts that are larger than what they are said to be of" 0 \
    "$(jq '[.findings[] | select(.figures.bytes > .figures.idle and any(.evidence[]; startswith("of that,")))] | length' "$1.json")"
  equal "$1: states before the end that do not say so" 0 \
    "$(jq '[.findings[] | select(.figures.idle != null and .cost.mean != (.what | contains("at the snapshot with most free memory, its end not counted")))] | length' "$1.json")"
  equal "$1: costs without a share" 0 "$(jq '[.findings[] | select(.kind == "cost" and .cost.share == null)] | length' "$1.json")"
  return 0
}
# of NAME RULE JQ: of the finding by this rule; "" where there is none.
of() { jq -r "[.findings[] | select(.rule == \"$2\")][0] | $3 // empty" "$1.json"; }
found() { [ -n "$(of "$1" "$2" .what)" ] || { cat "$1.txt"; fail "$1: no finding by the rule $2"; }; }
not_found() { [ -z "$(of "$1" "$2" .what)" ] || { cat "$1.txt"; fail "$1: a finding by the rule $2"; }; }
remedy() { of "$1" "$2" ".remedies[0] | select(.option == \"$3\") | .value"; }
# holds JQ: true of the last run's JSON.
holds() { jq -e "$1" "$name.json" >/dev/null || { cat "$name.txt"; fail "$name: not true: $1"; }; }

# ---- Nothing: says so, and what was looked for. ----
run nothing ./waste nothing
equal "findings in a sound program" 0 "$(jq '.findings | length' nothing.json)"
grep -q "^No finding" nothing.txt || fail "does not say that there is no finding"
grep -q "drains that come too often" nothing.txt || fail "does not say what was looked for"
snapshots=$("$hakmem" report --json nothing | jq '.stats.processes[0].timeline | length')
few="only $snapshots snapshot.*; $(jq .thresholds.moments nothing.json) are needed"
grep -q "grows all along the run: $few" nothing.txt || { cat nothing.txt; fail "does not say why it could not look for growth"; }
"$hakmem" report --summary nothing | grep -q "^Findings: none; [0-9]* rules could not look: $few" || fail "the first screen does not say that some rules did not look"
holds '.looked_for | length == 21'
holds '[.thresholds[] | type] | all(. == "number")'

"$hakmem" explain --rules >rules.txt || fail "--rules"
for rule in $(jq -r '.looked_for[].rule' nothing.json) $(jq -r '.thresholds | keys[]' nothing.json); do
  grep -q "^  $rule " rules.txt || fail "--rules does not list $rule"
done

# ---- Time. ----
# Small SuperSlabs, so there are many, and each look-up needs several probes. The number of probes is a finding by itself, whatever time they take.
HAKMEM_SS_SIZE=512K HAKMEM_LOOKUP=linear run linear ./waste frees
found linear lookup_strategy
equal "linear: what to change" directory "$(remedy linear lookup_strategy HAKMEM_LOOKUP)"
holds '.findings[] | select(.rule == "lookup_strategy") | .figures.probes > 2 and .cost.unit == "ns"'
HAKMEM_LOOKUP=directory run directory ./waste frees
not_found directory lookup_strategy
HAKMEM_LOOKUP=directory "$hakmem" report --json directory >report.json
equal "directory: lookups with one probe" true \
  "$(jq '.stats.counters | .lookup_probes == .lookup_first_probe and .lookup_probes > 0' report.json)"

export HAKMEM_RELEASE_DELAY=1000000 # what drains by the clock comes oftener the slower the machine is
HAKMEM_DRAIN_INTERVAL=2 run drains ./waste frees
found drains drains
grep -qE 'all calls of malloc and its family take [0-9.]+ % \(\+-[0-9.]+ %\) of the time(, all threads together)?; p99.9 is ' drains.txt || { cat drains.txt; fail "the finding does not say what whole calls take"; }
interval=$(remedy drains drains HAKMEM_DRAIN_INTERVAL)
predicted=$(of drains drains .figures.interval_drains_then)
HAKMEM_DRAIN_INTERVAL=$interval run drains-then ./waste frees
unset HAKMEM_RELEASE_DELAY
not_found drains-then drains
"$hakmem" report --json drains-then >report.json
came=$(jq '[.stats.classes[].counters.drain_interval] | add' report.json)
jq -n -e "$came <= $predicted" >/dev/null || fail "at most $predicted drains by interval were predicted, $came came"

# Memory that is touched for the first time costs what it costs, and a working set that is filled once is no growth.
run grows ./waste grows
equal "findings in a program that fills its working set" 0 "$(jq '.findings | length' grows.json)"
run cycles ./waste cycles
found cycles fresh_slabs
grep -q "emptied, released and acquired again" cycles.txt || { cat cycles.txt; fail "does not say that slabs come and go"; }
run huge ./waste huge
found huge huge_blocks
holds '.findings[] | select(.rule == "huge_blocks") | .figures | .calls >= 40000 and .mean_bytes == 5242880 + 65536' # a unit more: it has the page that cannot be touched
for try in 1 2 3; do # the shares are of the time that passes, and a busy machine has most of it
  run arrays ./waste arrays
  [ -z "$(of arrays huge_blocks .what)" ] || break
done
found arrays huge_blocks
grep -q "final size at once" arrays.txt || { cat arrays.txt; fail "does not say that arrays are moved as they grow"; }
equal "arrays: no option helps" "" "$(remedy arrays huge_blocks HAKMEM_SS_SIZE)"

HAKMEM_RELEASE_DELAY=20 run rounds ./waste rounds
found rounds map_churn
delay=$(remedy rounds map_churn HAKMEM_RELEASE_DELAY)
HAKMEM_RELEASE_DELAY=$delay run rounds-then ./waste rounds
not_found rounds-then map_churn

# ---- Memory. ----
run empty ./waste rounds # with the default delay, empty SuperSlabs stay from one round to the next
found empty empty_slabs
holds '.findings[] | select(.rule == "empty_slabs") | .figures.bytes > 20000000'
delay=$(remedy empty empty_slabs HAKMEM_RELEASE_DELAY)
HAKMEM_RELEASE_DELAY=$delay run empty-then ./waste rounds
held=$(of empty empty_slabs .cost.value) then=$(of empty-then empty_slabs .cost.value)
jq -n -e "${then:-0} < $held / 2" >/dev/null || fail "held on average: $held bytes, and with HAKMEM_RELEASE_DELAY=$delay still $then"
# What was free is needed again: the end says nothing of it.
HAKMEM_RELEASE_DELAY=100000 HAKMEM_STATS_INTERVAL=20 run again ./waste again
found again empty_slabs
holds '.findings[] | select(.rule == "empty_slabs") | .cost.mean'
grep -q "in empty slabs and SuperSlabs at the snapshot with most free memory, its end not counted" again.txt || { cat again.txt; fail "does not say of when"; }
run pins ./waste pins
found pins partial_slabs
holds '.findings[0] | .rule == "partial_slabs" and .cost.unit == "bytes" and .figures.bytes > 50000000'
grep -q "class 6 (112 B): [0-9]* slabs" pins.txt || { cat pins.txt; fail "does not name the class"; }
# An estimate from few samples may be more than there is: each sample stands for 2 MiB of the 1 MiB that is live.
for try in $(seq 30); do
  HAKMEM_PROFILE=2M run sampled ./waste pins
  ! grep -q ' of it.* in slabs that ' sampled.txt || break
done
grep -q ' all of it.* in slabs that ' sampled.txt || { cat sampled.txt; fail "no estimate, or one of more than the whole"; }
# A process that rests makes no snapshot, because it makes no call: its last state counts.
run rests ./waste rests
found rests partial_slabs
holds '.findings[0] | .rule == "partial_slabs" and .figures.bytes > 50000000'
grep -q "free in partial slabs at the end" rests.txt || { cat rests.txt; fail "does not say that memory is held at the end"; }
run scattered ./waste scattered
found scattered partial_slabs
# Sessions that stay, scattered among blocks that were freed: now and then there are calls, so snapshots differ a little. Its end counts, as it is.
HAKMEM_PROFILE=64K run sessions ./waste sessions
live=$(cat out)
found sessions partial_slabs
holds '.findings[0] | .rule == "partial_slabs" and .figures.bytes > 10000000 and .cost.value <= .figures.bytes'
grep -q "free in partial slabs at the end: [0-9]* live blocks" sessions.txt || { cat sessions.txt; fail "does not say that memory is held at the end"; }
grep -q "open_session at waste.c:" sessions.txt || { cat sessions.txt; fail "does not name who holds the slabs"; }
"$hakmem" report --json sessions >report.json
jq -e --argjson live "$live" '.stats.processes[0].memory.buckets as $b | $b.partial > 5 * $b.live
  and ([.stats.processes[0].profile.last.sites[] | select(.stack[0:3] | map(.function) | index("open_session"))]
    | (map(.blocks) | add) as $n | (map(.blocks_variance) | add | sqrt) as $error | ($n - $live | fabs) < 5 * $error
    and all(.age_ms <= .oldest_ms * .blocks * 1.000001 and .requested <= .allocated))' report.json >out || {
  jq -c '.stats.processes[0] | .memory.buckets, .profile.last.sites[0]' report.json; fail "the sites of $live sessions that stay are wrong"; }
# A program that frees nearly all before it ends holds nothing that matters.
run ends ./waste ends
not_found ends partial_slabs
run both sh -c './waste pins & ./waste pins & wait'
found both partial_slabs
holds '[.findings[] | select(.rule == "partial_slabs")] | length == 1 and .[0].other_processes == 1'
grep -q "1 other process has the same" both.txt || { cat both.txt; fail "does not say that another process has it, too"; }
run leaks ./waste leaks
found leaks growth
holds '.findings[] | select(.rule == "growth") | .figures | .bytes_per_second > 5e6 and .fit > 0.9'
grep -q "class 17 (320 B)" leaks.txt || { cat leaks.txt; fail "does not name the class that grows"; }
# A program that grows for a third of its run fills its memory, whether it frees that before it ends or not.
export HAKMEM_STATS_INTERVAL=20
HAKMEM_PROFILE=64K run fills ./waste fills
holds '.looked_for[] | select(.rule == "growth") | .why_not == null'
# A leak that begins within the run: since when, and how fast from then on. The program says what was true.
cat >late.c <<'END_OF_PROGRAM'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
static void *volatile kept;
int main(void) {
  const double start = now();
  double begin = 0;
  for (int i = 0; i < 400; i++) {
    for (int k = 0; k < 2000; k++) free(memset(malloc(300), 1, 300));
    if (i == 160) begin = now();
    for (int k = 0; i >= 160 && k < 20; k++) kept = memset(malloc(2000), 1, 2000);
    usleep(10000);
  }
  printf("%f %f\n", begin - start, 240 * 20 * 2000 / (now() - begin));
  return 0;
}
END_OF_PROGRAM
cc -O1 -fno-builtin -o late late.c || fail "late.c does not compile"
"$hakmem" run -o late.run -- ./late >truth 2>err || fail "late: $(cat err)"
"$hakmem" explain late.run >late.txt
since=$(sed -n 's/^[0-9]*\. Live memory grew from \([0-9.]*\) \(m*s\) after the start on, by .*/\1 \2/p' late.txt)
[ -n "$since" ] || { cat late.txt truth; fail "does not say since when memory grows"; }
rate=$("$hakmem" explain --json late.run | jq '.findings[] | select(.rule == "growth") | .figures.bytes_per_second')
echo "$since $rate $(cat truth)" | awk '{ at = $2 == "ms" ? $1 / 1000 : $1; exit !(at > 0.85 * $4 && at < 1.15 * $4 + 0.2 && $3 > 0.8 * $5 && $3 < 1.25 * $5) }' ||
  { cat late.txt; fail "grows since $since, by $rate a second; true are $(cat truth)"; }
not_found fills growth
"$hakmem" report fills | grep -q '^Live heap by call site.*, at the snapshot with most; ' || fail "the snapshot with most blocks is said to be their peak"
run filled ./waste filled
holds '.looked_for[] | select(.rule == "growth") | .why_not == null'
not_found filled growth
unset HAKMEM_STATS_INTERVAL
run rounded ./waste rounded
found rounded internal_fragmentation
holds '.findings[] | select(.rule == "internal_fragmentation") | .figures | .class == 4 and .share > 0.19 and .share < 0.21'
grep -q "at most 63 bytes" rounded.txt || { cat rounded.txt; fail "does not say which size would fit"; }
run maps ./waste maps
found maps residual
holds '.findings[] | select(.rule == "residual") | .figures.residual_bytes > 67000000'
grep -q "64.[0-9] MiB in mappings without a name" maps.txt || { cat maps.txt; fail "does not name the mapping"; }

# ---- A process that still runs, and one that is killed: what there is so far. ----
rm -rf live
"$hakmem" run -o live -- ./waste leaks >out 2>err &
pid=$!
for _ in $(seq 300); do [ -n "$(ls live/*.stats 2>/dev/null)" ] && break; sleep 0.01; done
sleep 0.5
program=$(basename live/*.stats .stats) # stopped, it cannot end before it was looked at
kill -STOP "${program##*[!0-9]}" || fail "cannot stop the program of $program"
(explained live live) # in a shell of its own: whatever it finds, the program goes on
looked=$?
kill -CONT "${program##*[!0-9]}"
[ $looked -eq 0 ] || exit 1
holds_live() { jq -e "$1" live.json >/dev/null || { cat live.txt; fail "live: not true: $1"; }; }
holds_live '[.findings[] | select(.rule == "lost_data")] == []'
grep -q "1 of them still runs" live.txt || fail "does not say that the process still runs"
wait $pid
"$hakmem" run -o killed -- sh -c './waste frees; kill -KILL $$' >out 2>err
equal "the exit code of a killed program" 137 $?
name=killed
explained killed killed
holds '.findings[0].figures.incomplete == 1'

# ---- The system refuses: at some bound, all SuperSlabs that are wanted do not fit, and legacy alone serves. ----
refused=
for limit in $(seq 24 2 94); do
  rm -rf bound
  "$hakmem" run -o bound -- sh -c "ulimit -v $((limit * 1024)); exec ./waste limited" >out 2>err # where there is too little, it aborts
  explained bound bound
  refused=$(of bound no_memory .figures.refused)
  [ -z "$refused" ] || break
done
[ -n "$refused" ] || fail "no bound of the address space made the system refuse"
equal "bound: smaller SuperSlabs do not help" "" "$(remedy bound no_memory HAKMEM_SS_SIZE)"
grep -q "ulimit -v" bound.txt || fail "does not speak of ulimit"

# ---- Headers: first, with their place. ----
run wrong ./off_by_one
holds '.findings[0] | .rule == "header_reset" and .kind == "error" and .cost == null'
grep -q "off_by_one_nul" wrong.txt || fail "no verdict"
grep -q "copy_name at .*off_by_one.c:[0-9]" wrong.txt || { cat wrong.txt; fail "no place in the program"; }
exit 0
