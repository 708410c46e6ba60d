#!/bin/sh
# Buffers by user: one stream holds the events of several processes. The report is right, and the same for any number of workers; it has the processes
# that a trace with buffers by process has.
# needs: /dev/shm
. "$(dirname "$0")/common.sh"
report=$BUILD_DIR/bin/hakmem
[ -x "$report" ] || skip "built without the companion program (HAKMEM_TOOLS)"
command -v jq >/dev/null 2>&1 || skip "jq is not installed"
program forks

lttng_do create shared --output="$place/shared"
lttng_do enable-channel --userspace --buffers-uid --subbuf-size=1M --num-subbuf=8 hakmem
lttng_do enable-event --userspace --channel=hakmem 'hakmem:*'
lttng_do add-context --userspace --channel=hakmem --type=vpid --type=vtid --type=procname
lttng_do start
for arguments in ways blocks blocks; do
  traced "$place/forks" $arguments >"$place/out" 2>&1 || { status=$?; cat "$place/out"; fail "forks: exit status $status"; }
done
finish shared

[ "$(find "$place/shared" -name metadata | wc -l)" -eq 1 ] || fail "the processes do not share their buffers"
"$report" report -j 1 --json "$place/shared" >"$place/one" 2>"$place/err" || { cat "$place/err"; fail "report -j 1"; }
[ ! -s "$place/err" ] || { cat "$place/err"; fail "report -j 1 says something"; }
"$report" report -j 4 --json "$place/shared" >"$place/four" || fail "report -j 4"
cmp "$place/one" "$place/four" || fail "four workers report something else than one"

# Every event and every process that babeltrace2 sees is in the report, counted for the process that raised it.
value() { jq -c "$1" "$place/one"; }
[ "$(value .trace.events)" -eq "$(grep -c ' hakmem:' "$place/shared.text")" ] || fail "$(value .trace.events) events in the report"
for pid in $(sed -n 's/.* vpid = \([0-9]*\),.*/\1/p' "$place/shared.text" | sort -u); do
  for name in os_map superslab_acquire thread_start; do
    seen=$(grep " vpid = $pid," "$place/shared.text" | grep -c " hakmem:$name: ")
    [ "$(value ".trace.processes[] | select(.pid == $pid) | .counters.$name")" = "$seen" ] || fail "not $seen events $name of process $pid in the report"
  done
  echo "$pid" >>"$place/pids"
done
[ "$(wc -l <"$place/pids")" -ge 3 ] || fail "not three processes in the trace"
[ "$(value '.trace.processes | length')" -eq "$(wc -l <"$place/pids")" ] || fail "$(value '.trace.processes | length') processes in the report"
