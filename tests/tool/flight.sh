#!/bin/sh
# The flight recorder: babeltrace2 and `hakmem report` read it at any moment; nothing that happens to its files harms the program.
. "$(dirname "$0")/common.sh"
command -v babeltrace2 >/dev/null 2>&1 || skip "babeltrace2 is not installed"
program flight
library=$BUILD_DIR/lib/libhakmem.so

# valid DIR: stock babeltrace2 reads it, and says at most that events were discarded. The events are in $place/events.
valid() {
  babeltrace2 "$1" >"$place/events" 2>"$place/complaints" || { head -n 5 "$place/complaints"; ls -l "$1"; fail "babeltrace2 does not read $1"; }
  ! grep -v '^WARNING: Tracer \(may have discarded\|discarded [0-9]\{1,9\}\) event' "$place/complaints" || fail "babeltrace2 complains about $1"
}
# conforms DIR: a reader that was written from the specification finds the same events as babeltrace2, and no rule that does not hold.
conforms() {
  valid "$1"
  [ "$python" = "" ] && return
  $python -IS "$SOURCE_DIR/tests/tool/ctf_reader.py" "$1" >own 2>why || fail "$1 is no trace of CTF 1.8: $(cat why)"
  babeltrace2 --clock-seconds --no-delta "$1" 2>/dev/null | sed 's/^\[\([0-9]*\)\.\([0-9]*\)\] [^ ]* \([a-z_]*:[a-z_]*\): .*/\1\2 \3/' | sort >theirs
  sort own | cmp - theirs || fail "$1: another reader finds other events"
}
python=$(command -v python3)
recorded() { # recorded DIR COMMAND...
  directory=$1
  shift
  env HAKMEM_FLIGHT_FILE="$directory" LD_PRELOAD="$library" "$@" >said 2>err </dev/null || { status=$?; cat err; fail "exit status $status of $*"; }
}
count() { grep -c "hakmem:$1:" events; }

# ---- As long as nothing was overwritten, one thread's events are those that the statistics count. ----
"$hakmem" run -o whole --flight 64M -- ./flight work 100 2>err || { cat err; fail "hakmem run failed"; }
conforms whole/*.flight
valid whole
[ ! -s complaints ] || fail "events of a single thread were discarded"
"$hakmem" report --json whole >whole.json
equal refills "$(jq '[.stats.classes[].counters | to_entries[] | select(.key | test("^refill_") and . != "refill_blocks") | .value] | add' whole.json)" "$(count tls_sll_refill)"
equal drains "$(jq '[.stats.classes[].counters | to_entries[] | select(.key | test("^drain_") and . != "drain_blocks" and . != "drain_slabs") | .value] | add' whole.json)" "$(count tls_sll_drain)"
equal slabs "$(jq '[.stats.classes[].counters.slab_acquire] | add' whole.json)" "$(count slab_acquire)"

# ---- The report shows the newest part, beside the statistics and apart from them; a recording by itself is a trace. ----
"$hakmem" report whole >text 2>err || { cat err; fail "report failed"; }
grep -q 'Flight recorder: the newest events' text && grep -q 'newest part only' text || fail "the report does not show the recording"
equal "losses" "$(sed -n '/^Lost/,/^$/p' text | sed -n 2p)" "  nothing"
equal "refills of the recording in JSON" "$(count tls_sll_refill)" "$("$hakmem" report --all --json whole | jq '[.flight.processes[].events[] | select(.what == "refill")] | length')"
equal "its newest events" true "$(jq '.flight.processes[0] | (.events | length) as $shown | $shown > 0 and $shown <= 1000 and (.events_left == 0 or $shown == 1000)' whole.json)"
"$hakmem" report whole/*.flight >text 2>err || { cat err; fail "report of a recording failed"; }
"$hakmem" run -o none --flight 0 -- ./flight work 60 2>err || fail "hakmem run --flight 0 failed"
[ -z "$(find none -name '*.flight')" ] || fail "--flight 0 recorded"
fails 2 'flight=5 is neither 0 nor a size: ' "$hakmem" run --flight 5 -- ./flight
fails 2 'flight=many' "$hakmem" run --flight many -- ./flight

# ---- Lazy: a process that ends at once leaves nothing. ----
recorded soon/nothing true
mkdir soon && recorded soon/nothing true
[ -z "$(ls soon)" ] || fail "a short process left a recording"

# ---- The newest part of a long recording. ----
recorded ring HAKMEM_FLIGHT_SIZE=64K ./flight threads 300
conforms ring
[ "$(du -b ring | cut -f 1)" -le 90000 ] && [ ! -e ring/events.0 ] || { ls -l ring; fail "a full ring is not kept small"; }
equal "the last event" 1 "$(tail -n 1 events | grep -c end_check)"
equal "who may read it" "700 600" "$(stat -c %a ring ring/metadata | paste -s -d ' ')"

# ---- SIGKILL at any moment, and a reader in the middle of a run. ----
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
  what=$([ $((i % 2)) -eq 0 ] && echo work || echo threads)
  HAKMEM_FLIGHT_SIZE=64K HAKMEM_FLIGHT_FILE=killed.$i LD_PRELOAD="$library" ./flight $what 20000 &
  running=$!
  sleep 0.0$((i * 37 % 90 + 10))
  [ ! -e killed.$i/metadata ] || [ $((i % 3)) -ne 0 ] || babeltrace2 killed.$i >events 2>/dev/null || ls -l killed.$i >moved # a file may be removed while it is read
  kill -KILL $running
  wait $running 2>/dev/null
  [ ! -e killed.$i/metadata ] || { [ $((i % 4)) -eq 0 ] && conforms killed.$i || valid killed.$i; }
done
[ "$(find . -path './killed.*' -name metadata | wc -l)" -ge 3 ] || fail "the killed processes left too few recordings"

# ---- What a killed process did last. ----
"$hakmem" run -o shot -- sh -c 'exec ./flight work 30000' 2>err &
for try in $(seq 600); do [ -s "$(echo shot/*.flight/events.0)" ] && break; sleep 0.05; done
[ "$try" -lt 600 ] || fail "no recording within 30 s: $(cat err)"
shot=$(basename shot/*.flight .flight)
sleep 0.2
kill -KILL "$shot"
wait $!
"$hakmem" explain shot >text || fail "explain of a killed process"
grep -q "process $shot in the last .* of its flight recorder: refill [0-9]* times (" text || { cat text; fail "explain does not say what the process did last"; }
grep -q "process $shot, its last events: .*, then .*, then .* in thread $shot " text || { cat text; fail "explain does not show the last events"; }
rm -r shot

# ---- Children have recordings of their own. ----
recorded family/%p.flight true
mkdir family && recorded family/%p.flight ./flight family
for directory in family/*; do conforms "$directory"; done
[ "$(find family -name metadata | wc -l)" -ge 3 ] || { find family; fail "the children of fork and exec have no recordings"; }
[ "$(find family -name '*.flight.*' -type d | wc -l)" -eq 1 ] || { find family; fail "the program after exec has not taken another name"; }

# ---- Another process shortens the files, writes to them, removes the directory; the program goes on. ----
for harm in shorten remove write; do
  rm -f said
  mkfifo end
  HAKMEM_FLIGHT_FILE=$harm.flight LD_PRELOAD="$library" ./flight rest <end >said 2>err &
  resting=$!
  exec 3>end
  until [ -s said ]; do sleep 0.05; done
  case $harm in
    shorten) for file in shorten.flight/events.*; do : >"$file"; done ;;
    remove) rm -r remove.flight ;;
    write) for file in write.flight/events.*; do echo much more >>"$file"; done ;;
  esac
  exec 3>&-
  wait $resting || fail "exit status $? after $harm"
  rm end
done
valid shorten.flight
[ "$(count tls_sll_refill)" -gt 0 ] || fail "nothing was recorded behind a shortened file"

# ---- A recording that cannot be made: one message, and the program goes on. ----
mkdir taken
recorded taken ./flight work 40
conforms "$(echo taken.*)"
ln -s /nowhere link
recorded link ./flight work 40
valid "$(echo link.*)"
recorded /proc/nothing/x ./flight work 40
grep -q 'HAKMEM_FLIGHT_FILE: cannot make' err || { cat err; fail "a directory that cannot be made is not told"; }
(ulimit -f 4 && recorded limited ./flight work 100) || exit 1
[ "$(id -u)" -eq 0 ] && mkdir full && mount -t tmpfs -o size=32k none full 2>/dev/null || exit 0
trap 'end_jobs; cd /; umount "$place/full"; rm -rf "$place"' EXIT
recorded full/trace HAKMEM_FLIGHT_SIZE=1M ./flight work 100
grep -q 'HAKMEM_FLIGHT_FILE: cannot write .*No space' err || { cat err; fail "a full disk is not told"; }
valid full/trace
exit 0
