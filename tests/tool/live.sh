# Reports of processes that run show them as they are now: at rest, stopped, at work; as of their file if their memory cannot be read.
. "$(dirname "$0")/common.sh"
program rests

# start DIR [NAME=VALUE...] ARGUMENTS...: rests in the background; when it rests, its process is $pid, and `hakmem run` is $runner.
start() {
  dir=$1
  shift
  env_of=
  while case $1 in *=*) ;; *) false ;; esac; do env_of="$env_of $1"; shift; done
  env $env_of "$hakmem" run -o "$dir" -- ./rests "$@" >"$dir.out" 2>"$dir.err" &
  runner=$!
  for try in $(seq 200); do grep -q ready "$dir.out" && break; sleep 0.05; done
  grep -q ready "$dir.out" || fail "rests $*: $(cat "$dir.err")"
  pid=$(basename "$dir"/*.stats .stats)
}
end() { kill -TERM "$pid"; wait $runner; equal "exit code" 0 $?; }

figure() { "$hakmem" report --json "$2" 2>err | jq -c "$1"; }
row() { figure ".stats.classes[] | select(.class == \"$2\") | [.counters.allocs, .counters.frees, .memory.allocated]" "$1"; }
# Where the memory is, and the slabs of each class: as the process itself finds it at its end. Between the two, it touches more pages of its statistics.
state='[(.stats.processes[0].memory.buckets | .metadata = 0), (.stats.classes[] | [.class, .memory, .counters.allocs, .counters.frees])]'
metadata() { figure '.stats.processes[0].memory.buckets.metadata' "$1"; }
equal_metadata() { [ $(($2 - $3)) -ge 0 ] && [ $(($2 - $3)) -le 262144 ] || fail "$1: $3 bytes of metadata, then $2"; }

# Few operations of one thread, of which the file has some at most.
start few 1 1000 100
for input in few "$pid" "few/$pid.stats"; do
  equal "$input" '["runs","memory",0]' "$(figure '.stats.processes[0] | [.state, .read_from, .age_ns]' $input)"
  equal "operations and live bytes of $input" "[1000,500,$((500 * 112))]" "$(row $input 6)"
done
equal "resident memory" true "$(figure '.stats.processes[0].memory | .rss > .rss_files' few)"
kill -STOP "$pid"
for try in $(seq 50); do [ "$(figure '.stats.processes[0].state' few)" = '"stopped"' ] && break; sleep 0.1; done
equal "a stopped process" '["stopped","memory",0]' "$(figure '.stats.processes[0] | [.state, .read_from, .age_ns]' "$pid")"
equal "operations and live bytes of a stopped process" "[1000,500,$((500 * 112))]" "$(row "$pid" 6)"
"$hakmem" report "$pid" | grep -q "Shown as it is now (read from its memory)\." || fail "the report does not say as of when it is"
"$hakmem" explain few | grep -q "1 of them still runs: it is shown as it is now (read from its memory)" || fail "explain does not say as of when it is"
kill -CONT "$pid"
before=$(figure "$state" few) metadata=$(metadata few)
end
equal "what the process itself finds" "$(figure "$state" few)" "$before"
equal_metadata few "$(metadata few)" "$metadata"
equal "an ended process" '["ended",null,null]' "$(figure '.stats.processes[0] | [.state, .read_from, .age_ns]' few)"

# Several threads with lists; large and huge blocks; no snapshot of its own, ever; legacy slabs, because there may be one SuperSlab; a profile.
start threads 4 20000 100
equal "operations and live bytes of four threads" "[80000,40000,$((40000 * 112))]" "$(row threads 6)"
listed=$(figure '.stats.processes[0].memory | [.buckets.cached_tls, (.threads.largest | map(.bytes) | add)]' threads)
equal "bytes in all lists, and in those of the threads" "true" "$(echo "$listed" | jq '.[0] == .[1] and .[0] > 0')"
for tid in $(figure '.stats.processes[0].memory.threads.largest[].tid' threads); do [ -d "/proc/$pid/task/$tid" ] || fail "$tid is no thread of $pid"; done
equal "names of threads" '["rests"]' "$(figure '[.stats.processes[0].memory.threads.largest[].name] | unique - [""]' threads)"
"$hakmem" report --section=memory threads | grep -q "^ *$tid  *rests  *[0-9]" || fail "the report does not list the threads"
sleep 0.6
rested=$(figure '.stats.processes[0].memory.threads.largest[].idle_ms' threads | sort -n)
[ "$(echo "$rested" | head -n 1)" -ge 500 ] && [ "$(echo "$rested" | tail -n 1)" -le 600000 ] || fail "the threads rest, and their idle times are $rested"
before=$(figure "$state" threads) metadata=$(metadata threads)
end
equal "what four threads find" "$(figure "$state" threads)" "$before"
equal_metadata threads "$(metadata threads)" "$metadata"
start large 2 10 300000
equal "large blocks" "[20,10,$((10 * 5 * 65536))]" "$(row large large)"
end
start huge 2 10 3000000
equal "huge blocks" "[20,10,$((10 * 46 * 65536))]" "$(row huge huge)"
before=$(figure "$state" huge) metadata=$(metadata huge)
end
equal "what is found of huge blocks" "$(figure "$state" huge)" "$before"
equal_metadata huge "$(metadata huge)" "$metadata"
start none HAKMEM_FRAGMENTATION=0 1 1000 100
equal "a process without snapshots" "[1000,500,$((500 * 112))]" "$(row none 6)"
end
start legacy HAKMEM_SS_LIMIT=1 2 40000 100
equal "legacy slabs" "[80000,40000,$((40000 * 112))]" "$(row legacy 6)"
before=$(figure "$state" legacy) metadata=$(metadata legacy)
end
equal "what is found of legacy slabs" "$(figure "$state" legacy)" "$before"
equal_metadata legacy "$(metadata legacy)" "$metadata"
start profile HAKMEM_PROFILE=512K 2 40000 100
equal "with a profile" "[80000,40000,$((40000 * 112))]" "$(row profile 6)"
end

# At work all the time: each report is whole.
start work 3 1000 100 works
for try in $(seq 20); do
  equal "report $try of a process at work" '"memory"' "$(figure '.stats.processes[0].read_from' work)"
  [ -s err ] && fail "report $try: $(cat err)"
done
end

# Memory that lies: whatever the addresses, sizes and lists say, the report ends, and with the file's figures or with others.
program liar
cp few/*.stats model
for seed in $(seq 20); do
  cp model lies.stats
  ./liar lies.stats "$seed" >lies.out &
  liar=$!
  for try in $(seq 200); do grep -q ready lies.out && break; sleep 0.02; done
  timeout 60 "$hakmem" report lies.stats >out 2>err
  code=$?
  [ $code -eq 0 ] || [ $code -eq 1 ] || fail "seed $seed: exit code $code"
  grep -q "reading them failed" err && fail "seed $seed: $(cat err)"
  kill $liar
  wait $liar 2>/dev/null
done

# Its memory cannot be read. Root needs no permission for that, as long as it has the capability.
start closed 1 1000 100 closed
reader=
[ "$(id -u)" != 0 ] || reader="setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace"
$reader true 2>/dev/null || skip "setpriv is not installed, or may not give up a capability"
closed=$($reader "$hakmem" report closed)
printf '%s\n' "$closed" | grep -q '^  Shown as of .* ago (its statistics file; reading its memory: ' || fail "a closed process: $closed"
printf '%s\n' "$closed" | grep -q '1 of them still runs: it is shown as of .* ago (its statistics file; reading its memory: [A-Z].*)$' || fail "a closed process: $closed"
equal "a closed process" '["runs","file",true]' "$($reader "$hakmem" report --json closed | jq -c '.stats.processes[0] | [.state, .read_from, .age_ns > 0]')"
end

# A number that is no process, or one without statistics; a file of such a name is a file.
fails 1 "there is neither a file nor a process $pid" "$hakmem" report "$pid"
sleep 60 &
fails 1 "process $! keeps no statistics; start it with hakmem run, or with HAKMEM_STATS_FILE in its environment" "$hakmem" report $!
kill $!
cp few/*.stats "$pid"
equal "a file with a number for a name" '"ended"' "$(figure '.stats.processes[0].state' "$pid")"
exit 0
