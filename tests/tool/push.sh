#!/bin/sh
# hakmem export --pprof --push: what arrives at a server has the values of report --json, in the form of each store, with its labels, on a schedule. Servers
# that refuse, hang, redirect, answer an error, nonsense or without end make one clear message in a bounded time. A token is sent and never shown.
. "$(dirname "$0")/common.sh"
command -v python3 >/dev/null || skip "python3 is not installed"
"$hakmem" export --push http://127.0.0.1:1/ingest --timeout 1ms 1 2>&1 | grep -q 'has no push.so' && skip "built without libcurl"
"$hakmem" export --pprof -o x . 2>&1 | grep -q 'has no pprof.so' && skip "built without protobuf-c"
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY PUSH_TOKEN

certificate=
command -v openssl >/dev/null && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 2 -subj /CN=127.0.0.1 \
  -addext subjectAltName=IP:127.0.0.1 2>err && certificate="certificate.pem key.pem"
# shellcheck disable=SC2086 # two arguments, or none
python3 "$SOURCE_DIR/tests/tool/push_server.py" $certificate >arrived 2>server.err &
server=$!
for try in $(seq 200); do [ -s arrived ] && break; sleep 0.05; done
read -r port other tls <arrived || fail "no server: $(cat server.err)"
at=http://127.0.0.1:$port
profiles() { sed 1d arrived; }
last() { tail -n 1 arrived | jq -c "$1"; }
asked() { grep -c -x "$1" asked; }

# Two processes that are stopped, so that they do not change between a report and a push; one has a name that is made to break the forms.
program rests
mv rests 'a{b=c,d} "é'
"$hakmem" run -o data -O PROFILE=4K -- './a{b=c,d} "é' 2 4000 100 >out 2>err &
for try in $(seq 200); do grep -q ready out && break; sleep 0.05; done
pid=$(basename data/*.stats .stats)
for try in $(seq 100); do [ "$("$hakmem" report --json "$pid" | jq '.stats.processes[0].profile.last.sites | length')" -gt 0 ] && break; sleep 0.1; done
for again in $(seq 20); do # on a busy machine it may stop before its next profile is whole
  kill -STOP "$pid"
  for try in $(seq 100); do [ "$("$hakmem" report --json "$pid" | jq -r '.stats.processes[0].state')" = stopped ] && break; sleep 0.1; done
  "$hakmem" report --json "$pid" >report.json 2>err || fail "no report: $(cat err)"
  [ "$(jq '.stats.processes[0].profile.last.sites | length' report.json)" -eq 0 ] || break
  kill -CONT "$pid"
  sleep 0.1
done
sums() { # MEMBER: what the report says of the live heap, a whole number for each stack
  jq '.stats.processes[0].profile.last | def whole: if . > 0 then (. + 0.5 | floor) else 0 end;
    ([.sites | group_by(.stack_id)[] | map(.'"$1"') | add | whole] | add) + (if .rest_count > 0 then (.rest.'"$1"' | whole) else 0 end)' report.json
}
values=$(jq -nc '{inuse_objects: $o, inuse_space: $s, pinned_space: $p} | map_values(tonumber)' --arg o "$(sums blocks)" --arg s "$(sums allocated)" --arg p "$(sums pinned)")
host=$(uname -n)

# ---- Each store ----
"$hakmem" export --pprof --push "$at/ok/ingest?tenant=1" "$pid" >out 2>err || fail "ingest: $(cat err)"
[ ! -s out ] && [ ! -s err ] || fail "a push that works says something: $(cat out err)"
equal "values at ingest" "$values" "$(last '.types')"
equal "name at ingest" "\"a_b_c_d____{program=a_b_c_d_ \\\"é,pid=$pid,host=$host}\"" "$(last '.query.name' | sed 's/^"a_b_c_d__*{/"a_b_c_d____{/')"
equal "query at ingest" '["pprof","1",true]' "$(last '[.query.format, .query.tenant, (.query.from | tonumber) <= (.query.until | tonumber)]')"
equal "a gauge has no duration" 0 "$(last .duration)"
last '.functions' | grep -q '"work"' || fail "no function's name: $(last .functions)"
PUSH_TOKEN=t0k3n "$hakmem" export --push "$at/ok/push.v1.PusherService/Push" --label env=prod --label pid= --label service_name=shop "$pid" 2>err || fail "push API: $(cat err)"
equal "values at the push API" "$values" "$(last .types)"
equal "labels at the push API" "{\"__name__\":\"memory\",\"env\":\"prod\",\"host\":\"$host\",\"program\":\"a{b=c,d} \\\"é\",\"service_name\":\"shop\"}" \
  "$(last '.labels' | jq -cS .)"
equal "token of the environment" '"Bearer t0k3n"' "$(last .token)"
echo fr0mf1le >token
PUSH_TOKEN=t0k3n "$hakmem" export --push "$at/ok/api/profiles/writeraw" --token-file token data 2>err || fail "Parca: $(cat err)"
equal "values at Parca" "$values" "$(last .types)"
equal "labels at Parca" '["memory",false]' "$(last '[.labels.__name__, (.labels | has("service_name"))]')"
equal "token of a file" '"Bearer fr0mf1le"' "$(last .token)"

# ---- On a schedule; a signal ends it ----
before=$(profiles | wc -l)
"$hakmem" export --push "$at/ok/ingest" --every 1s --count 2 "$pid" 2>err || fail "--every: $(cat err)"
grep -q '^hakmem: 2 pushes, 0 of them failed: 2 profiles, .*; all pushes are done$' err || fail "no summary: $(cat err)"
equal "profiles of two pushes" 2 $(($(profiles | wc -l) - before))
equal "the time of a push" '[1,true]' "$(last '[(.query.until | tonumber) - (.query.from | tonumber), ((.time / 1e9 - now) | fabs) < 60]')"
for signal in INT TERM; do
  was=$(asked hang)
  "$hakmem" export --push "$at/hang/ingest" --every 60s data 2>err &
  pusher=$!
  for try in $(seq 100); do [ "$(asked hang)" -gt "$was" ] && break; sleep 0.05; done
  kill -$signal $pusher
  wait $pusher
  equal "exit code at SIG$signal" 0 $?
  grep -q '^hakmem: 1 push, 0 of them failed: 0 profiles, 0 bytes; interrupted$' err || fail "SIG$signal: $(cat err)"
done

# ---- Servers that fail ----
refuses() { # TEXT PATH OPTION...: exit code 1, one line. A busy machine gets 10 s for an answer; $patience says otherwise
  text=$1 path=$2
  shift 2
  fails 1 "$text" "$hakmem" export --push "$path" --timeout "${patience:-10s}" "$@" "$pid"
}
refuses "http://127.0.0.1:1/ingest: Failed to connect" "http://127.0.0.1:1/ingest?secret=$$"
refuses "$at/500/ingest: the server answered 500: \"\\x1b[31mdisk full \\xff and more" "$at/500/ingest?secret=$$"
grep -q "secret=$$" err && fail "the query of the URL is shown: $(cat err)"
equal "tries" 3 "$(asked 500)"
refuses "the server answered 401: \"no such token\"" "$at/401/ingest" --token-file token
grep -q fr0mf1le err && fail "the token is shown: $(cat err)"
equal "tries after 401" 1 "$(asked 401)"
patience=400ms
refuses "the server has not answered within 0.4 s" "$at/hang/ingest"
equal "tries of a server that hangs" 5 "$(asked hang)"
patience=1s
refuses "the server has not finished its answer within 1 s" "$at/trickle/ingest"
patience=
refuses "sends more than 64 KiB" "$at/endless/ingest"
refuses "" "$at/headers/ingest"
refuses "$at/gibberish/ingest: " "$at/gibberish/ingest"
refuses "$at/close/ingest: " "$at/close/ingest"
refuses "redirects to another scheme" "$at/scheme/ingest"
refuses "redirects to another scheme" "$at/file/ingest"
refuses "redirects more than 3 times" "$at/loop/ingest"
"$hakmem" export --push "$at/flaky/ingest" --timeout 2s "$pid" 2>err || fail "a server that answers the third time: $(cat err)"
"$hakmem" export --push "$at/moved/ingest" "$pid" 2>err || fail "a redirect within the scheme: $(cat err)"
equal "a redirect keeps the body" "$values" "$(last .types)"
"$hakmem" export --push "$at/elsewhere/ingest" --token-file token "$pid" 2>err || fail "a redirect to another port: $(cat err)"
equal "no token for another server" null "$(last .token)"
# A failure that stays is said once, and so is its end.
"$hakmem" export --push "$at/401/ingest" --every 1s --count 2 "$pid" 2>err
equal "exit code of failed pushes" 1 $?
equal "lines of two failed pushes" 2 "$(wc -l <err)"

# ---- TLS ----
if [ -n "$certificate" ]; then
  refuses "--ca-file=FILE names the certificates to trust" "https://127.0.0.1:$tls/ok/ingest"
  "$hakmem" export --push "https://127.0.0.1:$tls/ok/ingest" --ca-file certificate.pem "$pid" 2>err || fail "TLS: $(cat err)"
  refuses "--ca-file=FILE names the certificates to trust" "https://localhost:$tls/ok/ingest" --ca-file certificate.pem
fi

# ---- What cannot be pushed ----
: >token
refuses "token holds no token" "$at/ok/ingest" --token-file token
printf 'a\001b' >token
refuses "token holds a token with letters that no token has" "$at/ok/ingest" --token-file token
refuses "cannot read the token in missing" "$at/ok/ingest" --token-file missing
fails 2 "the end of the path says which interface" "$hakmem" export --push "$at/" data
fails 2 "the URL begins with http" "$hakmem" export --push "file:///ingest" data
fails 2 "holds a name or a password" "$hakmem" export --push "http://me:secret@127.0.0.1/ingest" data
grep -q secret err && fail "a password is shown: $(cat err)"
fails 2 "the name of a label" "$hakmem" export --push "$at/ok/ingest" --label 1a=b data
fails 2 "not a time of a second or more" "$hakmem" export --push "$at/ok/ingest" --every 10ms data
fails 2 "are for --push" "$hakmem" export --pprof --every 1s data
fails 2 "--push is for --pprof" "$hakmem" export --folded --push "$at/ok/ingest" data
kill -CONT "$pid"
kill "$pid"
wait %2 2>/dev/null
for try in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
"$hakmem" export --push "$at/ok/ingest" data 2>err || fail "a run that has ended: $(cat err)"
problems=$(profiles | jq -c 'select(.problem)')
[ -z "$problems" ] || fail "a profile cannot be read: $problems"
kill $server
exit 0
