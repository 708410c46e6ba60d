#!/bin/sh
# HAKMEM_PROFILE: the live heap by call site, of a program whose sites are known: exact where all blocks are recorded, near enough where they are
# sampled; who holds slabs that are hardly used; the charges' sums; growth between two copies of a running process's data; forks; no stacks.
. "$(dirname "$0")/common.sh"
program sites

# FUNCTION MEMBER: the sum of a member over the sites that have the function on their stack, in $json.
of_site() {
  jq "[.stats.processes[0].profile.${3:-last}.sites[] | select(.stack != null and any(.stack[]; .function == \"$1\")) | .$2] | add // 0 | round" <"$json"
}
of_all() { jq "[.stats.processes[0].profile.last | .sites[], .rest | .$1] | add | round" <"$json"; }
of_moment() { jq ".stats.processes[0].profile.last.$1" <"$json"; }
between() { [ "$2" -ge "$3" ] && [ "$2" -le "$4" ] || fail "$1: expected $3 to $4, got $2"; }

json=$place/json
run() {
  rm -rf data
  "$hakmem" run -o data "$@" 2>err || { cat err; fail "cannot run $*"; }
  "$hakmem" report --json data >"$json" || fail "cannot report $*"
}

# All blocks: the figures are exact.
run -O PROFILE=1 -- ./sites
equal "blocks of leaky" 3000 "$(of_site leaky blocks)"
equal "samples of leaky" 3000 "$(of_site leaky samples)"
equal "bytes of leaky" 300000 "$(of_site leaky requested)"
equal "strides of leaky" 336000 "$(of_site leaky allocated)"
equal "blocks of pinning" 313 "$(of_site pinning blocks)"
equal "blocks of large" 4 "$(of_site large blocks)"
equal "bytes of large" 800000 "$(of_site large requested)"
pinned=$(of_moment pinned) waste=$(of_moment waste)
between "what pinning holds" "$(of_site pinning pinned)" $((pinned * 8 / 10)) "$pinned"
between "blocks of pinning in nearly empty slabs" "$(of_site pinning pins)" 250 313
[ "$(of_site pinning pinned)" -gt $((4 * 1024 * 1024)) ] || fail "pinning holds only $(of_site pinning pinned) bytes"
[ "$(of_all waste)" -le "$waste" ] || fail "charged $(of_all waste) bytes of $waste"

# Without stacks nothing else allocates: what is charged is all that there is, but for what each site rounds.
run -O PROFILE=1 -O STACKS=off -- ./sites
equal "live bytes" "$(of_moment allocated)" "$(of_all allocated)"
waste=$(of_moment waste)
between "charges" "$(of_all waste)" $((waste - 100)) $((waste + 100))
"$hakmem" report data >text || fail "cannot report"
grep -q 'no stack was taken' text || fail "does not say that there are no stacks"

# A sample: five times the standard deviation either way.
run -O PROFILE=4K -- ./sites
[ "$(of_site leaky samples)" -lt 300 ] || fail "$(of_site leaky samples) of 3000 blocks are no sample"
between "strides of leaky, estimated" "$(of_site leaky allocated)" 150000 522000
between "blocks of pinning, estimated" "$(of_site pinning blocks)" 60 570
equal "large blocks" 4 "$(of_site large samples)"
jq -e '[.stats.processes[0].profile.last.sites[] | select(.blocks > 0 and .age_ms / .blocks > .oldest_ms + 0.001)] == []' <"$json" >/dev/null ||
  fail "a mean age is above the oldest one"
jq -e '[.stats.processes[0].profile.last.sites[] | select(.samples > 0 and .allocated_variance == 0)] != [.stats.processes[0].profile.last.sites[]]' <"$json" >/dev/null ||
  fail "no estimate has a standard error"
"$hakmem" report data >text || fail "cannot report"
plain text
for line in 'Live heap by call site' 'samples, standard error ' 'leaky at ' 'Who holds slabs' 'residual'; do grep -q "$line" text || fail "the report has no '$line'"; done
"$hakmem" report --folded data >folded || fail "cannot fold"
grep -q '^main;leaky [0-9]*$' folded || { cat folded; fail "no line for leaky"; }
HAKMEM_PROFILE=1 HAKMEM_STATS=1 LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so ./sites 2>text || fail "cannot run"
grep -q '^live heap by allocation site' text && grep -q ' 3000  *3000  *336000 ' text || { cat text; fail "the statistics do not list leaky"; }

# A running process, twice; growth is by call site. Then it is killed, and its data are still there.
rm -rf data
mkfifo in
"$hakmem" run -o data -O PROFILE=1 -- ./sites wait <in >out 2>err &
runner=$!
exec 3>in
wait_for() {
  for _ in $(seq 100); do
    grep -q "$1" out && return
    sleep 0.1
  done
  fail "the program does not come to '$1'"
}
# copied FILE BLOCKS: until a snapshot in the copy has BLOCKS blocks of leaky.
copied() {
  for _ in $(seq 100); do
    rm -rf "$1"
    cp -r data "$1"
    "$hakmem" report --json "$1" >"$json" 2>err && [ "$(of_site leaky blocks)" -eq "$2" ] && return
    sleep 0.1
  done
  fail "no copy has $2 blocks of leaky, but $(of_site leaky blocks)"
}
wait_for first
copied before 3000
echo >&3
wait_for second
copied after 6000
"$hakmem" report --since before after >growth || fail "no growth of a running process"
head -4 growth | grep -q '+3000 .* leaky at sites.c:[0-9]* <- main$' || { cat growth; fail "leaky did not grow by 3000 blocks"; }
plain growth
"$hakmem" report --since before data >growth || fail "no growth up to now of a running process"
head -4 growth | grep -q '+3000 .* leaky at' || { cat growth; fail "leaky did not grow by 3000 blocks up to now"; }
echo >&3
wait_for third
pid=$(basename data/*.stats .stats)
kill -KILL "$pid"
wait $runner
exec 3>&-
"$hakmem" report --json data >"$json" || fail "cannot report a killed process"
equal "blocks of leaky in a killed process" 6000 "$(of_site leaky blocks)"
"$hakmem" report --since data data | grep -q '+0 B' || fail "something grew between the same data"

# A child has its parent's blocks, and its own.
run -O PROFILE=1 -- ./sites fork
equal "processes" 2 "$(jq '.stats.processes | length' <"$json")"
equal "blocks of leaky in both" '[3000,6000]' "$(jq -c '[.stats.processes[] | [.profile.last.sites[] | select(any(.stack[]; .function == "leaky")) | .blocks] | add + 0] | sort' <"$json")"

# Who holds nearly empty slabs is named by explain, too.
run -O PROFILE=64K -- ./sites hold
"$hakmem" explain data >text || fail "cannot explain"
tr -s '\n ' ' ' <text | grep -q 'hold nearly empty, [0-9.]* m*s old on average, allocated by holding at sites.c' || { cat text; fail "explain does not name holding"; }

# What cannot be had is said.
fails 2 'exclude each other' "$hakmem" report --json --folded data
mv data with
"$hakmem" run -o data -- ./sites 2>err || fail "cannot run"
fails 1 'HAKMEM_PROFILE' "$hakmem" report --folded data
fails 1 'HAKMEM_PROFILE' "$hakmem" report --since data data
fails 0 'data has no live heap by call site' "$hakmem" report --section=sites data
fails 1 'hakmem: data has no live heap' "$hakmem" report --since with data
fails 1 'hakmem: data has no live heap' "$hakmem" report --since data with
"$hakmem" report data | grep -q 'Live heap by call site' && fail "there is a live heap by call site without HAKMEM_PROFILE"
exit 0
