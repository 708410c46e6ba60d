#!/bin/sh
# Slabs that few blocks hold: how many, and for how long at least, without HAKMEM_PROFILE; who holds what a refused class would need; and with
# HAKMEM_PROFILE, what is free in legacy's slabs is charged, too.
. "$(dirname "$0")/common.sh"
program pins
program waste
json=$place/json
between() { [ "$2" -ge "$3" ] && [ "$2" -le "$4" ] || fail "$1: expected $3 to $4, got $2"; }
run() {
  rm -rf data
  "$hakmem" run -o data "$@" 2>err || { cat err; fail "cannot run $*"; }
  "$hakmem" report --json data >"$json" || fail "cannot report $*"
}
of_small() { jq ".stats.classes[] | select(.stride == 112) | .pins.$1" <"$json"; }

started=$(date +%s%3N)
run -O SS_LIMIT=4 -- ./pins
most=$(($(date +%s%3N) - started))
slabs=$(of_small slabs)
between "slabs of 112 bytes" "$slabs" 60 75
between "free bytes of these" "$(of_small free)" 4000000 5000000
between "how long they were held" $(($(of_small idle_ms) / slabs)) 690 $most
between "the longest of these times" "$(of_small longest_ms)" 690 $most
between "slabs in the histogram of utilisation, and in use" "$(jq '[.stats.classes[] | (.utilisation | add) - .memory.slabs | select(. != 0)] | length' <"$json")" 0 1
"$hakmem" report data >text || fail "cannot report"
plain text
grep -q '^Slabs that few blocks hold' text || { cat text; fail "the report does not list the slabs"; }

# Of the refusals.
first=$(jq '[.stats.processes[0].incidents[] | select(.kind == "shared_fail")] | min_by(.time_ns)' <"$json")
equal "who held what was free" '"6"' "$(echo "$first" | jq '.holder | tostring')"
between "for how long, when a class was first refused" "$(echo "$first" | jq .holder_ms)" 690 $most
"$hakmem" explain data >text || fail "cannot explain"
plain text
tr -s '\n ' ' ' <text | grep -q 'held by .*(112 B) ([0-9.]* MiB, no block taken from its slabs for [0-9.]* m*s on average)' || { cat text; fail "explain does not say for how long"; }

# The same as text, by the program itself.
HAKMEM_STATS=1 LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so ./pins 2>text || fail "cannot run"
grep -A9 '^slabs with few live blocks' text | grep -q '^ *6  *[67][0-9]  *4[0-9]\{6\}  *[0-9]\{3,5\}  *[0-9]\{3,5\}$' || { cat text; fail "the statistics do not list the slabs"; }

# When most was free, and all of it may be gone at the end.
run -- ./waste pins
"$hakmem" explain data >text || fail "cannot explain"
tr -s '\n ' ' ' <text | grep -q 'are held by at most 20 % of their blocks; no block was taken from them for [0-9.]* m*s on average' || { cat text; fail "explain does not say how long slabs were held"; }

# Charges, of legacy's slabs, too, which hold most here.
run -O SS_LIMIT=4 -O PROFILE=1 -O STACKS=off -- ./pins
waste=$(jq .stats.processes[0].profile.last.waste <"$json")
between "what is free in slabs with blocks in use" "$waste" 15000000 40000000
between "what the sites are charged with" "$(jq '[.stats.processes[0].profile.last | .sites[], .rest | .waste] | add | round' <"$json")" $((waste - 100)) $((waste + 100))

# The map says which site holds each slab: with PROFILE=1, by all its live blocks. A running process has what it found last.
run -O PROFILE=1 -- ./pins
"$hakmem" report --json --section=slabs data >"$json" || fail "no map"
holders=$(jq -c '.stats | ([.classes[] | select(.stride == 112) | .class]) as $classes | .processes[0] | .slab_stacks as $stacks | .slab_maps[-1].slabs | [.[] |
  select([.[3]] | inside($classes)) | select(.[4] > 0)] | [length >= 60, all(.[9] == .[4]), all(.[8] == .[9]),
  all(.[7] as $id | any($stacks[]; .stack_id == $id and any(.stack[]; .function == "main")))]' <"$json")
equal "holders of slabs: there are many, of all blocks, one site each, by name" '[true,true,true,true]' "$holders"
run -- ./pins
"$hakmem" report --json --section=slabs data >"$json" || fail "no map"
equal "no holders without a profile" '[[],true,true]' "$(jq -c '.stats.processes[0] | [.slab_stacks, (.slab_maps | all(.sampled_ns == null)), ([.slab_maps[].slabs[] | .[7:10] == [0, 0, 0]] | all)]' <"$json")"
exit 0
