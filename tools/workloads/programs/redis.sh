#!/bin/sh
# redis-server under redis-benchmark, over a socket in the temporary directory: small strings, lists, hashes, sorted sets, and deletions.
# The server alone is measured; its seconds are those of the benchmark's run.
. "$(dirname "$0")/common.sh"
need redis-server redis-server
need redis-tools redis-cli redis-benchmark

# Debian's redis is linked to jemalloc; without a preload it must run on the C library's malloc like all the others.
[ -n "$preload" ] || preload=libc.so.6

requests=40000
cli() { redis-cli -s "$place/socket" "$@"; }

start_server redis-server --port 0 --unixsocket "$place/socket" --save '' --appendonly no --dir "$place" --daemonize no
for attempt in $(seq 100); do
  [ "$(cli ping 2>/dev/null)" = PONG ] && break
  kill -0 $server 2>/dev/null || break
  sleep 0.1
done
[ "$(cli ping 2>/dev/null)" = PONG ] || { tail -n 5 server.log >&2; fail "redis-server did not start"; }

benchmark() { redis-benchmark -s "$place/socket" -q -c 20 "$@" >>bench.log 2>&1 || { tail -n 5 bench.log >&2; fail "redis-benchmark failed"; }; }

start=$(now)
benchmark -n $((requests * 4)) -r 100000 -P 16 -d 200 set key:__rand_int__ __data__
benchmark -n $((requests * 4)) -r 100000 -P 16 -t get,incr,sadd,hset,zadd
benchmark -n $requests -P 16 -d 64 -t lpush,rpush,lpop,lrange_100
benchmark -n $requests -r 100000 -P 16 set key:__rand_int__ short
benchmark -n $requests -r 100000 -P 16 del key:__rand_int__
end=$(now)
operations=$(cli info stats | tr -d '\r' | sed -n 's/^total_commands_processed://p')
rest $server
cli set check "$(seq 1000 | tr '\n' ,)" >/dev/null
cli get check >check
cli shutdown nosave 2>/dev/null
server_ended server.log
same_sum 4260135813 check
report "$operations"
