#!/bin/sh
# The page of a real run: redis, after nine of ten keys were deleted. The map's cells, colours and call sites are those of report --json.
# timeout: 300
. "$(dirname "$0")/common.sh"
for tool in chromium node redis-server redis-cli; do command -v $tool >/dev/null 2>&1 || skip "$tool is not installed"; done

"$hakmem" run -O PROFILE=8K -o data -- redis-server --port 0 --unixsocket "$place/r.sock" --save '' --appendonly no --activedefrag no --daemonize no >out 2>err &
runner=$!
for try in $(seq 200); do redis-cli -s r.sock ping 2>/dev/null | grep -q PONG && break; sleep 0.05; done
redis-cli -s r.sock ping | grep -q PONG || { cat out err; fail "redis does not answer"; }
redis-cli -s r.sock eval 'for i = 1, 150000 do redis.call("set", "key:" .. i, string.rep("x", i * 7919 % 900)) end' 0 >said || fail "cannot fill redis"
redis-cli -s r.sock eval 'for i = 1, 150000 do if i % 10 ~= 0 then redis.call("del", "key:" .. i) end end' 0 >said || fail "cannot delete keys"
redis-cli -s r.sock shutdown nosave >said 2>&1
wait $runner

"$hakmem" page data -o page.html 2>err || { cat err; grep -q 'built without D3' err && skip "built without D3"; fail "no page"; }
"$hakmem" report --json --section=slabs data >report.json || fail "no report"
node "$SOURCE_DIR/tests/tool/page_redis.mjs" "$place" || fail "the page in Chromium"
