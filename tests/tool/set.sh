# timeout: 300
# hakmem set, dump and trim change a running process, in every state that it can be in; it goes on, and its blocks keep their content.
. "$(dirname "$0")/common.sh"
program toggled
program rests

# start DIR PROGRAM ARGUMENTS...: in the background; when it says ready, its process is $pid, and `hakmem run` is $runner.
start() {
  dir=$1
  shift
  "$hakmem" run -o "$dir" -- "$@" >"$dir.out" 2>"$dir.err" &
  runner=$!
  for try in $(seq 200); do grep -q ready "$dir.out" && break; sleep 0.05; done
  grep -q ready "$dir.out" || fail "$*: $(cat "$dir.err")"
  pid=$(ls "$dir"/*.stats | head -1)
  pid=$(basename "$pid" .stats)
}
end() {
  kill -TERM "$pid"
  wait $runner
  equal "exit code" 0 $?
}
# setting PID NAME: its value now.
setting() { "$hakmem" set "$1" | sed -n "s/^$2=\([^ ]*\).*/\1/p"; }
set_it() { "$hakmem" set "$@" >set.out 2>set.err || fail "set $*: $(cat set.err)"; }
profile='.stats.processes[0] | [.settings.profile, .settings.profile_is_on, (.profile.last.sites // [] | length > 0)]'
profile() { "$hakmem" report --json "$1" 2>/dev/null | jq -c "$profile"; }

# A busy process: each setting, by its effect.
start busy ./toggled 2
equal "the settings at the start" "PROFILE=0 GUARD=0 TRACE=off LOG= STATS_INTERVAL=100 SOFT_LIMIT=0" "$("$hakmem" set "$pid" | sed 's/ .*//' | tr '\n' ' ' | sed 's/ $//')"
set_it "$pid" log=drain
for try in $(seq 50); do grep -q '^\[TLS_SLL_DRAIN\]' busy.err && break; sleep 0.1; done
grep -q '^\[TLS_SLL_DRAIN\]' busy.err || fail "LOG=drain writes no line"
set_it "$pid" LOG=
sleep 0.3
lines=$(wc -l <busy.err)
sleep 0.3
equal "lines of the log after LOG=" "$lines" "$(wc -l <busy.err)"
guarded() { "$hakmem" report --json busy 2>/dev/null | jq '.stats.processes[0].memory.buckets.guarded'; }
equal "guarded bytes before" 0 "$(guarded)"
set_it "$pid" GUARD=50
for try in $(seq 50); do [ "$(guarded)" -gt 0 ] && break; sleep 0.1; done
[ "$(guarded)" -gt 0 ] || fail "GUARD=50 guards nothing"
set_it "$pid" GUARD=0
for try in $(seq 100); do [ "$(guarded)" -eq 0 ] && break; sleep 0.1; done
equal "guarded bytes after GUARD=0 and the frees of the blocks" 0 "$(guarded)"
equal "the profile before" '[0,false,false]' "$(profile busy)"
set_it "$pid" PROFILE=4K
grep -q '^PROFILE=4096  (set .* ago)$' set.out || fail "set does not print the settings: $(cat set.out)"
for try in $(seq 100); do [ "$(profile busy)" = '[4096,true,true]' ] && break; sleep 0.1; done
equal "the profile" '[4096,true,true]' "$(profile busy)"
set_it "$pid" HAKMEM_PROFILE=0 STATS_INTERVAL=1000
equal "two settings at once" "0 1000" "$(setting "$pid" PROFILE) $(setting "$pid" STATS_INTERVAL)"
"$hakmem" report --json "$pid" >after.json 2>err || fail "$(cat err)"
equal "the profile after" '[4096,false,true]' "$(jq -c "$profile" after.json)"
jq -e '[.stats.processes[0].profile.last.sites[].stack[]?.function] | index("work")' after.json >out || fail "the profile has no call site of the program"
fails 1 "refuses: TRACE=full needs a tracer in the process; start the program with hakmem record, or preload libhakmem-tracepoints.so" "$hakmem" set "$pid" TRACE=full
equal "TRACE" off "$(setting "$pid" TRACE)"

# Wrong names and values; nothing is changed, also not by what is right beside them.
fails 2 "HAKMEM_PROFIL is not an option of the library; the nearest is HAKMEM_PROFILE" "$hakmem" set "$pid" STATS_INTERVAL=7 PROFIL=4K
fails 2 "HAKMEM_PROFILE=4Q is not allowed" "$hakmem" set "$pid" PROFILE=4Q
fails 2 "HAKMEM_PROFILE=-1 is not allowed" "$hakmem" set "$pid" PROFILE=-1
fails 2 "HAKMEM_LOG=dran is not allowed" "$hakmem" set "$pid" LOG=dran
fails 2 "HAKMEM_DEBUG is read at the start only; while the program runs, these change: PROFILE GUARD TRACE LOG STATS_INTERVAL SOFT_LIMIT" "$hakmem" set "$pid" DEBUG=1
fails 2 "PROFILE is not NAME=VALUE" "$hakmem" set "$pid" PROFILE
fails 2 "--for=soon is not a time" "$hakmem" set --for soon "$pid" PROFILE=1
fails 2 "--for needs a NAME=VALUE" "$hakmem" set --for 1s "$pid"
fails 2 "there is no process id" "$hakmem" set
fails 2 "x is not a process id" "$hakmem" trim x
equal "the interval" 1000 "$(setting "$pid" STATS_INTERVAL)"

# For a time: the process puts the old value back, also if the program that asked was killed, and the value of before the first of two changes.
set_it --for 60s "$pid" PROFILE=8K
grep -q '^PROFILE=8192  (set .* ago, for [56][0-9]\(\.[0-9]*\)\? s more)$' set.out || fail "no end of the setting: $(cat set.out)"
set_it --for 1s "$pid" PROFILE=16K
"$hakmem" set --for 700ms "$pid" STATS_INTERVAL=77 >set.out 2>&1 &
asker=$!
for try in $(seq 100); do [ "$(setting "$pid" STATS_INTERVAL)" = 77 ] && break; sleep 0.02; done
kill -9 $asker 2>/dev/null
wait $asker 2>/dev/null
for try in $(seq 50); do [ "$(setting "$pid" PROFILE) $(setting "$pid" STATS_INTERVAL)" = "0 1000" ] && break; sleep 0.1; done
equal "the old values" "0 1000" "$(setting "$pid" PROFILE) $(setting "$pid" STATS_INTERVAL)"
end
equal "an ended process" "there is neither a file nor a process $pid" "$("$hakmem" set "$pid" PROFILE=1 2>&1 | sed 's/^hakmem: //')"

# A process that rests, then is stopped: it does what was asked when it continues. Up to 8 requests wait.
start rest ./toggled 2
kill -USR1 "$pid"
for try in $(seq 200); do grep -qx rest rest.out && break; sleep 0.05; done
"$hakmem" set --wait 300ms "$pid" PROFILE=4K >out 2>err
equal "exit code for a process that rests" 3 $?
grep -q "process $pid rests: it did not enter the slow path of malloc or free for 0.3 s; it changes its options when it next does" err || fail "$(cat err)"
kill -STOP "$pid"
for try in $(seq 50); do [ "$("$hakmem" report --json "$pid" 2>/dev/null | jq -r '.stats.processes[0].state')" = stopped ] && break; sleep 0.1; done
"$hakmem" set --wait 300ms "$pid" STATS_INTERVAL=55 >out 2>err
equal "exit code for a stopped process" 3 $?
grep -q "process $pid is stopped: it changes its options when it continues" err || fail "$(cat err)"
equal "nothing is done yet" "0 100" "$(setting "$pid" PROFILE) $(setting "$pid" STATS_INTERVAL)"
"$hakmem" dump --wait 100ms -o stopped.stats "$pid" >out 2>err
equal "exit code of a dump that reads the memory of a stopped process" 0 $?
equal "the copy" stopped.stats "$(cat out)"
equal "its state" '["copied",false]' "$("$hakmem" report --json stopped.stats | jq -c '.stats.processes[0] | [.state, .complete]')"
"$hakmem" dump --wait 100ms "$pid" >out 2>err
equal "exit code of a dump into its own file" 3 $?
grep -q "hakmem dump -o FILE $pid reads its memory instead" err || fail "$(cat err)"
for i in 1 2 3 4; do "$hakmem" set --wait 10ms "$pid" LOG=ss >out 2>err; equal "exit code of request $i" 3 $?; done
fails 1 "8 requests wait for process $pid already" "$hakmem" set --wait 10ms "$pid" LOG=hdr
kill -CONT "$pid"
kill -USR2 "$pid"
for try in $(seq 50); do [ "$(setting "$pid" PROFILE) $(setting "$pid" STATS_INTERVAL) $(setting "$pid" LOG)" = "4096 55 ss" ] && break; sleep 0.1; done
equal "done now" "4096 55 ss" "$(setting "$pid" PROFILE) $(setting "$pid" STATS_INTERVAL) $(setting "$pid" LOG)"

# exec: the new program begins with the environment's settings.
set_it "$pid" PROFILE=4K
kill -HUP "$pid"
for try in $(seq 100); do [ "$(setting "$pid" PROFILE 2>/dev/null)" = 0 ] && break; sleep 0.1; done
equal "after exec" 0 "$(setting "$pid" PROFILE)"
set_it "$pid" PROFILE=64K
equal "the new program is set" 65536 "$(setting "$pid" PROFILE)"
end

# A forked child has its own settings.
start fork ./toggled 1 forks
child=$(sed -n 's/^child //p' fork.out | head -1)
pid=$(ls fork/*.stats | sed 's|.*/||; s/\.stats$//' | grep -vx "$child" | head -1)
for try in $(seq 50); do [ -s "fork/$child.stats" ] && break; sleep 0.1; done
set_it "$pid" PROFILE=4K
set_it "$child" PROFILE=8K
equal "parent and child" "4096 8192" "$(setting "$pid" PROFILE) $(setting "$child" PROFILE)"
kill -TERM "$child"
end

# dump: the file is as new as the request, and prints its name. trim: resident memory falls, but for what the process takes meanwhile.
start dump ./rests 1 200000 1000 works
equal "the name of the file" "$place/dump/$pid.stats" "$("$hakmem" dump "$pid")"
"$hakmem" dump -o one.stats "$pid" >out || fail dump
fails 1 "cannot write one.stats: File exists" "$hakmem" dump -o one.stats "$pid"
equal "who may read the copy" 600 "$(stat -c %a one.stats)"
before=$(awk '/VmRSS/ { print $2 }' "/proc/$pid/status")
"$hakmem" trim "$pid" >out 2>err || fail "trim: $(cat err)"
grep -q "^process $pid: resident memory fell by .*, from .* to .*$" out || fail "$(cat out)"
after=$(awk '/VmRSS/ { print $2 }' "/proc/$pid/status")
[ "$after" -le $((before + 1024)) ] || fail "trim: $before KiB before, $after after"

# A process that rests answers no trim, but to a signal; the statistics are not written to its log then. One that does not catch a signal is sent none.
# It keeps its free memory until then: on a busy machine it would return it before it rests.
cat >asleep.c <<'END_OF_PROGRAM'
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void) {
  enum { BLOCKS = 30000, SIZE = 1000 };
  static void *blocks[BLOCKS];
  for (int i = 0; i < BLOCKS; i++) blocks[i] = memset(malloc(SIZE), 1, SIZE);
  for (int i = 0; i < BLOCKS; i++) free(blocks[i]);
  if (write(STDOUT_FILENO, "ready\n", 6) != 6) return 1;
  for (;;) poll(NULL, 0, -1);
}
END_OF_PROGRAM
cc -O1 -fno-builtin -o asleep asleep.c || fail "asleep.c does not compile"
awake=$pid awake_runner=$runner
HAKMEM_STATS_SIGNAL=USR2 HAKMEM_RELEASE_DELAY=1000000 start resting ./asleep
"$hakmem" trim --wait 300ms "$pid" >out 2>err
equal "exit code of a trim of a process that rests" 3 $?
grep -q "for 0.3 s; it returns its free memory when it next does; .*hakmem trim --signal" err || fail "$(cat err)"
before=$(awk '/VmRSS/ { print $2 }' "/proc/$pid/status")
"$hakmem" trim --wait 60s --signal "$pid" >out 2>err || fail "trim --signal: $(cat err)"
after=$(awk '/VmRSS/ { print $2 }' "/proc/$pid/status")
[ "$after" -lt $((before / 2)) ] || fail "trim --signal: $before KiB before, $after after"
equal "the log of a process that was woken" "" "$(grep -v '^hakmem: data of' resting.err)"
kill -KILL "$pid"
wait $runner
pid=$awake runner=$awake_runner
fails 1 "process $pid has no signal by which it can be woken; start the program with HAKMEM_STATS_SIGNAL=USR2" "$hakmem" trim --signal "$pid"

# Who may not: another user. A process without statistics, and a file of another process under the descriptor.
if [ "$(id -u)" = 0 ] && $nobody true 2>/dev/null; then
  chmod 755 "$place"
  cp "$hakmem" "$place/hakmem.copy"
  $nobody "$place/hakmem.copy" set "$pid" PROFILE=4K >out 2>err
  equal "exit code of another user" 1 $?
  grep -q "cannot look at process $pid: Permission denied" err || fail "another user: $(cat err)"
  equal "the profile" 0 "$(setting "$pid" PROFILE)"
fi
end
sleep 60 &
fails 1 "process $! keeps no statistics" "$hakmem" set $! PROFILE=4K
kill $!

# Signals that interrupt four threads at work, anywhere: blocks keep their content.
HAKMEM_STATS_SIGNAL=USR2 start woken ./toggled 4
for i in $(seq 40); do "$hakmem" trim --wait 60s --signal "$pid" >out 2>err || fail "trim $i of a busy process: $(cat err)"; done
end
"$hakmem" report --json woken | jq -e '.stats.processes[0].incidents == []' >out || fail "the signals caused incidents"

# Four threads at work while settings change 200 times: blocks keep their content, and all records and slots are given back.
start storm ./toggled 4
for i in $(seq 50); do
  "$hakmem" set "$pid" PROFILE=$((i % 3 * 2048 + 1)) GUARD=$((i % 2 * 300)) >out 2>err || fail "change $i: $(cat err)"
  "$hakmem" set "$pid" PROFILE=0 LOG=$([ $((i % 2)) = 0 ] || echo ss) >out 2>err || fail "change $i: $(cat err)"
done
set_it "$pid" GUARD=0 PROFILE=0
end
"$hakmem" report --json storm | jq -e '.stats.processes[0].incidents == []' >out || fail "the changes caused incidents: $(jq -c '.stats.processes[0].incidents' storm)"
exit 0
