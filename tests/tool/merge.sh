# hakmem merge: the statistics of many runs and hosts, added up: exactly, in any order, or not at all.
. "$(dirname "$0")/common.sh"
program stats_file
seed=$(random_bytes 4 | od -An -tu4 | tr -d ' ')
echo "seed $seed"

merge() { "$hakmem" merge "$@" >said 2>&1 || { cat said; fail "merge $*"; }; }

# ---- Associative and commutative, for random files. ----
for part in 1 2 3 4 5 6; do ./stats_file $part.stats random=$((seed % 100000 + part)) || fail "stats_file"; done
merge -o ab 1.stats 2.stats
merge -o cd 3.stats 4.stats
merge -o all 1.stats 2.stats 3.stats 4.stats 5.stats 6.stats
merge -o reversed 6.stats 5.stats 4.stats 3.stats 2.stats 1.stats
cmp all reversed || fail "the order of the files matters"
merge -o ab-cd ab cd
merge -o one ab-cd 5.stats 6.stats
merge -o two 5.stats cd
merge -o two 6.stats two ab # a merge may be among its own parts
cmp all one && cmp all two || fail "the grouping of the files matters"
merge -o right cd ab
cmp ab-cd right || fail "the order of merges matters"
grep -qxF "hakmem: right holds 4 runs of 3 hosts: 4 processes; to see them: hakmem report right" said || { cat said; fail "what is in the merge is not said"; }

# ---- The sums are those of the parts: of a report on all of them, and of sums made here. ----
"$hakmem" report --json ./*.stats >parts.json 2>err || fail "$(cat err)"
"$hakmem" report --json all >all.json 2>err || fail "$(cat err)"
# Errors are roots of sums of numbers that are rounded to 1/65536; ranges of quantiles follow from them.
rounded='def near: if type == "number" then . * 100 | round / 100 elif type == "object" then "a range" else . end;
  .stats | del(.processes) | walk(if type == "object" then with_entries(if .key | test("error") then .value |= near else . end) else . end)'
jq -S "$rounded" parts.json >parts && jq -S "$rounded" all.json >merged || fail "jq"
diff parts merged >differences || { head -20 differences; fail "a merge is not the report on its parts"; }
small='.stats | {stats: {counters, processes, classes: [.classes[] | {class, counters}], latency: {drain: .latency.drain.all, refill: .latency.refill.all,
  lookup: .latency.lookup.linear.all}, calls: {malloc: .calls.malloc.latency.all, free: .calls.free.latency.all}}}'
for part in 1 2 3 4 5 6; do "$hakmem" report --json $part.stats | jq -c "$small" || fail "report"; done >each.json
jq -c "$small" all.json >all-small.json
counters='[.[].stats.counters | to_entries[]] | group_by(.key) | map({(.[0].key): (map(.value) | add)}) | add'
equal "counters" "$(jq -scS "$counters" each.json)" "$(jq -scS "$counters" all-small.json)"
classes='[.[].stats.classes[] | .class as $c | .counters | to_entries[] | {key: ($c + " " + .key), value}] | group_by(.key) | map({(.[0].key): (map(.value) | add)}) | add'
equal "counters of classes" "$(jq -scS "$classes" each.json)" "$(jq -scS "$classes" all-small.json)"
for path in latency.drain latency.refill latency.lookup calls.malloc calls.free; do
  buckets="[.[].stats.$path // {buckets: []} | .buckets[]] | group_by(.from) | map({(.[0].from | tostring): (map(.count) | add)}) | add"
  equal "buckets of $path" "$(jq -scS "$buckets" each.json)" "$(jq -scS "$buckets" all-small.json)"
done
largest='[.[].stats.processes[] | .rss_max] | max'
equal "the largest RSS" "$(jq -s "$largest" each.json)" "$(jq -s "$largest" all-small.json)"
for sum in rss mapped committed buckets.live; do
  equal "$sum" "$(jq -s "[.[].stats.processes[].memory.$sum] | add" each.json)" "$(jq -s "[.[].stats.processes[].memory.$sum] | add" all-small.json)"
done
one='.stats.processes[0]'
equal "what it is" '[6,3,6,null]' "$(jq -c "$one | [.merge.runs, .merge.hosts, .merge.processes, .pid]" all-small.json)"
ended=$(jq -s '[.[].stats.processes[] | select(.complete)] | length' each.json)
equal "states" "$ended $((6 - ended))" "$(jq -r "$one.merge.states | \"\\(.ended) \\(.[\"cut short\"])\"" all-small.json)"

# ---- A report speaks of runs and hosts, never of one process. ----
"$hakmem" report all >text 2>err || fail "$(cat err)"
plain text
grep -qF "  6 runs of 3 hosts: 6 processes of synthetic, together " text || { head -3 text; fail "the first screen does not say what was merged"; }
grep -q "(process 0)\|process 0,\|no snapshot was taken" text && { cat text; fail "speaks of a process"; }
"$hakmem" explain all >text 2>err || fail "$(cat err)"
grep -qF "merged: 6 runs of 3 hosts: 6 processes" text || { cat text; fail "explain does not say what was merged"; }
grep -q "process 0" text && { cat text; fail "explain speaks of a process"; }
"$hakmem" diff ab-cd all >text 2>err || fail "$(cat err)"
grep -qF "  A: ab-cd, a merge: 4 runs of 3 hosts: 4 processes" text || { cat text; fail "diff does not say what was merged"; }
grep -qF "4 in all of A, 6 in all of B" text || { cat text; fail "diff does not say that the sums are of different numbers"; }
mkdir before after
for run in 1 2 3 4; do
  ./stats_file before/$run.stats allocs=100$run pid=$run || fail "stats_file"
  ./stats_file after/$run.stats allocs=200$run pid=$run || fail "stats_file"
  merge -o before/$run before/$run.stats
  merge -o after/$run after/$run.stats
done
"$hakmem" diff before/[1-4] after/[1-4] | tr -s ' ' | grep -qF " allocs 1003 2003 +1000 +99.8 % 0.029 more" || fail "diff of merges"
"$hakmem" check all --fail-on 'allocs > 1' >text 2>&1
equal "check of a merge" 1 $?
"$hakmem" export --openmetrics all | grep -qx 'hakmem_processes 6' || fail "export"
"$hakmem" page all -o all.html 2>err || fail "$(cat err)"
fails 1 "a merge, which has no call sites" "$hakmem" export --folded all
fails 1 "a merge, which has no call sites" "$hakmem" report --folded all

# ---- Directories: of one run, and of many; how their programs ended. ----
for run in 1 2 3; do
  "$hakmem" run -o runs/$run -- sh -c "ls / >/dev/null; exit $((run - 1))" >said 2>&1
  [ -e runs/$run/ended.txt ] || { cat said; fail "run"; }
done
merge -o each runs/1 runs/2 runs/3
merge -o whole runs
cmp each whole || fail "a directory of runs is not the runs"
"$hakmem" report --json whole >json || fail "report"
equal "runs and exit codes" '[3,1,2,0]' "$(jq -c '.stats.processes[0].merge | [.runs, .hosts, .failed, .killed]' json)"
"$hakmem" check whole >text 2>&1 || { cat text; fail "check of a merge"; }
equal "its host" "$(uname -n)" "$("$hakmem" report --json runs/1 | jq -r '.stats.processes[0].host')"

# ---- Not at all: each message names the file, and nothing is written. ----
printf 'no statistics' >text.stats
./stats_file cut.stats cut=5000 pid=9 && ./stats_file foreign.stats version=3 pid=9 && ./stats_file wrong.stats bucket=0xffffffff pid=9 || fail "stats_file"
head -c 200 all >all.cut
cp all all.foreign
printf '\377' | dd of=all.foreign bs=1 seek=12 conv=notrunc 2>/dev/null
while read -r bad text; do fails 1 "$bad $text" "$hakmem" merge -o sum 1.stats 2.stats "$bad" 3.stats 4.stats; done <<END
text.stats is not a statistics file of hakmem
cut.stats is cut off: 5000 of
foreign.stats has version 3 of the statistics format
wrong.stats is damaged: a histogram in it cannot be true
all.cut is cut off: 200 of
all.foreign was written by another version of hakmem merge
END
fails 1 "cannot read missing: No such file" "$hakmem" merge -o sum 1.stats missing 2.stats
[ ! -e sum ] || fail "a failed merge left a file"
size=$(stat -c %s all)
for try in 1 2 3 4 5 6 7 8; do # any byte of the body
  at=$((40 + $(random_bytes $((try * 4)) | tail -c 4 | od -An -tu4) % (size - 40)))
  cp all all.damaged
  byte=$(od -An -tu1 -j $at -N 1 all | tr -d ' ')
  # shellcheck disable=SC2059 # the byte, by its number
  printf "\\$(printf %o $((255 - byte)))" | dd of=all.damaged bs=1 seek=$at conv=notrunc 2>/dev/null
  fails 1 "all.damaged is damaged" "$hakmem" merge -o sum all.damaged
done
fails 1 "2.stats is in what was named before it, too, and would count twice" "$hakmem" merge -o sum ab 2.stats
fails 1 "cd is in what was named before it, too" "$hakmem" merge -o sum 3.stats cd
cp 1.stats kept && cp ab ab.kept || fail "cp"
fails 1 "kept exists and is no output of hakmem merge; it was left alone" "$hakmem" merge -o kept 2.stats
cmp kept 1.stats || fail "a file of another kind was replaced"
fails 1 "no output of hakmem merge" "$hakmem" merge -o runs 1.stats
fails 1 "foreign.stats has version 3" "$hakmem" merge -o ab foreign.stats
cmp ab ab.kept || fail "a failed merge changed an older one"
fails 1 "cannot write nowhere/out" "$hakmem" merge -o nowhere/out 1.stats
fails 2 "there is nothing to merge" "$hakmem" merge -o sum
fails 2 "say where the merge goes: -o OUT" "$hakmem" merge 1.stats
set -- sum.* ab.??????
[ "$*" = 'sum.* ab.??????' ] || fail "a temporary file is left: $*"

# ---- A sum that 64 bits cannot hold stays at the largest, and says so. ----
./stats_file most1.stats squares=0xfffffffffffffff0 pid=1 && ./stats_file most2.stats squares=0x11 pid=2 || fail "stats_file"
./stats_file most3.stats squares=5 pid=3 || fail "stats_file"
merge -o most12 most1.stats most2.stats
grep -qF "some sums would be larger than a 64-bit number can be" said || { cat said; fail "the overflow is not said"; }
merge -o most23 most2.stats most3.stats
merge -o most-a most12 most3.stats
merge -o most-b most1.stats most23
cmp most-a most-b || fail "after an overflow, the grouping matters"
equal "an overflow" 'true null' "$("$hakmem" report --json most-a | jq -r '.stats.processes[0] | "\(.merge.has_overflowed) \(.counters.lookup_probe_squares)"')"

# ---- Ten times as many files take no more memory. ----
[ -x /usr/bin/time ] || { echo "GNU time is not installed: the memory was not measured"; exit 0; }
mkdir many
for run in $(seq 1 60); do ./stats_file "many/$run.stats" random="$run" || fail "stats_file"; done
memory_of() { /usr/bin/time -f %M -o peak "$hakmem" merge -o sum "$@" 2>said || { cat said; fail "merge"; }; cat peak; }
few=$(memory_of many/?.stats) many=$(memory_of many)
[ "$many" -le $((few + few / 5)) ] || fail "60 files took $many KiB, 9 took $few KiB"
