# The stacks of threads stand in the table of mappings under their own name, in a process that runs and in one that has ended.
. "$(dirname "$0")/common.sh"
program thread_stacks
"$hakmem" run -o data -- ./thread_stacks 24 >out 2>err &
run=$!
for try in $(seq 200); do grep -q ready out && break; sleep 0.1; done
pid=$(ls data/*.stats | sed 's|.*/||; s/\.stats$//')
kib_of() { jq '[.stats.processes[0].memory.mappings[] | select(.name == "[thread stacks]") | .resident] | add // 0 | . / 1024 | floor' "$1"; }
between() { [ "$2" -ge 48000 ] && [ "$2" -le 60000 ] || fail "$1: $2 KiB in stacks of threads, not the 48 MiB that 24 threads wrote to"; }

"$hakmem" report --json "$pid" >runs.json 2>err || fail "report $pid: $(cat err)"
between "while it runs" "$(kib_of runs.json)"
"$hakmem" report --section=memory "$pid" | grep -qF '[thread stacks]' || fail "the table of mappings has no stacks of threads"
kill -TERM "$pid"
wait $run
"$hakmem" report --json data >ended.json 2>err || fail "report: $(cat err)"
between "at the end" "$(kib_of ended.json)"
