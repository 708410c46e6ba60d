#!/bin/sh
# hakmem export: each format keeps its rules, and its totals are those of report --json: of a profile, a recording, a live process, leaks, incidents, and
# of names that are made to break each format.
# slow
# timeout: 600
. "$(dirname "$0")/common.sh"
python=
for one in python3 /usr/bin/python3; do
  $one -c 'import prometheus_client' 2>/dev/null && python=$one && break
done
[ -n "$python" ] || skip "python3 has no prometheus_client (package python3-prometheus-client)"
export NEEDS_PARSER=1
pprof=pprof
"$hakmem" export --pprof -o x . 2>&1 | grep -q 'built without protobuf-c' && pprof=
formats=$("$hakmem" export --list | sed 's/^--\([a-z]*\) .*/\1/')
equal "the formats" "pprof folded speedscope perfetto hgrm dhat openmetrics csv" "$(echo $formats)"
values='live_bytes live_blocks pinned_bytes allocated_bytes allocated_blocks'

# exports NAME INPUT FORMAT...: all exports of the input, held against its report; of these formats there must be files. More options: $more.
more=
exports() {
  name=$1 input=$2
  shift 2
  mkdir "$name.d"
  # shellcheck disable=SC2086 # a list of options
  "$hakmem" report --json $more "$input" >"$name.json" 2>err || fail "$name: no report: $(cat err)"
  for value in $values ns; do "$hakmem" export $more --folded --value=$value "$input" >"$name.d/folded.$value" 2>err || rm "$name.d/folded.$value"; done
  for format in $pprof speedscope perfetto hgrm dhat openmetrics csv; do
    "$hakmem" export $more "--$format" -o "$name.d/$format" "$input" 2>err && continue
    [ ! -e "$name.d/$format" ] || fail "$name: an unfinished file of $format was left: $(cat err)"
  done
  for format in perfetto hgrm openmetrics csv "$@"; do [ -e "$name.d/$format" ] || fail "$name: no file of $format"; done
  $python "$SOURCE_DIR/tests/tool/export_check.py" "$name.json" "$name.d" >said 2>&1 || { cat said; fail "the exports of $name"; }
}

# A profile: estimates, with more than one process; each process alone.
program sites
"$hakmem" run -o profile -O PROFILE=4K -O LEAKS=1 -- ./sites fork >out 2>err || fail "sites: $(cat err)"
BUILD_ID=$(readelf -n sites | sed -n 's/.*Build ID: //p')
export BUILD_ID
exports profile profile $pprof folded.live_bytes folded.live_blocks folded.pinned_bytes folded.ns speedscope dhat
unset BUILD_ID
grep -q '^_start;.*main;leaky [0-9]*$' profile.d/folded.live_bytes || { cat profile.d/folded.live_bytes; fail "no line of leaky"; }
"$hakmem" export --folded profile 2>err >out
grep -q '^hakmem: added up: 2 processes: ' err || fail "does not say what is added up: $(cat err)"
cmp -s out profile.d/folded.live_bytes || fail "--value=live_bytes is not the default"
more="--pid=$(basename "$(ls profile/*.stats | head -n 1)" .stats)"
exports one profile $pprof folded.live_bytes speedscope
[ -s err ] && fail "one process: says $(cat err)"
more=

# Leaks without a profile.
"$hakmem" run -o leaks -O LEAKS=1 -- ./sites >out 2>err || fail "sites: $(cat err)"
exports leaks leaks folded.live_bytes speedscope dhat

# A stack of more frames than are kept.
program deep
"$hakmem" run -o deep.data -O PROFILE=1 -- ./deep 60 >out 2>err || [ -s deep.data/ended.txt ] || fail "deep: $(cat err)"
exports deep deep.data folded.live_bytes speedscope dhat
grep -q '^\[cut\];descend;.*;descend [0-9]*$' deep.d/folded.live_bytes || { cat deep.d/folded.live_bytes; fail "a stack that was cut does not say so"; }

# Incidents, and refusals.
program waste
"$hakmem" run -o refused -O SS_LIMIT=3 -- ./waste limited >out 2>err || fail "waste: $(cat err)"
exports refused refused
"$hakmem" run -o resets -- "$BUILD_DIR/bin/off_by_one" >out 2>err || fail "off_by_one: $(cat err)"
exports resets resets
grep -q '"hdr_reset: off_by_one_nul"' resets.d/perfetto || fail "no instant of a header reset"

# A process that is stopped, and so does not change between its report and its exports.
program rests
"$hakmem" run -o live -O PROFILE=4K -- ./rests 2 4000 100 >live.out 2>live.err &
runner=$!
for try in $(seq 200); do grep -q ready live.out && break; sleep 0.05; done
pid=$(basename live/*.stats .stats)
kill -STOP "$pid"
for try in $(seq 50); do [ "$("$hakmem" report --json "$pid" | jq -r '.stats.processes[0].state')" = stopped ] && break; sleep 0.1; done
exports live "$pid" folded.live_bytes speedscope
kill -CONT "$pid"
kill -TERM "$pid"
wait $runner

# Names that break a format: quotes, commas, frames' ends, lines' ends, control characters, no UTF-8.
evil=$(printf 'e"v,;\n\033]0;x\007\\\377 1')
strip -o "$evil" sites
HAKMEM_PROFILE=4K "$hakmem" run -o hostile -- "./$evil" >out 2>err || fail "a hostile name: $(cat err)"
exports hostile hostile folded.live_bytes speedscope dhat
for file in hostile.d/folded.live_bytes hostile.d/openmetrics hostile.d/perfetto hostile.d/speedscope hostile.d/dhat; do plain $file; done

if [ -e "$BUILD_DIR/lib/libhakmem-tracepoints.so" ] && command -v lttng-sessiond >/dev/null; then
  "$hakmem" record --full -o full -- ./sites fork >out 2>err || fail "cannot record: $(cat err)"
  exports full full folded.allocated_bytes folded.allocated_blocks speedscope dhat
  # The parent's first events are replayed to the session, without stacks; the child's all have theirs.
  leaky=$(sed -n 's/^_start;.*main;leaky //p' full.d/folded.allocated_bytes)
  [ "${leaky:-0}" -ge 300000 ] || fail "leaky allocated $leaky bytes of at least 300000"
  worse=$(printf %s "$evil" | tr -d '"\\') # LTTng writes these into its metadata as they are, and then no reader can read the trace
  mv "$evil" "$worse"
  "$hakmem" record --full -o hostile-trace -- "./$worse" >out 2>err || fail "cannot record a hostile name: $(cat err)"
  exports hostile-trace hostile-trace folded.allocated_bytes speedscope
  plain hostile-trace.d/perfetto
fi

# What is wrong is said, in one line.
"$hakmem" run -o bare -- ./sites >out 2>err || fail "sites: $(cat err)"
fails 2 'choose a format' "$hakmem" export bare
fails 2 'nothing to export' "$hakmem" export --folded
fails 2 'exclude each other' "$hakmem" export --folded --csv bare
fails 2 'there is no such value' "$hakmem" export --folded --value=weight bare
fails 2 '--value is for --folded' "$hakmem" export --dhat --value=live_blocks bare
fails 1 'HAKMEM_PROFILE=512K' "$hakmem" export --folded bare
fails 1 'hakmem record --full' "$hakmem" export --folded --value=allocated_bytes bare
fails 1 'it has: live_bytes, live_blocks, pinned_bytes' "$hakmem" export --folded --value=allocated_bytes profile
fails 1 '-o DIR' "$hakmem" export --csv bare
fails 1 'no table nothing. There are: stats.' "$hakmem" export --table=nothing bare
fails 1 'no histogram nothing. There are: ' "$hakmem" export --histogram=nothing bare
fails 1 'a file of this name exists' "$hakmem" export --csv -o err bare
fails 1 'No such file' "$hakmem" export --csv -o missing/dir bare
fails 1 'No such file' "$hakmem" export --dhat missing
[ ! -e /dev/full ] || fails 1 'cannot write' "$hakmem" export --openmetrics -o /dev/full bare
echo 'int main(void) {}' >source.c
cp source.c kept.c
fails 1 'source.c exists; --force replaces it' "$hakmem" export --openmetrics -o source.c bare
cmp -s source.c kept.c || fail "a source was replaced"
"$hakmem" export --openmetrics --force -o source.c bare 2>err && grep -q '^# EOF' source.c || fail "--force replaces nothing: $(cat err)"
"$hakmem" export --table=stats.counters bare >out 2>err || fail "one table: $(cat err)"
cmp -s out "$place/bare.csv/stats.counters.csv" && fail "there is a directory already"
"$hakmem" export --csv -o bare.csv bare && cmp out bare.csv/stats.counters.csv || fail "a table by itself is not that of the directory"
fails 1 'exists; --force replaces it' "$hakmem" export --csv -o bare.csv bare
exit 0
