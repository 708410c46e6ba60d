# hakmem record --to: three hosts send their traces to one relay. One is cut off in the middle, one has a clock that is 90 s ahead, and the relay is started
# again while a program runs. The programs do not notice; the report names what is missing, and is right about the rest. `top` shows two of them live.
#
# FLEET_TEST=loopback: three loopback addresses stand for the hosts, as on a machine without namespaces, and for a user without rights. None can be cut off,
# or have a wrong clock. tests/tool/fleet_loopback.sh sets it.
# timeout: 240
# slow
. "$(dirname "$0")/common.sh"
for tool in lttng-relayd lttng-sessiond; do command -v $tool >/dev/null 2>&1 || skip "$tool is not installed"; done
[ -e "$BUILD_DIR/lib/libhakmem-tracepoints.so" ] || skip "built without the provider (HAKMEM_TRACEPOINTS)"
[ -e "$BUILD_DIR/lib/hakmem/record.so" ] && [ -e "$BUILD_DIR/lib/hakmem/traces.so" ] || skip "built without LTTng or babeltrace2"

# The test has a network, a name and a /run/lttng of its own, in which the relay runs. Each host has the same once more.
if [ "${FLEET_TEST:=}" = "" ] && [ "$(id -u)" -eq 0 ] && command -v ip >/dev/null 2>&1 && mkdir -p /run/lttng &&
  unshare -m -n -u sh -c 'mount -t tmpfs tmpfs /run/lttng && ip link add veth-a type veth peer name veth-b' 2>/dev/null; then
  export FLEET_TEST=namespaces
  cd / && rm -rf "$place"
  exec unshare -m -n -u sh -c 'mount -t tmpfs -o mode=755 tmpfs /run/lttng && ip link set lo up && exec sh "$0"' "$SOURCE_DIR/tests/tool/fleet.sh"
fi
[ "$FLEET_TEST" != "" ] || echo "no namespaces here: three loopback addresses stand for the hosts, and none can be cut off or have a wrong clock"
[ "$FLEET_TEST" = namespaces ] || [ "$(id -u)" -ne 0 ] || skip "root cannot have a /run/lttng of its own here; run this test as another user"

program fleet
cc -std=gnu11 -O1 -shared -fPIC -D_GNU_SOURCE -o clock.so "$SOURCE_DIR/tests/tool/fleet_clock.c" || fail "fleet_clock.c does not compile"
export LTTNG_HOME="$place/home" LTTNG_UST_REGISTER_TIMEOUT=60000
mkdir home traces

base=$((20000 + $$ % 3000 * 4)) # below those that the kernel gives to clients
[ "$FLEET_TEST" != namespaces ] || base=5342
relay_start() {
  lttng-relayd -C tcp://0.0.0.0:$base -D tcp://0.0.0.0:$((base + 1)) -L tcp://127.0.0.1:$((base + 2)) -o "$place/traces" >relay.log 2>&1 &
  relay=$!
  until_true "the relay is ready" relay_answers
}
relay_answers() { "$hakmem" report net://127.0.0.1:$((base + 2))/host/x/y 2>&1 | grep -q "there is no session"; }
relay_end() {
  kill "$relay" 2>/dev/null
  wait "$relay"
}
until_true() { # WHAT COMMAND...
  what=$1
  shift
  for _ in $(seq 600); do
    "$@" && return
    sleep 0.05
  done
  fail "$what: not within 30 s"
}

# host NUMBER NAME: a process that holds the namespaces of a host, which has an address of its own.
host() {
  unshare -n -u sh -c "hostname $2 && exec sleep 200" &
  eval "holder_$2=$!"
  holder=$!
  until_true "host $2" sh -c "[ \"\$(readlink /proc/$holder/ns/net)\" != \"\$(readlink /proc/self/ns/net)\" ] && [ \"\$(nsenter -t $holder -u hostname)\" = $2 ]"
  ip link add "to-$2" type veth peer name uplink netns "$holder" || fail "no link to host $2"
  ip addr add "10.77.$1.1/24" dev "to-$2" && ip link set "to-$2" up
  nsenter -t "$holder" -n sh -c "ip link set lo up && ip addr add 10.77.$1.2/24 dev uplink && ip link set uplink up" || fail "no network on host $2"
}
# record NUMBER HOST RUN CODE [ENVIRONMENT...]: in the background; exit status and messages are in RUN.status and RUN.messages.
record() {
  number=$1 name=$2 run=$3 code=$4
  shift 4
  address=10.77.$number.1 inside="nsenter -t $(eval "echo \${holder_$name:-}") -n -u"
  [ "$FLEET_TEST" = namespaces ] || {
    address=127.0.0.$((number + 1)) inside=
    set -- LTTNG_HOME="$place/home/$number" "$@" # a session daemon for each
    mkdir -p "$place/home/$number"
  }
  (
    env "$@" $inside "$hakmem" record --to "net://$address:$base:$((base + 1))" -o "$run" -- ./fleet "$run" "$code" >"$run.messages" 2>&1 &
    recording=$!
    trap 'kill $recording' TERM # a test that fails leaves nothing behind
    wait $recording
    echo $? >"$run.status"
  ) &
}
ended() { until_true "run $1" test -s "$1.status"; }
trace_of() { echo "$place/traces/$1/$(sed -n 's,.*/host/[^/]*/\(hakmem-[0-9]*\)$,\1,p' "$2.messages")"-*; }
arrived() { [ -n "$(find $(trace_of "$1" "$2") -name 'hakmem_*' -size +0 2>/dev/null)" ]; }
# refills DIR: of its statistics; whether a trace has as many is asked of the groups of a report.
refills() { "$hakmem" report --by program --json "$1" | jq '.groups[0].refills'; }
whole() { # HOST RUN: the trace at the relay has all refills that the run's statistics have
  equal "$2: exit status" "$3" "$(cat "$2.status")"
  "$hakmem" report --by host --json $(trace_of "$1" "$2") >"$2.json" || fail "$2: the trace is not whole: $(cat "$2.messages")"
  # Outside of namespaces, a session daemon of root sees the program, too. If a session of its own is enabled first, it may get the earliest events.
  if [ "$FLEET_TEST" = namespaces ]; then
    equal "$2: refills (lost: $(jq -c .trace.lost "$2.json" | tr -d "{}"))" "$(refills "$2")" "$(jq '.groups[0].refills' "$2.json")"
  else
    awk -v whole="$(refills "$2")" -v got="$(jq '.groups[0].refills' "$2.json")" 'BEGIN { exit got > whole || got < whole * 0.95 }' || fail "$2: refills"
  fi
  equal "$2: lost" 0 "$(jq '[.trace.lost[]] | add' "$2.json")"
}

one=one two=two three=three
if [ "$FLEET_TEST" = namespaces ]; then
  host 1 one
  host 2 two
  host 3 three
else
  one=$(hostname) two=$one three=$one
fi

# No relay, or another port: said before the program starts.
fails 1 "no LTTng relay daemon answers" "$hakmem" record --to net://127.0.0.1:$base -o none -- ./fleet none 0
[ ! -e none ] && [ ! -e none.half ] || fail "the program ran without a relay"
relay_start
fails 1 "is not the control port" "$hakmem" record --to net://127.0.0.1:$((base + 2)) -o none -- ./fleet none 0

# Three hosts at a time.
touch a.go
record 1 one a 0
ahead=
[ "$FLEET_TEST" != namespaces ] || ahead=LD_PRELOAD=$place/clock.so
record 2 two b 5 $ahead
record 3 three c 7
until_true "run c" test -e c.half
until_true "run b" test -e b.half

# One that runs is read live; one that there is not, is not, but the others are named.
session_of() { sed -n 's,.*net://[^/]*/host/,,p' "$1.messages"; }
session=$(session_of c)
live=net://127.0.0.1:$((base + 2))/host
"$hakmem" report --for 3 --json "$live/$session" >live.json || fail "the live session cannot be read"
equal "live" true "$(jq '.trace.hosts[0].live and .trace.events > 0 and .trace.processes[0].program == "fleet"' live.json)"
fails 1 "$session" "$hakmem" report "$live/three/no-such-session"

# So does top, two at a time.
top() { timeout 60 "$hakmem" top "$@" "$live/$session" "$live/$(session_of b)" >top.txt || fail "top $*: $(cat top.txt)"; }
top --batch 4 --interval 1 --by process
plain top.txt
equal "screens of top" 4 "$(grep -c '^ hakmem top   2 sessions at a relay   by process' top.txt)"
awk '/^ hakmem top/ { screen = "" } { screen = screen $0 "\n" } END { printf "%s", screen }' top.txt >last.txt
grep -q "^ $three .*live .* 0 lost " last.txt || fail "top does not name the host: $(cat top.txt)"
equal "processes of top" 2 "$(grep -c '^ *1 .* [0-9]* fleet$' last.txt)"
awk '/ fleet$/ { rates += ($2 > 0) } END { exit rates < 2 }' top.txt || fail "no refill is counted: $(cat top.txt)"
top --batch 1 --interval 0.5 --by program
grep -q '^ *2 .* fleet$' top.txt || fail "two processes are not one program: $(cat top.txt)"
top --batch 1 --interval 0.5 --by host
if [ "$FLEET_TEST" = namespaces ]; then
  grep -q '^ *1 .* two$' top.txt && grep -q '^ *1 .* three$' top.txt || fail "two hosts are not kept apart: $(cat top.txt)"
  grep -q "^ two .* clock [5-9][0-9].* s ahead of this one$" top.txt || fail "top does not name the clock that is ahead: $(cat top.txt)"
  grep -q "^ three .* newest event .* ago$" top.txt || fail "the clock of three is not ahead: $(cat top.txt)"
else
  grep -q "^ *2 .* $one$" top.txt || fail "one host is not one: $(cat top.txt)"
fi
fails 1 "$session" "$hakmem" top "$live/$three/no-such-session"

# On a terminal: the keys group them in another way, and end it.
shows() { tmux -S "$place/tmux" capture-pane -p >shot 2>/dev/null && grep -q -- "$1" shot; }
if command -v tmux >/dev/null 2>&1; then
  trap 'tmux -S "$place/tmux" kill-server 2>/dev/null; end_jobs; cd /; rm -rf "$place"' EXIT
  env -u COLUMNS SHELL=/bin/sh tmux -S "$place/tmux" -f /dev/null new-session -d -x 80 -y 24 "'$hakmem' top '$live/$session' '$live/$(session_of b)'; echo exit code \$?; exec sleep 60"
  until_true "a process on the terminal" shows " fleet *$"
  tmux -S "$place/tmux" send-keys b
  until_true "sessions by host" shows "2 sessions at a relay   by host"
  tmux -S "$place/tmux" send-keys b
  until_true "sessions by program" shows "INC PROGRAM"
  tmux -S "$place/tmux" send-keys q
  until_true "the end of top" shows "exit code 0"
  tmux -S "$place/tmux" kill-server
fi
touch b.go
until_true "the first part of run c" arrived "${session%/*}" c

if [ "$FLEET_TEST" = namespaces ]; then
  ip link set to-three down
  touch c.go
else
  touch c.go
  ended c
fi
ended a
ended b
whole "$one" a 0
whole "$two" b 5

# The relay is started again while a program runs, and the next recording is whole.
record 1 one d 3
until_true "run d" test -e d.half
until_true "the first part of run d" arrived "$one" d
relay_end
relay_start
touch d.go
ended d
equal "run d: exit status" 3 "$(cat d.status)"
grep -q "was lost while the program ran" d.messages || fail "run d: a lost relay is not named: $(cat d.messages)"
equal "run d: statistics" 1 "$("$hakmem" report --json d | jq '.stats.processes | length')"
touch e.go
record 1 one e 0
ended e
whole "$one" e 0
ended c
equal "run c: exit status" 7 "$(cat c.status)"

if [ "$FLEET_TEST" = namespaces ]; then
  grep -q "was lost while the program ran" c.messages || fail "run c: being cut off is not named: $(cat c.messages)"
  # All together. What is missing is named, and the rest is as if it were alone.
  "$hakmem" report --by host --json $(trace_of one a) $(trace_of two b) $(trace_of three c) >all.json || fail "three hosts cannot be read"
  equal "hosts" '["one","three","two"]' "$(jq -c '[.trace.hosts[].host]' all.json)"
  equal "unended" '[0,1,0]' "$(jq -c '[.trace.hosts[].unended]' all.json)"
  equal "the loss" 1 "$(jq '.trace.lost.unended' all.json)"
  for pair in one:a two:b; do
    equal "refills of ${pair%:*}" "$(refills "${pair#*:}")" "$(jq --arg host "${pair%:*}" '.groups[] | select(.name == $host) | .refills' all.json)"
  done
  [ "$(jq '.groups[] | select(.name == "three") | .refills' all.json)" -lt "$(refills c)" ] || fail "the host that was cut off has all events"
  equal "the clock of two is ahead" true "$(jq '.trace.hosts[2].lag_ns | . < -85e9 and . > -95e9' all.json)"
  equal "the clock of one agrees" true "$(jq '.trace.hosts[0].lag_ns > -1e9' all.json)"
  # A format with one time line has each host from 0, and no process of one host under that of another.
  for from in "a b" "$(trace_of one a) $(trace_of two b)"; do
    "$hakmem" export --perfetto $from >both.json 2>err || fail "hosts cannot be exported: $(cat err)"
    equal "names of tracks" '["one: fleet","two: fleet"]' "$(jq -c '[.traceEvents[] | select(.name == "process_name") | .args.name | sub("[.]/"; "") | sub(" [0-9]+$"; "")] | sort' both.json)"
    equal "numbers of tracks" 2 "$(jq '[.traceEvents[].pid] | unique | length' both.json)"
    equal "times of two hosts" true "$(jq '[.traceEvents[].ts // 0] | max < 60e6 and min >= 0' both.json)"
  done
  equal "the hosts' clocks" true "$(jq '[.otherData | to_entries[] | select(.key | startswith("host ")) | .value | tonumber] | length == 2 and ((.[0] - .[1]) | fabs) > 60e9' both.json)"
  equal "no time spans two hosts" null "$(jq '.trace.start_ns' all.json)"
  "$hakmem" report $(trace_of one a) $(trace_of two b) $(trace_of three c) >all.txt || fail "three hosts cannot be read as text"
  grep -q "two .* ahead" all.txt || fail "the text does not name the clock that is ahead: $(sed -n '/^Hosts/,/^$/p' all.txt)"
  grep -q "cut off from the relay" all.txt || fail "the text does not name the process without an end"
fi
relay_end
for name in one two three; do
  holder=$(eval "echo \${holder_$name:-}")
  [ "$holder" = "" ] || kill "$holder"
done
