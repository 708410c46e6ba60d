# A process that was killed, or that called exec: the report says of what time each figure is, and what is unknown. So do all other places.
. "$(dirname "$0")/common.sh"
program killed
program stats_file

# has TEXT: a line of `text` is like this. value WHAT EXPECTED: jq on `json`.
has() { grep -q -- "$1" text || { cat text; fail "no line '$1'"; }; }
value() { equal "$1" "$2" "$(jq -c "$1" json)"; }
reports() { "$hakmem" report "$@" >text 2>err && "$hakmem" report --json "$@" >json 2>err || fail "report $*: $(cat err)"; }
p='.stats.processes[0]'

# ---- Killed after a rest: `hakmem run` saw its end and knows its peak. ----
"$hakmem" run -o killed.d -- ./killed kill 900000 2>err
equal "exit code" 137 $?
reports killed.d
value "$p.lived_ns >= 300000000" true
value "$p.rss_max >= 90000000 and $p.rss_max_is_whole" true
value "$p.cut and $p.memory.snapshot_ns <= $p.elapsed_ns and $p.elapsed_ns < $p.lived_ns" true
value "$p.memory | [.residual, .untouched]" '[null,null]'
has "^  killed (process [0-9]*) ran for [^:]*: killed by SIGKILL"
has "^  Counts as of [0-9.]* .* after its start"
has "^Memory at its last snapshot, [0-9.]* .* after its start: "
has "^    at most [0-9.]* MiB until its end, as the kernel counted"
has "^    not hakmem's *unknown"
has "^Where the memory is, at the last snapshot, "
has "≥[0-9]* *≥0 "
has "lost data: 1 end$"
grep -q "at the end" text && { cat text; fail "calls a figure one of its end"; }
"$hakmem" check killed.d >text 2>err || { cat text; fail "the end of a killed process counts as lost data"; }
"$hakmem" check killed.d --fail-on 'lost(incomplete) > 0' >text 2>err
equal "exit code of check" 1 $?
has "^FAIL  *lost(incomplete) > 0  *lost(incomplete) = 1"
"$hakmem" check --figures killed.d >text 2>err || fail "check --figures"
has "^  residual(end) *-"
has "^  rss(peak) *[0-9.]* MiB"
"$hakmem" explain killed.d >text 2>err || fail "explain"
has "statistics end before the process did: its last operations"
has "was killed; its counts are of [0-9.]* .* after its start, its memory is of "

# ---- Two of them. ----
"$hakmem" run -o two -- sh -c './killed kill 100 & ./killed kill 100 & wait' 2>err
"$hakmem" explain two >text 2>err || fail "explain"
has "^1. The statistics of 2 processes end before they did: their last operations"
has "Let the processes end by themselves, or accept that what they did"

# ---- The same without what `hakmem run` saw. ----
rm killed.d/ended.txt
reports killed.d
value "[$p.lived_ns, $p.rss_max_is_whole]" '[null,false]'
has " ran for at least [^:]*: cut short"
has "^    at most [0-9.]* .* until then, and unknown after it"
"$hakmem" check --figures killed.d >text 2>err || fail "check --figures"
has "^  rss(peak) *-"
has "^  elapsed *-"

# ---- A snapshot near the end tells the end, an earlier one does not. ----
./stats_file near.stats complete=0 snapshot_ns=1600000 untouched_ns=0 && ./stats_file early.stats complete=0 snapshot_ns=1400000 untouched_ns=0 || fail "stats_file"
"$hakmem" check --figures near.stats >text 2>err || fail "check --figures"
has "^  rss(end) *156 KiB"
"$hakmem" check --figures early.stats >text 2>err || fail "check --figures"
has "^  rss(end) *-"
has "^  live(end) *-"

# ---- Killed before its first snapshot. ----
mkdir at-once
./stats_file at-once/4711.stats complete=0 snapshot_ns=0 untouched_ns=0 rss=0 timeline_length=0 elapsed_ns=0 || fail "stats_file"
reports at-once
value "[$p.memory, $p.rss_max]" '[null,null]'
has "^Memory: unknown, because no snapshot was taken"
has " ran for an unknown time: cut short"
echo "4711 signal 9 0 50000000" >at-once/ended.txt
reports at-once
value "[$p.rss_max, $p.lived_ns]" '[50000000,null]'
has "^    at most 47.7 MiB until its end, as the kernel counted"
has " ran for an unknown time: killed by SIGKILL"

# A child's memory is not its parent's: the kernel does not tell them apart.
"$hakmem" run -o parent -- sh -c './killed exec 1 300000; kill -9 $$' 2>err
reports parent
value '[.stats.processes[] | select(.cut) | .rss_max_is_whole]' '[false]'

parent=$(cut -d' ' -f1 parent/ended.txt)
reports --pid "$parent" parent
value '[.stats.processes[] | .rss_max_is_whole]' '[false]'

# Nor are the memory of a child that was not recorded, and that of a program before it.
"$hakmem" run -o before -- sh -c 'exec ./killed kill 300000' 2>err
reports before
value '[.stats.processes[] | select(.lived_ns != null) | .rss_max_is_whole]' '[false]'
if cc -static -std=gnu11 -O1 -fno-builtin -o static "$SOURCE_DIR/tests/tool/killed.c" 2>err; then
  "$hakmem" run -o unrecorded -- sh -c './static exec 1 300000; kill -9 $$' 2>err
  reports unrecorded
  value '[.stats.processes[] | select(.cut) | .rss_max_is_whole]' '[false]'
fi

# ---- Programs that called exec. ----
"$hakmem" run -o execs -- ./killed exec 3 300000 >out 2>err || fail "$(cat err)"
reports execs
value '[.stats.processes[] | [.cut, .rss_max_is_whole]] | group_by(.) | map([.[0], length])' '[[[false,true],1],[[true,false],2]]'
value "[.stats.lost[]] | add" 0
has "  nothing, but for the ends of programs that called exec"
has "^  ≥: the process was killed, or called exec"
"$hakmem" explain execs >text 2>err || fail "explain"
has "^1. 2 programs called exec: the statistics end before that"
"$hakmem" check execs >text 2>err || { cat text; fail "a call of exec counts as lost data"; }
"$hakmem" run -o wrapped -- ./killed wrap 5 >out 2>err || fail "$(cat err)"
reports wrapped
value '[.stats.processes[].programs_replaced] | add' "$((5 - $(ls wrapped/*.stats* | wc -l)))"
has "programs\{0,1\} of these processes called exec before"

# ---- More is held than was resident: what is not hakmem's is unknown, not negative. ----
./stats_file held.stats complete=0 rss=60000 untouched_ns=1 || fail "stats_file"
reports held.stats
value "$p.memory.residual" null
has "^    free, held  *57.7 KiB  *-"
exit 0
