#!/bin/sh
# The JSON of hakmem report is what its schema says: of runs and recordings with all that a report can hold. And the schema is strict: what is
# missing, wrong or unknown does not pass it.
. "$(dirname "$0")/common.sh"
python3 -c 'import jsonschema; jsonschema.Draft202012Validator' 2>/dev/null || { echo "python3 has no jsonschema (package python3-jsonschema)"; exit 77; }
schema=$BUILD_DIR/share/report.schema.json
[ -s "$schema" ] || fail "$schema was not made"
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
# valid WHAT: the report in the file json.
valid() { python3 validate.py "$schema" json >said 2>&1 || { cat said; fail "the JSON of $1 is not what the schema says"; }; }
report_of() { "$hakmem" report --json "$2" >json 2>err || fail "cannot report $1: $(cat err)"; valid "$1"; }

program stats_file
./stats_file known.stats || fail "stats_file"
report_of "a statistics file" known.stats
cp json known.json

program sites
"$hakmem" run -o profile -O PROFILE=4K -O LEAKS=1 -- ./sites >out 2>err || fail "sites: $(cat err)"
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

if [ -e "$BUILD_DIR/lib/libhakmem-tracepoints.so" ] && command -v lttng-sessiond >/dev/null; then
  "$hakmem" record -o recording -- "$BUILD_DIR/bin/off_by_one" >out 2>err || fail "cannot record: $(cat err)"
  report_of "a recording" recording
  jq -e '.trace.events > 0' json >out || fail "there is no event in the trace"
fi

# changed FILTER: known.json, changed by jq, must not pass.
changed() {
  jq "$1" known.json >json || fail "jq $1"
  python3 validate.py "$schema" json >said 2>&1 && fail "the schema lets pass: $1"
  return 0
}
changed 'del(.schema)'
changed '.schema = 2'
changed '.stats.counters.new_counter = 1'
changed 'del(.stats.counters.lookup_hit)'
changed '.stats.processes[0].incidents[0].verdict = "unheard_of"'
changed '.stats.classes[0].utilisation = [1]'
