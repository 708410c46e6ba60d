#!/bin/sh
# PostgreSQL: a server under load from several clients, its answers to larger queries, and what its tables hold at the end. Each connection is a
# forked process. It runs as the user nobody if root runs the test, as it must not run as root.
MODES=${MODES:-default full debug guard}
export MODES
. "$(dirname "$0")/common.sh"
for bin in /usr/lib/postgresql/*/bin; do [ -x "$bin/postgres" ] && PATH=$bin:$PATH; done
need postgres initdb pgbench psql

if [ "$(id -u)" -eq 0 ]; then
  need setpriv
  rm -rf "$place"
  place=$(mktemp -d /tmp/hkpg.XXXXXX) && mkdir "$place/run" "$place/lib" && chmod 755 "$place" "$place/lib" && chown 65534:65534 "$place/run" || exit 1
  cp -L "$PLAIN" "$DEFAULT" "$place/lib" && cp "$SOURCE_DIR/tests/preload/common.sh" "$SOURCE_DIR/tests/preload/postgresql.sh" "$place/lib" || exit 1
  chmod 755 "$place/lib"/*
  cd "$place/run" || exit 1
  env TMPDIR="$place/run" PLAIN="$place/lib/$(basename "$PLAIN")" DEFAULT="$place/lib/$(basename "$DEFAULT")" PATH="$PATH" \
    setpriv --reuid=65534 --regid=65534 --clear-groups sh "$place/lib/postgresql.sh"
  exit
fi

server=
stop_server() {
  [ -n "$server" ] || return 0
  kill -QUIT "$server" 2>/dev/null
  wait "$server" 2>/dev/null
  server=
}
trap 'stop_server; rm -rf "$place"' EXIT

initdb -D "$place/template" -U test -A trust -E UTF8 --locale=C --no-sync >"$place/initdb" 2>&1 || { tail -n 5 "$place/initdb"; exit 1; }
sed -i '/^dynamic_shared_memory_type/d' "$place/template/postgresql.conf"

query() { psql -X -q -A -t -h "$PWD" -p 5432 -U test -d postgres "$@"; }

work() {
  cp -r "$place/template" data && chmod 700 data
  become postgres -D "$PWD/data" -k "$PWD" -p 5432 -c listen_addresses= -c fsync=off -c shared_buffers=16MB -c max_connections=20 \
    -c autovacuum_naptime=1s -c dynamic_shared_memory_type=mmap >server.log 2>&1 &
  server=$!
  for wait in $(seq 300); do
    kill -0 "$server" 2>/dev/null || break
    query -c 'select 1' >/dev/null 2>&1 && break
    sleep 0.1
  done
  pgbench -h "$PWD" -U test -i -s 1 -q postgres >/dev/null 2>&1 || { tail -n 5 server.log; return 1; }
  pgbench -h "$PWD" -U test -n -c 4 -j 2 -t $((150 * ${LOAD:-1})) --random-seed=7 postgres >bench.log 2>&1
  echo "the load ended with $?"
  query -c 'select sum(abalance), md5(string_agg(aid || $$:$$ || abalance, $$,$$ order by aid)) from pgbench_accounts' \
    -c 'select count(*), sum(delta) from pgbench_history' \
    -c 'create table t as select i, md5(i::text) as m, (i * 7919) % 1009 as k, jsonb_build_object($$i$$, i, $$l$$, array[i, i + 1]) as j from generate_series(1, 30000) i' \
    -c 'create index on t (m); create index on t using gin (j); analyze t' \
    -c 'select k, count(*), min(m), max(m), sum((j->>$$i$$)::int) from t group by k order by k limit 5' \
    -c 'set work_mem = $$256kB$$; select md5(string_agg(m, $$$$ order by m desc)) from t' \
    -c 'select count(*) from t a join t b on a.m = md5(b.i::text) where b.k < 100 and a.m ~ $$[0-9]{3}[a-f]$$' \
    -c 'do $$ declare s text := ''''; begin for i in 1..2000 loop s := s || i; end loop; raise info ''%'', length(s); end $$' \
    -c 'with recursive r(n, s) as (select 1, $$x$$ union all select n + 1, s || n from r where n < 500) select max(length(s)) from r' \
    -c 'delete from t where k % 2 = 0; vacuum t; select count(*), sum(i) from t' 2>&1
  kill -INT "$server"
  wait "$server"
  echo "server ended with $?"
  server=
  grep -aE 'hakmem: |TLS_SLL|SS_BACKEND|BUG REPORT|PANIC|terminated by signal' server.log
  return 0
}

used postgres --version
compare work
