# With many threads, lists are long enough for the memory in use: most frees of blocks of many sizes need no drain.
. "$(dirname "$0")/common.sh"
"$hakmem" run -o data -- "$BUILD_DIR/bin/bench_threads" random_sizes -t 64 -n 20000 >out 2>&1 || { cat out; fail "the program fails"; }
"$hakmem" report --json data >report.json || fail "cannot report"
jq -e '[.stats.classes[].counters] | (map(.drain_length) | add) / (map(.frees) | add) | . < 0.12' report.json >/dev/null ||
  { jq '[.stats.classes[].counters] | [(map(.drain_length) | add), (map(.frees) | add)]' report.json; fail "too many of the frees are drains"; }
