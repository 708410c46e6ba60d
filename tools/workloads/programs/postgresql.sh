#!/bin/sh
# postgresql under its own benchmark, over a socket in the temporary directory: transactions of four clients, then queries with a plan each; then a rest.
# The server alone is measured; its seconds are those of pgbench's runs. It runs as nobody if root measures, because it refuses to run as root.
. "$(dirname "$0")/common.sh"
for bin in /usr/lib/postgresql/*/bin; do [ -x "$bin/postgres" ] && PATH=$bin:$PATH; done
need postgresql postgres initdb pgbench psql
need util-linux setpriv

if [ "$(id -u)" -eq 0 ]; then # nobody may not be allowed to read where the libraries and this program lie
  as='setpriv --reuid=65534 --regid=65534 --clear-groups'
  if ! $as test -x "$place"; then # the directory for temporary files is root's alone
    rm -rf "$place"
    place=$(mktemp -d /tmp/hakmem-bench.XXXXXX) && cd "$place" || fail "cannot make a directory"
  fi
  mkdir lib && chown 65534:65534 "$place" || fail "cannot make a directory for nobody"
  cp -L "$child" lib/child && child=$place/lib/child || fail "cannot copy bench_child"
  copies=
  for library in $(echo "$preload" | tr : ' '); do
    case $library in */*) cp -L "$library" lib && library=$place/lib/$(basename "$library") ;; esac
    copies=$copies${copies:+:}$library
  done
  preload=$copies
  chmod -R a+rX lib
fi

$as initdb -D "$place/data" -U bench -A trust -E UTF8 --locale=C --no-sync >initdb.log 2>&1 || { tail -n 5 initdb.log >&2; fail "initdb failed"; }
sed -i '/^dynamic_shared_memory_type/d' data/postgresql.conf
query() { psql -X -q -A -t -h "$place" -U bench -d postgres "$@"; }
start_server postgres -D "$place/data" -k "$place" -c listen_addresses= -c fsync=off -c shared_buffers=32MB -c max_connections=20 \
  -c dynamic_shared_memory_type=mmap
for attempt in $(seq 100); do
  query -c 'select 1' >/dev/null 2>&1 && break
  kill -0 $server 2>/dev/null || break
  sleep 0.1
done
benchmark() { pgbench -h "$place" -U bench "$@" postgres >bench.log 2>&1 || { tail -n 5 bench.log >&2; fail "pgbench failed"; }; }
benchmark -i -s 2 -q

cat >plans.sql <<'END'
\set k random(1, 2000)
select b.bid, count(*), sum(a.abalance) from pgbench_accounts a join pgbench_branches b on a.bid = b.bid left join pgbench_tellers t on t.bid = b.bid
  where a.aid between :k * 50 and :k * 50 + 90 and (t.tid is null or t.tid % 3 = 1) group by b.bid order by 3, 1;
select string_agg(md5(i::text), '-' order by i % 7) from generate_series(1, 150) i where i % 11 <> :k % 11;
END
start=$(now)
benchmark -n -c 4 -j 1 -t 400 --random-seed=7
benchmark -n -c 4 -j 1 -t 500 --random-seed=7 -f plans.sql
end=$(now)
query -c 'select count(*), sum(delta), (select sum(abalance) from pgbench_accounts) - sum(delta) from pgbench_history' >out || fail "the result cannot be asked for"
rest $server
kill -INT $server
server_ended server.log
same_sum 100419138 out
report 3600
