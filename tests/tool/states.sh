# How a process is, or how it ended, is what the report says of it: runs, stopped, ended, exit codes, signals, _exit, exec.
. "$(dirname "$0")/common.sh"
command -v dash >/dev/null || skip "dash is not installed"

# state DIR PROGRAM: the state of the process of this program.
state() { "$hakmem" report --json "$1" 2>/dev/null | jq -r --arg program "$2" '.stats.processes[] | select(.program | endswith($program)) | .state'; }
incomplete() { "$hakmem" report --json "$1" 2>/dev/null | jq .stats.lost.incomplete; }

"$hakmem" run -o exits -- dash -c 'ls >/dev/null; exit 3' 2>err
equal "exit code" 3 $?
equal "the shell" "exit code 3" "$(state exits dash)"
equal "its child" ended "$(state exits ls)"
equal "processes cut short" 0 "$(incomplete exits)"
"$hakmem" explain exits | grep -q "end before the process did" && fail "an exit by _exit is a finding"

"$hakmem" run -o whole -- ls / >/dev/null 2>err || fail "$(cat err)"
equal "a program that ends in order" ended "$(state whole ls)"

"$hakmem" run -o killed -- dash -c 'ls >/dev/null; kill -9 $$' 2>err
equal "exit code" 137 $?
equal "a killed shell" "killed by SIGKILL" "$(state killed dash)"
equal "processes cut short" 1 "$(incomplete killed)"

# A program that calls exec stays one process, though it has two files.
program becomes
"$hakmem" run -o became -- ./becomes >/dev/null 2>err || fail "$(cat err)"
equal "files" 2 "$(ls became/*.stats* | wc -l)"
equal "the first program" exec "$(state became becomes)"
"$hakmem" report --summary became | grep -q 'more process' && { "$hakmem" report --summary became; fail "a call of exec counts as a process"; }

# A child that calls _exit is no process that was cut short; one that was killed, and for which no process waited, is.
"$hakmem" run -o children -- dash -c '(ls >/dev/null; true); ls -d . >/dev/null' 2>err || fail "$(cat err)"
equal "processes cut short" 0 "$(incomplete children)"

# A statistics file that is truncated while its process works has all of it again, the maps of earlier moments too.
program rests
HAKMEM_STATS_FILE=truncated.stats LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so ./rests 1 1000 100 works >out 2>err &
process=$!
# maps COUNT: waits until the file has as many.
maps() {
  for try in $(seq 200); do
    made=$("$hakmem" report --json --section=slabs truncated.stats 2>/dev/null | jq '.stats.processes[0].slab_maps | length')
    [ "${made:-0}" -ge "$1" ] && return
    sleep 0.1
  done
  fail "${made:-no} maps of slabs, and not $1"
}
maps 3
: >truncated.stats
maps $((made + 2))
kill -TERM $process
wait $process
"$hakmem" report --json --section=slabs truncated.stats | jq -c '.stats.processes[0].slab_maps | [length > 3, all(.slabs | length > 0)]' >out
equal "maps before and behind the truncation" '[true,true]' "$(cat out)"

# A process that runs, rests and is stopped.
"$hakmem" run -o alive -- sleep 60 2>err &
runner=$!
for try in $(seq 100); do
  file=$(ls alive/*.stats 2>/dev/null) && [ -s "$file" ] && break
  sleep 0.1
done
pid=$(basename "$file" .stats)
equal "a process that rests" runs "$(state alive sleep)"
"$hakmem" report alive 2>/dev/null | grep -q "cut short\|did not end" && fail "a process that runs is called cut short"
equal "processes cut short" 0 "$(incomplete alive)"
kill -STOP "$pid"
for try in $(seq 50); do [ "$(state alive sleep)" = stopped ] && break; sleep 0.1; done
equal "a stopped process" stopped "$(state alive sleep)"
kill -CONT "$pid"
kill -TERM "$pid"
wait $runner
equal "exit code" 143 $?
equal "a process that was ended by a signal" "killed by SIGTERM" "$(state alive sleep)"

# Damage.
echo nonsense >whole/ended.txt
fails 1 "does not say how a program ended" "$hakmem" report --json whole
exit 0
