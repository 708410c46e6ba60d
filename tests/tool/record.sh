# hakmem record: a private session daemon, the trace and what the report makes of it; nothing stays behind, also when
# something fails or somebody interrupts; a daemon that is there already is used and left as it was; damaged traces.
# timeout: 600
# slow
# needs: /dev/shm
. "$(dirname "$0")/common.sh"
for tool in lttng lttng-sessiond ps; do command -v $tool >/dev/null 2>&1 || skip "$tool is not installed"; done
[ -e "$BUILD_DIR/lib/libhakmem-tracepoints.so" ] || skip "built without the provider (HAKMEM_TRACEPOINTS)"

# Root's daemons are always in /run/lttng; a mount namespace makes sure that there is none but ours.
if [ "$(id -u)" -eq 0 ] && [ "${RECORD_TEST_NAMESPACE:-}" != own ]; then
  tried=$(mkdir -p /run/lttng && unshare -m mount -t tmpfs tmpfs /run/lttng 2>&1) || skip "root cannot have a /run/lttng of its own here: $tried"
  RECORD_TEST_NAMESPACE=own
  export RECORD_TEST_NAMESPACE
  cd / && rm -rf "$place"
  exec unshare -m sh -c 'mount -t tmpfs -o mode=755 tmpfs /run/lttng && exec sh "$0"' "$SOURCE_DIR/tests/tool/record.sh"
fi
program known
program off_by_one
program waste

# The daemons that a recording of ours started have our temporary directory in their command lines.
mkdir tmp
export TMPDIR=$place/tmp
[ ${#TMPDIR} -lt 30 ] || { TMPDIR=$(mktemp -d /tmp/hkXXXXXX); trap 'cd /; rm -rf "$place" "$TMPDIR"' EXIT; }
left() { ps -eo pid=,args= | grep -F -- "--load=$TMPDIR/" | grep -v grep; }
nothing_left() {
  for _ in $(seq 100); do [ -z "$(left)" ] && break; sleep 0.1; done
  [ -z "$(left)" ] || fail "$1: left running: $(left)"
  [ -z "$(ls -A "$TMPDIR")" ] || fail "$1: left in the temporary directory: $(ls -A "$TMPDIR")"
}

# ---- The whole way ----
"$hakmem" record -o whole -- ./known 300000 2>err || { cat err; fail "record"; }
nothing_left "a whole recording"
grep -q "data of 1 process is in whole" err || fail "says: $(cat err)"
"$hakmem" report whole >text 2>err || { cat err; fail "report"; }
"$hakmem" report --json whole >json || fail "report --json"
plain text
value() { equal "$1" "$2" "$(jq -c "$1" json)"; }
value '.trace.lost.events_discarded' 0
value '.trace.lost.invalid' 0
value '.trace | [.lost.untraced, .counted > 100]' '[0,true]'
value '.trace.latency.lookup.directory.all.unit' '"ns"'
for name in shared_fail legacy_calls slab_acquire refill_batch refill_partial refill_fresh_slab; do
  sum="[.trace.classes[].counters.$name] | add"
  traced=$(jq "$sum" json) counted=$(jq "[.stats.classes[].counters.$name] | add" json)
  # At the very end, after LTTng's own destructor, a list or two may be refilled once more.
  [ "$traced" -le "$counted" ] && [ "$counted" -le $((traced + 3)) ] || fail "$name: $traced in the trace, $counted in the statistics"
done
[ "$(jq '.trace.latency.refill.all.count' json)" -gt 0 ] || fail "no refill in the trace"
[ "$(jq '.trace.latency.lookup.directory.all.count' json)" -gt 100 ] || fail "too few lookups in the trace"
[ "$(jq '.trace.processes[0].timeline | length' json)" -gt 0 ] || fail "no snapshot of fragmentation in the trace"
value '.trace.processes[0].program' '"known"'
grep -q "^The trace against the statistics" text || fail "no cross-check"

# ---- Shared buffers: one trace for all processes, with the data of each ----
program forks
for way in own shared; do
  [ $way = own ] && option= || option=--shared-buffers
  # shellcheck disable=SC2086 # no word, or one
  "$hakmem" record $option --buffer-size 1M -o $way -- ./forks 2>err || { cat err; fail "record of forks, buffers: $way"; }
  nothing_left "a recording with buffers: $way"
  "$hakmem" report --json $way >json || fail "no report, buffers: $way"
  value '[.trace.processes[].pid] | unique | length' 6
  value '.trace.lost | [.events_discarded, .untraced]' '[0,0]'
done
equal "traces with buffers of their own" 6 "$(find own/trace -name metadata | wc -l)"
equal "traces with shared buffers" 1 "$(find shared/trace -name metadata | wc -l)"
rm forks

# ---- Full tracing: every operation ----
"$hakmem" record --full --buffer-size 8M -o full -- ./known 20000 2>err || { cat err; fail "record --full"; }
"$hakmem" report --json full/trace >json || fail "report of a full trace"
value '.trace.lost.events_discarded' 0
six() { jq "[.trace.classes[] | select(.class == \"6\") | .counters.$1] | add" json; }
[ "$(six allocs)" -ge 40000 ] && [ "$(six allocs)" -le 41000 ] || fail "40000 allocations, $(six allocs) in the trace"
[ "$(six frees)" -ge 39986 ] && [ "$(six frees)" -le 41000 ] || fail "39986 frees, $(six frees) in the trace"

# Events from before the session are missing in the trace, but they are not lost: all commands say so.
"$hakmem" report --json full >json || fail "report of a full recording"
[ "$(jq '.trace.lost.early_missed' json)" -gt 0 ] || echo "no event from before the session was missed"
"$hakmem" report --summary full >text && grep -q 'lost data: none$' text || { cat text; fail "the first screen speaks of lost data"; }
equal "findings of lost data" 0 "$("$hakmem" explain --json full | jq '[.findings[] | select(.rule == "lost_data")] | length')"
"$hakmem" check full --no-defaults --fail-on 'lost > 0' >text || { cat text; fail "check counts lost data"; }

# Buffers that are too small lose events: they are counted and said first.
"$hakmem" record --full --buffer-size 4K --buffer-count 2 -o lossy -- ./known 100000 2>err || { cat err; fail "small buffers"; }
"$hakmem" report --json lossy >json || fail "report of a trace that lost events"
[ "$(jq '.trace.lost.events_discarded' json)" -gt 0 ] || fail "the report does not count the lost events"
"$hakmem" explain --json lossy >json || fail "explain a trace that lost events"
value '.findings[0] | {rule, kind, lost: (.figures.events_discarded > 0)}' '{"rule":"lost_data","kind":"data","lost":true}'

# ---- Incidents with their stacks ----
"$hakmem" record -o wrong -- ./off_by_one >out 2>err || { cat err; fail "a program with an off-by-one write"; }
"$hakmem" report wrong >text || fail "report of header resets"
plain text
grep -A 1 '^  buffer overflow: .* (off_by_one_nul)$' text | grep -q 'got 0x00, expected ' || { cat text; fail "no header reset"; }
grep -q "copy_name at .*off_by_one.c:[0-9]" text || { cat text; fail "no stack into the program"; }
for data in wrong wrong/trace; do
  "$hakmem" explain $data >text || fail "explain $data"
  plain text
  grep -q "^1. .*off_by_one_nul" text || { cat text; fail "explain $data does not begin with the header resets"; }
  grep -q "copy_name at off_by_one.c:[0-9]" text || { cat text; fail "explain $data names no place"; }
done
HAKMEM_SS_LIMIT=3 "$hakmem" record -o limited -- ./waste limited 2>err || { cat err; fail "record of a limited program"; }
for data in limited/trace limited/stats; do
  "$hakmem" explain --json $data >"$(basename $data).json" || fail "explain $data"
done
of_limit='.findings[] | select(.rule == "limit") | [.figures.refused, .figures.legacy_refused_max, .remedies[0].value]'
equal "the trace's and the statistics' finding" "$(jq -c "$of_limit" stats.json)" "$(jq -c "$of_limit" trace.json)"
[ "$(jq "$of_limit[0]" stats.json)" -gt 0 ] || fail "nothing was refused"

# ---- Forks, and children that live on ----
"$hakmem" record -o forks -- sh -c 'for i in 1 2 3; do ./known 1000 & done; wait; (sleep 3; : >late) & exit 4' 2>err
equal "the exit code" 4 $?
nothing_left "a program whose child lives on"
"$hakmem" report --json forks >json || fail "report of forks"
[ "$(jq '[.trace.processes[] | select(.program == "known")] | length' json)" -eq 3 ] || fail "not all processes in the trace"

# ---- Failures ----
fails 127 "cannot start ./nothing" "$hakmem" record -o no -- ./nothing
fails 1 "not an empty directory" "$hakmem" record -o whole -- true
fails 2 "not a power of two" "$hakmem" record --buffer-size 5000 -o no -- true
mkdir bin # where there is no lttng-sessiond
fails 1 "lttng-tools" env PATH="$place/bin" "$hakmem" record -o no -- /bin/true
printf 'int main(void) { return 0; }\n' >static.c
if cc -static -o static static.c 2>/dev/null; then fails 1 "./static is linked statically" "$hakmem" record -o no -- ./static; fi
[ ! -e no ] || fail "a directory without data is left"
nothing_left "failures"

# ---- A trace that is cut off or gone: said, and the exit code is 1 ----
if mkdir little && mount -t tmpfs -o size=6m tmpfs little 2>/dev/null; then
  "$hakmem" record --full -o little/cut -- ./known 100000 2>err
  equal "the exit code of a recording on a disk that is too small" 1 $?
  grep -q "little/cut/trace/.* is \(empty\|cut off\)" err && grep -q "other data are missing\|are incomplete" err || fail "says: $(cat err)"
  nothing_left "a recording on a disk that is too small"
  umount little
fi
"$hakmem" record -o gone -- sh -c 'rm -rf gone/trace' 2>err
equal "the exit code of a recording whose trace is gone" 1 $?
grep -q "gone/trace\|no trace" err || fail "says: $(cat err)"
nothing_left "a recording whose trace is gone"
rm -rf gone
"$hakmem" record -o gone -- sh -c 'rm -rf gone; exit 5' 2>err
equal "the exit code of a program that removes its data" 5 $?
nothing_left "a recording that is gone"

# ---- Interrupted, at whatever moment ----
for delay in 0.02 0.06 0.1 0.2 0.5 1; do
  "$hakmem" record -o cut -- sleep 30 2>err &
  pid=$!
  until [ "$(cat /proc/$pid/comm)" = hakmem ]; do sleep 0.01; done # until then it is this shell, forked
  sleep $delay
  kill -TERM $pid
  wait $pid
  code=$?
  [ $code -eq 143 ] || { cat err; fail "exit code $code after SIGTERM at $delay s"; }
  nothing_left "SIGTERM at $delay s"
  rm -rf cut
done

# ---- As another user, who can reach neither this directory nor the build ----
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
  public=$(mktemp -d /tmp/hkXXXXXX) && chmod 755 "$public" && mkdir "$public/bin" "$public/lib" "$public/data" "$public/tmp" || fail "no public directory"
  trap 'cd /; rm -rf "$place" "$TMPDIR" "$public"' EXIT
  cp "$hakmem" known "$public/bin" && cp -L "$BUILD_DIR/lib/libhakmem.so" "$BUILD_DIR/lib/libhakmem-tracepoints.so" "$public/lib" &&
    cp -r "$BUILD_DIR/lib/hakmem" "$public/lib" || fail "cannot copy hakmem"
  chown 65534:65534 "$public/data" "$public/tmp"
  (cd "$public" && TMPDIR=$public/tmp $nobody bin/hakmem record -o data -- bin/known 1000) 2>err ||
    { cat err; fail "record as nobody"; }
  nothing_left "a recording by nobody"
  [ -z "$(ls -A "$public/tmp")" ] || fail "a recording by nobody left $(ls -A "$public/tmp")"
  "$hakmem" report --json "$public/data" >json || fail "report of what nobody recorded"
  [ "$(jq '.trace.events' json)" -gt 0 ] || fail "no events in what nobody recorded"
  rm -rf "$public"
fi

# ---- A daemon that is there already is used, and goes on as before ----
if [ "$(id -u)" -ne 0 ]; then LTTNG_HOME=$TMPDIR; export LTTNG_HOME; fi
lttng-sessiond --background --no-kernel --pidfile="$place/daemon.pid" 2>err || { cat err; fail "lttng-sessiond does not start"; }
daemon=$(cat daemon.pid)
trap 'kill $daemon 2>/dev/null; cd /; rm -rf "$place" "$TMPDIR"' EXIT
timeout 60 lttng --no-sessiond create others --output="$place/others" >out || fail "lttng create"
"$hakmem" record -o guest -- ./known 1000 2>err || { cat err; fail "record with a daemon that is there"; }
kill -0 "$daemon" || fail "the daemon is gone"
equal "the sessions of the daemon" others "$(timeout 60 lttng --no-sessiond list | sed -n 's/^ *[0-9]*) \([^ ]*\) .*/\1/p')"
timeout 60 lttng --no-sessiond destroy others >out || fail "lttng destroy"
kill "$daemon"
for _ in $(seq 200); do [ -e daemon.pid ] || break; sleep 0.1; done
"$hakmem" report --json guest >json || fail "report of a recording with a daemon that is there"
[ "$(jq '.trace.events' json)" -gt 0 ] || fail "no events in a recording with a daemon that is there"

# ---- Damaged traces: one message, no crash, no hang ----
damage() {
  rm -rf bad && cp -r wrong/trace bad
  for file in $(find bad -type f -name "$1"); do "$2" "$file" "$3"; done
}
cut() { truncate -s "$2" "$1"; }
spoil() { LC_ALL=C awk "BEGIN { srand(${TEST_SEED:-29} + $2); for (i = 0; i < 64; i++) printf \"%c\", rand() * 256 }" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
damage metadata cut 0 && fails 1 "is empty" "$hakmem" report bad
damage metadata cut 3000 && fails 1 "is cut off" "$hakmem" report bad
damage metadata spoil 0 && fails 1 "not metadata" "$hakmem" report bad
damage metadata spoil 400 && fails 1 "bad" "$hakmem" report bad
for where in 0 20 60 120 200 300 1000 5000; do
  for file in 'hakmem_[0-9]' '*.idx'; do
    damage "$file" spoil $where
    timeout 100 "$hakmem" report bad >out 2>err
    code=$?
    [ $code -le 1 ] || fail "exit code $code with $file spoilt at $where"
    [ $code -eq 0 ] || [ "$(wc -l <err)" -eq 1 ] || { cat err; fail "not one message with $file spoilt at $where"; }
    plain out
    plain err
  done
done
exit 0
