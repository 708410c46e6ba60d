#!/bin/sh
# timeout: 600
# The JSON of hakmem report, report --since, explain, diff and check is what its schema says: of runs, recordings and running processes with all
# that they can hold. And the schemas are strict: what is missing, wrong or unknown does not pass them.
. "$(dirname "$0")/common.sh"
python3 -c 'import jsonschema; jsonschema.Draft202012Validator' 2>/dev/null || { echo "python3 has no jsonschema (package python3-jsonschema)"; exit 77; }
for kind in report explain since diff check; do [ -s "$BUILD_DIR/share/$kind.schema.json" ] || fail "$kind.schema.json was not made"; done
cat >validate.py <<'END_OF_PYTHON'
import json, sys
from jsonschema import Draft202012Validator
schema = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(schema)
errors = list(Draft202012Validator(schema).iter_errors(json.load(open(sys.argv[2]))))
for error in errors[:5]:
    print("/".join(map(str, error.absolute_path)) + ": " + error.message[:300])
sys.exit(1 if errors else 0)
END_OF_PYTHON
# valid KIND WHAT: the file json.
valid() { python3 validate.py "$BUILD_DIR/share/$1.schema.json" json >said 2>&1 || { cat said; fail "the JSON of $2 is not what $1.schema.json says"; }; }
# output KIND WHAT COMMAND...: what the command prints; check may find something.
output() {
  kind=$1 what="$3 of $2"
  shift 2
  "$hakmem" "$@" --json >json 2>err || [ "$1" = check ] || fail "cannot print $what: $(cat err)"
  valid $kind "$what"
}
# report_of WHAT PATH: in json at last, the report.
report_of() {
  output explain "$1" explain "$2"
  output check "$1" check "$2"
  output check "$1" check --figures "$2"
  output report "$1" report "$2"
}

program stats_file
./stats_file known.stats || fail "stats_file"
report_of "a statistics file" known.stats
cp json known.json

program sites
"$hakmem" run -o profile -O PROFILE=4K -O LEAKS=1 -- ./sites >out 2>err || fail "sites: $(cat err)"
output report "maps of slabs" report --section=slabs profile
jq -e '.stats.processes[0].slab_maps[-1] | .slabs | length > 0' json >out || fail "there is no slab in the last map"
report_of "a profile, with leaks" profile
[ "$(jq '.stats.processes[0].profile.last.sites | length' json)" -gt 0 ] || fail "there is no call site in the profile"
[ "$(jq '.stats.processes[0].leaks | length' json)" -gt 0 ] || fail "there is no leak in it"

program waste
"$hakmem" run -o refused -O SS_LIMIT=3 -- ./waste limited >out 2>err || fail "waste: $(cat err)"
report_of "a run with shared_fails" refused
jq -e '[.stats.processes[0].incidents[].kind] | index("shared_fail")' json >out || fail "there is no shared_fail in it"

"$hakmem" run -o resets -- "$BUILD_DIR/bin/off_by_one" >out 2>err || fail "off_by_one: $(cat err)"
report_of "a run with header resets" resets
jq -e '[.stats.processes[0].incidents[].kind] | index("hdr_reset")' json >out || fail "there is no header reset in it"

# Two runs: what changed.
"$hakmem" run -o later -O PROFILE=4K -- ./sites fork >out 2>err || fail "sites: $(cat err)"
output since "the growth" report --since profile later
[ "$(jq '.growth.sites | length' json)" -gt 0 ] || fail "no call site is in the growth"
equal "the sum of the growth" true "$(jq '.growth | .bytes == ([.sites[].bytes] | add) and .before + .bytes - .after <= 1' json)"
output diff "two runs with call sites" diff profile later
jq -e '.method == "one_run_each" and (.growth.sites | length > 0)' json >out || fail "the difference has no call sites"
output diff "two runs without call sites" diff refused resets
jq -e '.growth == null' json >out || fail "there is growth without call sites"

# A process that runs.
program rests
"$hakmem" run -o running -- ./rests 1 1000 100 >out 2>err &
runner=$!
for _ in $(seq 200); do grep -q ready out && break; sleep 0.05; done
pid=$(basename running/*.stats .stats)
report_of "a process that runs" "$pid"
jq -e '.stats.processes[0].read_from != null' json >out2 || fail "the process does not run"
output explain "a process that runs" explain "$pid"
equal "the processes that run" "[$pid]" "$(jq -c '[.alive[].pid]' json)"
kill -TERM "$pid"
wait $runner

if [ -e "$BUILD_DIR/lib/libhakmem-tracepoints.so" ] && command -v lttng-sessiond >/dev/null; then
  "$hakmem" record -o recording -- "$BUILD_DIR/bin/off_by_one" >out 2>err || fail "cannot record: $(cat err)"
  report_of "a recording" recording
  jq -e '.trace.events > 0' json >out || fail "there is no event in the trace"
  "$hakmem" record --full -o whole -- ./sites >out 2>err || fail "cannot record: $(cat err)"
  report_of "a full recording" whole
  output diff "two recordings" diff recording whole
fi

# changed FILTER: known.json, changed by jq, must not pass.
changed() {
  jq "$1" known.json >json || fail "jq $1"
  python3 validate.py "$BUILD_DIR/share/report.schema.json" json >said 2>&1 && fail "the schema lets pass: $1"
  return 0
}
changed 'del(.schema)'
changed '.schema = 2'
changed '.stats.counters.new_counter = 1'
changed 'del(.stats.counters.lookup_hit)'
changed '.stats.processes[0].incidents[0].verdict = "unheard_of"'
changed '.stats.classes[0].utilisation = [1]'
changed '.stats.processes[0].slab_maps = [{}]'
