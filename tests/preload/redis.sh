#!/bin/sh
# redis-server, driven by redis-benchmark and redis-cli over a loopback port: the data set at the end, its digest, and after a restart
# from the file that it saved.
. "$(dirname "$0")/common.sh"
need redis-server redis-cli redis-benchmark

# Starts the server on a free port: $port. One that is taken ends the server, and the next is tried.
start_server() {
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    port=$((20000 + ($$ * 7 + attempt * 1009 + $(date +%N | sed 's/^0*//')) % 12000)) # not from the seed: two runs on one machine would meet
    : >server.log
    become redis-server --port $port --bind 127.0.0.1 --save '' --appendonly no --enable-debug-command yes \
      --dir "$PWD" --daemonize no >server.log 2>&1 &
    server=$!
    for wait in $(seq 100); do
      kill -0 "$server" 2>/dev/null || break
      grep -q 'Ready to accept' server.log && return
      sleep 0.2
    done
    stop_server
  done
  echo "redis-server did not start:"
  tail -n 5 server.log
  return 1
}

cli() { redis-cli -p "$port" "$@"; }

data_set() {
  cli debug digest
  cli dbsize
  cli --raw --scan | sort >keys
  paste keys - <<EOF
$(awk '{ print "debug digest-value " $1 }' keys | cli)
EOF
}

# What the server knows of its allocator, by jemalloc's names if it was built for that: the figures must be those of the allocator that it really has.
# (In the debugging mode and of guarded blocks, freed ones that wait in a quarantine count as allocated.)
figures() {
  sleep 0.4 # it asks every tenth of a second
  cli info memory | tr -d '\r' | awk -F: -v mode=$mode '{ is[$1] = $2 }
    END { used = is["used_memory"]; allocated = is["allocator_allocated"]; active = is["allocator_active"]; resident = is["allocator_resident"]
          print (allocated >= used * 0.9 && (allocated <= used * 1.5 + 4e6 || mode != "default" && mode != "plain") ? "allocated as used" : "used " used ", allocated " allocated)
          print (allocated <= active && active <= resident ? "in order" : allocated " " active " " resident)
          print (resident <= is["used_memory_rss"] + 4e6 ? "and resident" : "more resident than there is: " resident ", " is["used_memory_rss"]) }'
}

work() {
  start_server || return
  redis-benchmark -p "$port" -q -n $((8000 * ${LOAD:-1})) -c 20 -P 4 -t set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange_100,mset \
    >bench.log 2>&1
  echo "benchmark ended with $?"
  cli flushall # how far its clients got at the end is a matter of chance
  awk 'BEGIN {
    for (i = 0; i < 12000; i++) {
      k = (i * 7919) % 3001
      print "SET string:" k " " sprintf("%0" (i % 400 + 1) "d", i)
      print "HSET hash:" k % 50 " field" i " value" i
      print "RPUSH list:" k % 20 " element" i
      print "ZADD zset:" k % 10 " " i % 777 " member" k
      print "SADD set:" k % 30 " " i
      print "APPEND text:" k % 5 " some-more-text-" i
      if (i % 3 == 0) print "DEL string:" (i * 31) % 3001
      if (i % 7 == 0) print "LPOP list:" k % 20
      if (i % 11 == 0) print "HDEL hash:" k % 50 " field" i - 500
    }
  }' | cli --pipe 2>&1
  cli bgsave >/dev/null # in a forked child
  for wait in $(seq 100); do
    cli info persistence | grep -q 'rdb_bgsave_in_progress:0' && break
    sleep 0.2
  done
  cli info persistence | grep rdb_last_bgsave_status
  data_set
  figures
  cli memory malloc-stats | grep -qi allocated && echo "it tells of its allocator"
  cli memory purge
  figures
  cli shutdown nosave
  wait "$server"
  echo "server ended with $?"
  server=
  start_server || return
  echo "after the restart:"
  data_set
  stop_server
  grep -aE 'hakmem|TLS_SLL|SS_BACKEND|BUG REPORT' server.log
  return 0
}

used redis-server --version
compare work
