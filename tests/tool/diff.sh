# hakmem diff: figures of runs side by side, and whether a change is more than noise.
. "$(dirname "$0")/common.sh"
program stats_file
mkdir before after
for run in 1 2 3 4; do
  ./stats_file before/$run.stats allocs=100$run || fail "stats_file"
  ./stats_file after/$run.stats allocs=200$run hdr_reset=5 || fail "stats_file"
done

# One run each: changes are shown, and nothing is decided.
"$hakmem" diff before/1.stats after/1.stats >text 2>err || fail "$(cat err)"
plain text
tr -s ' ' <text >squeezed
grep -qF "One run each: nothing tells how much of a change is noise" text || { cat text; fail "one run each is not said"; }
grep -qF " allocs 1001 2001 +1000 +99.9 % - not decided" squeezed || { cat text; fail "the change of one run is not shown"; }

# A directory that holds several runs is one run of many processes. If each side is one, it is said how to name the runs in them.
for run in 1 2 3 4; do
  mkdir -p old/$run new/$run
  cp before/$run.stats old/$run/ && cp after/$run.stats new/$run/ || fail "cannot copy the runs"
done
"$hakmem" diff old new/ >text 2>err || fail "$(cat err)"
grep -qF "old and new hold several directories; if each of these is a run: hakmem diff 'old/*' 'new/*'" text || { cat text; fail "does not say that the directories hold several runs"; }
"$hakmem" diff 'old/*' 'new/*' | grep -q 'if each of these is a run' && fail "says it of runs that were named"
"$hakmem" diff before after | grep -q 'if each of these is a run' && fail "says it of a run of several processes"

# Several of each: patterns, as the shell expands them and in quotes, tell the same.
"$hakmem" diff before/*.stats after/*.stats >text 2>err || fail "$(cat err)"
"$hakmem" diff 'before/*.stats' 'after/*.stats' >quoted 2>err || fail "$(cat err)"
cmp -s text quoted || { diff text quoted; fail "a quoted pattern gives another result"; }
tr -s ' ' <text >squeezed
grep -qF " allocs 1003 2003 +1000 +99.8 % 0.029 more" squeezed || { cat text; fail "the change of several runs is not decided"; }
grep -q '^ incidents .* 0.029 worse$' squeezed || { cat text; fail "more incidents are not worse"; }
"$hakmem" diff after/*.stats before/*.stats | tr -s ' ' | grep -q '^ incidents .* 0.029 better$' || fail "fewer incidents are not better"

# The same runs on both sides differ by nothing; runs that scatter as much on both sides differ by noise.
"$hakmem" diff before/1.stats before/1.stats | grep -q 'not decided\|worse' && fail "a run differs from itself"
mkdir mixed
for run in 1 2 3 4; do ./stats_file mixed/$run.stats allocs=100$((5 - run)) || fail "stats_file"; done
"$hakmem" diff before/*.stats mixed/*.stats | tr -s ' ' | grep -qF ' allocs 1003 1003 0 +0.0 % 1.000 within noise' || fail "noise is no noise"

# JSON and Markdown.
"$hakmem" diff --json before/*.stats after/*.stats >json || fail "--json"
equal "p" 0.0286 "$(jq '.figures.allocs.p * 10000 | round / 10000' json)"
equal "values" '[1001,1002,1003,1004]' "$(jq -c '[.figures.allocs.a_runs[] | round]' json)"
equal "verdict" '"more"' "$(jq .figures.allocs.verdict json)"
"$hakmem" diff --markdown before/*.stats after/*.stats | grep -q '^| allocs | 1003 | 2003 |' || fail "--markdown"

# Bad calls and bad input.
fails 2 "there is nothing to compare" "$hakmem" diff
fails 2 "there is nothing to compare before/1.stats with" "$hakmem" diff before/1.stats
fails 1 "no run is named nothing*" "$hakmem" diff 'nothing*' before/1.stats
fails 1 "all runs lie in before" "$hakmem" diff before/*.stats
fails 1 "lies in a third directory" "$hakmem" diff before/*.stats after/*.stats mixed/*.stats
fails 1 "cannot read absent" "$hakmem" diff absent before/1.stats
exit 0
