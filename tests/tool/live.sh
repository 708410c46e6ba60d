# Reports of processes that run show them as they are now: at rest, stopped, with several threads; as of their file if their memory cannot be read.
. "$(dirname "$0")/common.sh"
program rests

# start DIR ARGUMENTS...: rests in the background, which rests now; its process is $pid.
start() {
  dir=$1
  shift
  "$hakmem" run -o "$dir" -- ./rests "$@" >"$dir.out" 2>"$dir.err" &
  runner=$!
  for try in $(seq 200); do grep -q ready "$dir.out" && break; sleep 0.05; done
  grep -q ready "$dir.out" || fail "rests $*: $(cat "$dir.err")"
  pid=$(basename "$dir"/*.stats .stats)
}
end() { kill -TERM "$pid"; wait $runner; equal "exit code" 0 $?; }

# figure FILTER PLACE: of the only process in the report.
figure() { "$hakmem" report --json "$2" 2>/dev/null | jq -c "$1"; }
counts='.stats.classes | [map(.allocs), map(.frees)] | map(add)'
of_class='.stats.classes[] | select(.class == "6") | {allocs, frees, allocated, cached, partial, active, slabs}'
whole='.stats.processes[0].memory.buckets | {live, cached_tls, cached_pool, partial, tails, empty, huge_cache, guarded}'
place_of='.stats.processes[0] | [.state, .read_from]'

# Few operations, none of which the file has: a stack of threads' data is in another class.
start few 1 1000 100
equal "read from" '["runs","memory"]' "$(figure "$place_of" few)"
equal "allocs" 1000 "$(figure "$of_class | .allocs" few)"
equal "frees" 500 "$(figure "$of_class | .frees" few)"
equal "live bytes" $((500 * 112)) "$(figure "$of_class | .allocated" few)"
