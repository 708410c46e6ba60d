# A real case: redis holds much more than it has in use, after nine of ten keys were deleted. The report says how much, in which bucket, and what the total is.
. "$(dirname "$0")/common.sh"
for tool in redis-server redis-cli; do command -v $tool >/dev/null || skip "$tool is not installed"; done

"$hakmem" run -O PROFILE=512K -o data -- redis-server --port 0 --unixsocket "$place/r.sock" --save '' --appendonly no --activedefrag no --daemonize no >out 2>err &
runner=$!
for try in $(seq 200); do redis-cli -s r.sock ping 2>/dev/null | grep -q PONG && break; sleep 0.05; done
redis-cli -s r.sock ping | grep -q PONG || { cat out err; fail "redis does not answer"; }
pid=$(basename data/*.stats .stats)
redis-cli -s r.sock eval 'for i = 1, 150000 do redis.call("set", "key:" .. i, string.rep("x", 100 + i % 400)) end' 0 >/dev/null || fail "cannot fill redis"
redis-cli -s r.sock eval 'for i = 1, 150000 do if i % 10 ~= 0 then redis.call("del", "key:" .. i) end end' 0 >/dev/null || fail "cannot delete keys"
sleep 0.5

# The process rests, and its last profile may be older than what was freed last. If the profile tells too little, the report says how old it is, and
# what brings a new one.
"$hakmem" explain "$pid" | tr -s '\n ' ' ' >rests.txt || fail "cannot explain"
if ! grep -q 'hold nearly empty, .* old on average, allocated by ' rests.txt; then
  grep -q 'no call site stands out: when the last profile was taken, ' rests.txt || { cat rests.txt; fail "names neither call sites nor the profile's age"; }
  grep -q "hakmem dump $pid, which lets the process take a profile" rests.txt || { cat rests.txt; fail "does not say how a profile is taken"; }
fi
"$hakmem" dump "$pid" --wait 5s >/dev/null 2>&1 &
dump=$!
while kill -0 $dump 2>/dev/null; do redis-cli -s r.sock eval 'for i = 1, 20000 do redis.call("set", "work", string.rep("x", i % 500)) end' 0 >/dev/null; done
wait $dump || fail "a process that allocates does not answer hakmem dump"

"$hakmem" report --json "$pid" >report.json 2>err || { cat err; fail "cannot report"; }
"$hakmem" explain --json "$pid" >explain.json || fail "cannot explain"
"$hakmem" explain "$pid" >explain.txt || fail "cannot explain"
kernel=$(awk '/^VmRSS/ { print $2 * 1024 }' "/proc/$pid/status")
redis-cli -s r.sock shutdown nosave >/dev/null 2>&1
wait $runner

# What hakmem holds and the pages of files are the resident set, but for stacks and data: a few per cent.
jq -e --argjson kernel "$kernel" '.stats.processes[0].memory | (.committed - .untouched + .rss_files) / $kernel | . > 0.93 and . < 1.03' report.json >/dev/null ||
  { jq '.stats.processes[0].memory' report.json; fail "the total is not the resident set, $kernel"; }
held=$(jq '.stats.processes[0].memory | .rss - .buckets.live' report.json)
[ "$held" -gt 20000000 ] || fail "the case is none: redis holds $held bytes more than it has in use"
equal "the largest finding" '["partial_slabs","bytes"]' "$(jq -c '.findings[0] | [.rule, .cost.unit]' explain.json)"
jq -e '.findings[0] | .figures.bytes > 20000000 and .cost.share > 0.3' explain.json >/dev/null || { cat explain.txt; fail "the finding is too small"; }
tr -s '\n ' ' ' <explain.txt | grep -q 'hold nearly empty, .* old on average, allocated by ' || { cat explain.txt; fail "does not name the call sites that hold the slabs"; }
exit 0
