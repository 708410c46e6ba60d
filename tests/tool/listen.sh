#!/bin/sh
# hakmem export --listen: two Prometheus scrape three processes, one as text, one with native histograms, and store the figures of report --json. Methods,
# paths, formats, bad addresses, slow clients, names of other servers, processes beyond the limit, a process that ends, the end of the server. The rules and the dashboard use only metrics that
# are exported.
. "$(dirname "$0")/common.sh"
for tool in prometheus promtool python3; do command -v $tool >/dev/null || skip "$tool is not installed"; done
[ -e "$BUILD_DIR/lib/hakmem/listen.so" ] || skip "built without libmicrohttpd"
parts=$SOURCE_DIR/tools/listen
program rests
name=listen-$$ # other programs under hakmem may run beside this test
mv rests "$name" || fail "cannot name the program"
trap 'kill -KILL ${pids:-} ${servers:-} 2>/dev/null; wait; cd /; rm -rf "$place"' EXIT

# wait_for TEXT FILE: until the file has the text.
wait_for() {
  for try in $(seq 600); do grep -q -- "$1" "$2" 2>/dev/null && return; sleep 0.05; done
  cat "$2"
  fail "no '$1' in $2"
}
pids=
for i in 1 2 3; do
  "$hakmem" run -o data$i -- "./$name" 1 ${i}000 100 >out$i 2>err$i &
done
for i in 1 2 3; do
  wait_for ready out$i
  pids="$pids $(basename data$i/*.stats .stats)"
done
set -- $pids

# Bad usage, bad addresses.
fails 2 "--listen is for --openmetrics" "$hakmem" export --csv --listen 127.0.0.1
fails 2 "give it no input" "$hakmem" export --openmetrics --listen 127.0.0.1 data1
fails 2 "--allow-host is for --listen" "$hakmem" export --openmetrics --allow-host=x data1
fails 2 "--max-processes=0: give a number" "$hakmem" export --openmetrics --listen 127.0.0.1 --max-processes=0
for bad in 127.0.0.1:x 127.0.0.1:99999 '[::1' 127.0.0.1:; do fails 2 "is no address" "$hakmem" export --openmetrics --listen "$bad"; done

# serve NAME OPTIONS...: sets $server and $port.
serve() {
  log=$1.log
  shift
  "$hakmem" export --openmetrics --listen :0 "$@" 2>"$log" &
  server=$!
  servers="${servers:-} $server"
  wait_for 'serves http://127.0.0.1:' "$log"
  port=$(sed -n 's,.*serves http://127.0.0.1:\([0-9]*\)/metrics,\1,p' "$log")
}
# ask METHOD PATH [ACCEPT [HOST]]: the status, the content type and the body.
ask() {
  python3 -IS - "$port" "$@" <<'PYTHON'
import socket, sys
port, method, path, accept, host = (sys.argv[1:] + ["*/*", "localhost"][len(sys.argv) - 4:])[:5]
with socket.create_connection(("127.0.0.1", int(port)), 60) as s:
    s.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n".encode())
    answer = b"".join(iter(lambda: s.recv(65536), b""))
head, body = answer.split(b"\r\n\r\n", 1)
lines = head.split(b"\r\n")
kind = b"".join(line[14:] for line in lines if line.lower().startswith(b"content-type: "))
sys.stdout.buffer.write(lines[0].split()[1] + b" " + kind + b"\n" + body)
PYTHON
}
serve all --max-processes=1000
main=$server
# A client that sends a byte now and then, and one that takes the answer as slowly, are cut off. slow NAME: after how many seconds is in slow.NAME, at the
# end of this test. The kernel knows the server's end of a connection; `reads` asks for more than fits into the buffers of the sockets.
slow() {
  python3 -IS - "$port" "$1" >slow.$1 2>&1 <<'PYTHON' &
import socket, sys, time
port, what = int(sys.argv[1]), sys.argv[2]
start = time.monotonic()
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.connect(("127.0.0.1", port))
ends = f"0100007F:{port:04X} 0100007F:{s.getsockname()[1]:04X} 01 "
ask = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
if what == "reads": s.sendall((ask + b"\r\n") * 600)
try:
    for byte in ask + b"X: " + b"x" * 60:
        if ends not in open("/proc/net/tcp").read(): break
        if what == "sends": s.sendall(bytes([byte]))
        elif not s.recv(1): break
        time.sleep(1)
except OSError: pass
print(int(time.monotonic() - start))
PYTHON
  servers="$servers $!"
}
slow sends
sends=$!
slow reads
reads=$!
# Two Prometheus, which start meanwhile.
cp "$parts/hakmem.rules.yml" .
sed "s/127.0.0.1:9847/127.0.0.1:$port/; s/15s/4s/" "$parts/prometheus.yml" >prometheus.yml
promtool check config prometheus.yml >said 2>&1 || { cat said; fail "the configuration"; }
# A scrape may take as long as the interval.
for kind in text native; do
  option=
  [ $kind = text ] || option=--enable-feature=native-histograms
  # shellcheck disable=SC2086 # no option, or one
  prometheus --config.file=prometheus.yml --storage.tsdb.path=$kind.db --web.listen-address=127.0.0.1:0 $option >$kind.log 2>&1 &
  servers="$servers $!"
done

# Methods, paths, formats.
fails 1 "cannot listen on port $port of 127.0.0.1: Address already in use" "$hakmem" export --openmetrics --listen "127.0.0.1:$port"
equal "POST" 405 "$(ask POST /metrics | head -c 3)"
equal "DELETE" 405 "$(ask DELETE / | head -c 3)"
equal "another path" 404 "$(ask GET /metrics/x | head -c 3)"
equal "the index" "200 text/html; charset=utf-8" "$(ask GET / | head -n 1)"
for host in localhost LOCALHOST:80 localhost.:1 127.0.0.1 "127.0.0.1:$port" '[::1]:9847'; do equal "$host" 200 "$(ask GET / '*/*' "$host" | head -c 3)"; done
for host in evil.example localhost.evil.example 127.0.0.1.evil.example 127.0.0.2 '[::1' '[::1].evil' '' .; do
  equal "another name, $host" 403 "$(ask GET /metrics '*/*' "$host" | head -c 3)"
done
equal "HEAD" "200 text/plain; version=0.0.4; charset=utf-8" "$(ask HEAD /metrics)"
ask GET /metrics >text
sed 1d text | promtool check metrics >said 2>&1 || { cat said; fail "promtool finds faults"; }
ask GET /metrics 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' >open
equal "OpenMetrics" "200 application/openmetrics-text; version=1.0.0; charset=utf-8" "$(head -n 1 open)"
equal "its end" "# EOF" "$(tail -n 1 open)"
ask GET /metrics 'text/plain;q=0.2, application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited' | head -n 1 >head 2>/dev/null
grep -aq '^200 application/vnd.google.protobuf; ' head || fail "no protobuf: $(cat head)"
for one in python3 /usr/bin/python3; do
  $one -c 'import prometheus_client' 2>/dev/null || continue
  sed 1d open | $one -c 'import sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families as read; list(read(sys.stdin.read()))' ||
    fail "the parser of OpenMetrics finds faults"
  break
done

# Rules and dashboard.
promtool check rules "$parts/hakmem.rules.yml" >said 2>&1 || { cat said; fail "the rules"; }
grep -v '^#' text | sed -n 's/^\(hakmem_[a-z0-9_]*\).*/\1/p' | sort -u >exported
echo hakmem_call_seconds >>exported # native
jq -e '.panels | length > 5' "$parts/grafana.json" >said || fail "the dashboard"
{ jq -r '.. | .expr? // empty, .query?.query? // empty' "$parts/grafana.json"; grep -v record: "$parts/hakmem.rules.yml" | sed '/^#/d; /summary:/d; s/name: .*//'; } |
  grep -o 'hakmem_[a-z0-9_]*' | sort -u >used
[ "$(wc -l <used)" -gt 12 ] || { cat used; fail "too few metrics are used"; }
while read -r metric; do grep -qx "$metric" exported || fail "$metric is used and not exported"; done <used

# Series of the recording rules, which Prometheus evaluates at some moment of each minute, have the program and no pid.
# query KIND EXPRESSION: the answer in $kind.json, as soon as it has all three processes.
query() {
  at=$(sed -n 's/.*msg="Listening on" address=\(127.0.0.1:[0-9]*\).*/\1/p' "$1.log")
  for try in $(seq 200); do
    promtool query instant -o json "http://$at" "$2" >"$1.json" 2>said
    [ "$(jq '[.[].metric.pid] | unique | length' "$1.json" 2>/dev/null)" = 3 ] && return
    sleep 0.3
  done
  cat said "$1.json"
  fail "$1: no answer to $2"
}
for pid in "$@"; do "$hakmem" report --json "$pid" >"$pid.json" 2>err || fail "no report: $(cat err)"; done
for kind in text native; do
  wait_for 'msg="Listening on" address=127.0.0.1:' $kind.log
  query $kind "{program=\"$name\",pid!=\"\",__name__!=\"hakmem_call_seconds\"}"
  cp $kind.json $kind.stored
done
query native "histogram_count(hakmem_call_seconds{program=\"$name\",call=\"malloc\"})"
for pid in "$@"; do
  expected=$(jq -c '.stats | [([.classes[].counters.allocs] | add), .counters.os_map, .processes[0].memory.buckets.live, .processes[0].memory.committed,
    .calls.malloc.latency.all.count]' "$pid.json")
  for kind in text native; do
    # In the store of native histograms, the count of calls is the one answer of its own query.
    calls=$kind.stored
    [ $kind = text ] || calls=native.json
    equal "$kind: blocks, maps, live, committed, calls of process $pid" "$expected" "$(jq -sc --arg pid "$pid" '
      def figure(f): map(select(.metric.pid == $pid) | select(.metric | f)) | if length == 1 then .[0].value[1] | tonumber else "\(length) series" end;
      [(.[0] | figure(.__name__ == "hakmem_allocs_total"), figure(.__name__ == "hakmem_os_map_total"),
        figure(.__name__ == "hakmem_memory_bytes" and .bucket == "live"), figure(.__name__ == "hakmem_committed_bytes")),
       (.[1] | figure(.call == "malloc" and (.__name__ == null or .__name__ == "hakmem_call_seconds_count")))]' $kind.stored $calls)"
  done
done
# A native bucket is 9 % wide, one of ours 6 %; values below 0.5 ns are one bucket.
query native "histogram_quantile(0.5, hakmem_call_seconds{program=\"$name\",call=\"malloc\"}) * 1e9"
for pid in "$@"; do
  found=$(jq -r --arg pid "$pid" '.[] | select(.metric.pid == $pid) | .value[1]' native.json)
  p50=$(jq -r .stats.calls.malloc.latency.all.p50 "$pid.json")
  awk "BEGIN { exit !($found >= $p50 * 0.8 - 0.5 && $found <= $p50 * 1.2 + 0.5) }" || fail "median of process $pid: $found, not $p50"
done

# A server with other names.
serve named --allow-host=metrics.example --allow-host=other.example
for host in metrics.example:9847 other.example localhost; do equal "--allow-host, $host" 200 "$(ask GET / '*/*' "$host" | head -c 3)"; done
equal "not an allowed name" 403 "$(ask GET / '*/*' third.example | head -c 3)"

# What is left out; a process that ends.
serve one --max-processes=1
ask GET /metrics >said
equal "processes shown" 1 "$(grep -c '^hakmem_process_info{' said)"
left=$(sed -n 's/^hakmem_left_out{what="processes"} //p' said)
[ "$left" -ge 2 ] || fail "left out: $left"
kill -KILL "$1"
for try in $(seq 200); do kill -0 "$1" 2>/dev/null || break; sleep 0.05; done
port=$(sed -n 's,.*serves http://127.0.0.1:\([0-9]*\)/metrics,\1,p' all.log)
ask GET /metrics >said
grep -q "pid=\"$1\"" said && fail "shows a process that ended"
grep -q "pid=\"$2\"" said || fail "does not show the others"

# Slow clients. One that sends has 15 s; the silence of a socket that is full, or a second limit of 15 s, ends the one that reads.
wait $sends $reads
for what in sends reads; do
  took=$(tail -n 1 slow.$what)
  [ "$took" -ge 5 ] && [ "$took" -le 45 ] || fail "a client that $what slowly was served for $took s"
done

kill -TERM $main
wait $main
equal "the end at SIGTERM" 0 $?
kill -INT $server
wait $server
equal "the end at SIGINT" 0 $?
exit 0
