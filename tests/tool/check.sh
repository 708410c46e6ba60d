# hakmem check: conditions on the figures of a run, and the exit code that a continuous integration asks for.
. "$(dirname "$0")/common.sh"
program stats_file
./stats_file bad.stats || fail "stats_file" # it has an incident, and leaks
./stats_file old.stats allocs=500 || fail "stats_file"

# outcome EXIT [TEXT] -- ARGUMENT...: the exit code, and a line of the table.
outcome() {
  expected=$1 text=$2
  shift 2
  "$hakmem" check "$@" >out 2>err
  equal "exit code of hakmem check $*" "$expected" $?
  [ ! -s err ] || fail "says: $(cat err)"
  tr -s ' ' <out | grep -qF -- "$text" || { cat out; fail "does not print '$text': hakmem check $*"; }
}
outcome 1 "FAIL incidents > 0 incidents = 1" bad.stats
outcome 1 "FAIL leaks > 0 leaks = 4.00 KiB" bad.stats
outcome 0 "ok allocs > 1000 allocs = 1000" --no-defaults --fail-on 'allocs > 1000' bad.stats
outcome 1 "FAIL allocs >= 1000 allocs = 1000" --no-defaults --fail-on 'allocs >= 1000' bad.stats
outcome 1 "FAIL p99(lookup) > 0.09us p99(lookup) = 99 ns" --no-defaults --fail-on 'p99(lookup) > 0.09us' bad.stats
outcome 0 "ok rss(peak) > 1 GiB or allocs < 3" --no-defaults --fail-on 'rss(peak) > 1 GiB or allocs < 3' bad.stats
outcome 1 "FAIL (allocs - frees) * 2 == 200" --no-defaults --fail-on '(allocs - frees) * 2 == 200' bad.stats
outcome 1 "FAIL allocs > 150 % * baseline(allocs) allocs = 1000, baseline(allocs) = 500" --no-defaults --baseline old.stats \
  --fail-on 'allocs > 150 % * baseline(allocs)' bad.stats
outcome 0 "ok allocs > 2 * baseline(allocs)" --no-defaults --baseline old.stats --fail-on 'allocs > 2 * baseline(allocs)' bad.stats
# What the run does not tell fails if it was asked for.
outcome 1 "FAIL (unknown) p99(legacy) > 1ms p99(legacy) = unknown" --no-defaults --fail-on 'p99(legacy) > 1ms' bad.stats
"$hakmem" check --figures bad.stats | tr -s ' ' | grep -qx ' rss(peak) .*' || fail "--figures"

# JUnit, read by a real XML reader.
"$hakmem" check --junit junit.xml --fail-on 'allocs < 3' bad.stats >/dev/null
python3 - <<'EOF' || fail "the JUnit file is not what it should be"
import xml.etree.ElementTree as tree
suite = tree.parse("junit.xml").getroot()
assert suite.tag == "testsuite" and suite.get("tests") == "5" and suite.get("failures") == "2", suite.attrib
names = [case.get("name") for case in suite]
assert "not allocs < 3" in names, names
failed = [case for case in suite if case.find("failure") is not None]
assert {case.get("name") for case in failed} == {"not incidents > 0", "not leaks > 0"}, failed
EOF
# What the run does not tell, and nobody asked for, did not pass.
"$hakmem" run -o untold -- true 2>err || fail "$(cat err)"
"$hakmem" check --junit junit.xml untold >text
grep -q '^unknown *leaks > 0' text || { cat text; fail "the case is not what the test is about"; }
python3 - <<'EOF' || fail "the JUnit file says that leaks were looked for"
import xml.etree.ElementTree as tree
suite = tree.parse("junit.xml").getroot()
skipped = [case.get("name") for case in suite if case.find("skipped") is not None]
assert skipped == ["not leaks > 0"] and suite.get("skipped") == "1", (skipped, suite.attrib)
EOF

# What cannot be understood is said with a caret below the place, and is bad usage.
misread() { # CONDITION, the error, and how many columns before the caret
  "$hakmem" check --no-defaults --fail-on "$1" bad.stats >out 2>err
  equal "exit code for '$1'" 2 $?
  grep -qF -- "$2" err || { cat err; fail "does not say '$2'"; }
  equal "the caret for '$1'" "$3" "$(sed -n '3s/^  \( *\)^$/\1/p' err | tr -d '\n' | wc -c)"
}
misread 'rss(paek) > 1' 'there is no figure rss(paek); did you mean rss(peak)? hakmem check --figures DIR lists them' 0
misread 'rss(peak) > 3ms' 'bytes cannot be compared with, or added to, a time' 10
misread 'allocs >> 3' 'a number or a figure is expected here' 8
misread 'allocs > 3Mi' 'this is not a unit' 10
misread 'allocs > 3 and' 'something is missing at the end' 14
misread 'allocs > (3' 'a closing bracket is missing' 11
misread 'allocs 3' 'a comparison is expected here' 7
misread 'allocs > 3 allocs' 'this is not a unit' 11
misread 'allocs > frees frees' 'this is not understood' 15
misread 'allocs > baseline(allocs)' 'there is no baseline' 9
misread "$(printf 'allocs > %0200d' 0 | tr 0 '(')" 'brackets are nested too deeply' 59
misread '' 'something is missing at the end' 0

fails 2 "there is nothing to check" "$hakmem" check
fails 2 "there is no condition" "$hakmem" check --no-defaults bad.stats
fails 1 "cannot read absent" "$hakmem" check absent
fails 1 "cannot write /nowhere/junit.xml" "$hakmem" check --junit /nowhere/junit.xml --no-defaults --fail-on 'allocs < 3' bad.stats

# Real runs: an overflow, a leak and lost data fail by default; leaks that were not looked for are unknown, not none.
program sites
"$hakmem" run -o plain -- ./sites >out 2>err || fail "run: $(cat err)"
outcome 0 "unknown leaks > 0 leaks = unknown" plain
outcome 1 "FAIL (unknown) leaks > 1KiB leaks = unknown" --fail-on 'leaks > 1KiB' plain
"$hakmem" run -o leaky -O LEAKS=1 -- ./sites >out 2>err || fail "run: $(cat err)"
outcome 1 "FAIL leaks > 0 leaks = 1.05 MiB" leaky
"$hakmem" run -o sound -O LEAKS=1 -- true >out 2>err || fail "run: $(cat err)"
outcome 0 "ok leaks > 0 leaks = 0 B" sound
"$hakmem" run -o wrong -- "$BUILD_DIR/bin/off_by_one" >out 2>err || fail "run: $(cat err)"
outcome 1 "FAIL incidents > 0 incidents = " wrong
outcome 0 "ok live(end) > 10MiB live(end) = " --fail-on 'live(end) > 10MiB' plain
outcome 1 "FAIL live(end) > 1MiB live(end) = " --fail-on 'live(end) > 1MiB' plain
outcome 1 "FAIL live(end) > 0.9 * baseline(live(end)) live(end) = " --fail-on 'live(end) > 0.9 * baseline(live(end))' --baseline plain plain
./stats_file lossy.stats leak_kind=99 || fail "stats_file"
outcome 1 "FAIL lost > 0 lost = 1" lossy.stats
fails 2 'of no use' "$hakmem" check --baseline plain plain
fails 1 'nosuch' "$hakmem" check nosuch
misread 'live > 3' 'did you mean live(end)?' 0
exit 0
