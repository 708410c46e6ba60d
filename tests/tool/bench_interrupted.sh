#!/bin/sh
# hakmem bench, interrupted: it prints what was measured until then, marked, in each form, and ends with 128 and the signal's number. After the first
# round it says how long the others will take.
. "$(dirname "$0")/common.sh"
TMPDIR=$place/room
export TMPDIR
mkdir "$TMPDIR"

# interrupted SIGNAL ARGUMENT...: the second of two workloads would run for a day; the signal comes when it runs.
interrupted() {
  signal=$1
  shift
  "$hakmem" bench threads --ops 100 --workloads larson,exchange --allocators glibc,hakmem --rounds 2 "$@" >out 2>err &
  bench=$!
  for attempt in $(seq 300); do
    children=$(cat /proc/$bench/task/$bench/children 2>/dev/null)
    [ -n "$children" ] && cat "/proc/${children%% *}/cmdline" 2>/dev/null | tr '\0' ' ' | grep -q "bench_threads $until" && break
    [ -e /proc/$bench ] || break
    sleep 0.1
  done
  kill -"$signal" $bench || { cat err; fail "bench has ended"; }
  wait $bench
  code=$?
  equal "what an interruption leaves behind" '' "$(ls "$TMPDIR")"
}

# A peer with which one workload does not end.
cat >stuck.c <<'END_C'
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
extern void *__libc_malloc(size_t);
void *malloc(size_t size) { return __libc_malloc(size); }
__attribute__((constructor)) static void start(int count, char **words) { if (count > 1 && strcmp(words[1], "exchange") == 0) for (;;) pause(); }
END_C
cc -O1 -fno-builtin -shared -fPIC -o stuck.so stuck.c || fail "stuck.c does not compile"
until='exchange'

interrupted INT --peer stuck=./stuck.so
equal "exit code after SIGINT" 130 "$code"
grep -q '^INTERRUPTED after [1-9][0-9]* of 12 runs' out || { cat out; fail "the text does not say that it was interrupted"; }
grep -q '^larson' out || { cat out; fail "the table of what was measured is missing"; }
awk '/^larson$/ { on = 1 } /^$/ && seen { on = 0 } on && /^ *stuck/ { found = $2 > 0 } on { seen = 1 } END { exit !found }' out ||
  { cat out; fail "the table has no value of a run before the interruption"; }
equal "messages after SIGINT" 'hakmem: interrupted' "$(cat err)"

interrupted TERM --peer stuck=./stuck.so --json --html page.html
equal "exit code after SIGTERM" 143 "$code"
jq -e '.interrupted == {runs: .interrupted.runs, planned: 12} and .interrupted.runs >= 3' out >/dev/null || { head -c 600 out; fail "the JSON does not say that it was interrupted"; }
jq -e '[.results[] | select(.workload == "larson").contenders[] | .speed.rounds | [.[0] > 0, .[1]]] == [[true, null], [true, null], [true, null]]' out >/dev/null ||
  { cat out; fail "the JSON does not hold the values from before the interruption"; }
grep -q 'INTERRUPTED after' page.html || fail "the page does not say that it was interrupted"

# Nothing was measured: no table.
until='larson'
interrupted INT --rounds 3 --ops 2000000000
equal "exit code before the first value" 130 "$code"
equal "output before the first value" '' "$(cat out)"
equal "messages before the first value" 'hakmem: interrupted' "$(cat err)"

# How long it will take, if that is some seconds. A bench that was not interrupted says so, too.
"$hakmem" bench threads --rounds 6 --seconds 1 --workloads exchange --allocators hakmem >out 2>err &
bench=$!
for attempt in $(seq 300); do
  grep -q 'will take' err && break
  [ -e /proc/$bench ] || break
  sleep 0.1
done
kill -INT $bench 2>/dev/null
wait $bench
grep -Eq '^hakmem: the first of 7 rounds took [0-9]+ s; the others will take about ([0-9]+ min )?[0-9]+ s$' err || { cat err; fail "does not say how long it will take"; }
"$hakmem" bench threads --rounds 2 --ops 100 --workloads exchange --allocators hakmem --json >out 2>err || { cat err; fail "a short bench"; }
equal "messages of a short bench" '' "$(cat err)"
jq -e '.interrupted == null and has("interrupted")' out >/dev/null || fail "a bench that was not interrupted says that it was"
exit 0
