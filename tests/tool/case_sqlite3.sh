# A real case: sqlite3 under hakmem check. A run like the one before passes; measured by a baseline that needed less, it fails, and the figures are printed.
. "$(dirname "$0")/common.sh"
command -v sqlite3 >/dev/null || skip "sqlite3 is not installed"
run() { # DIR ROWS
  "$hakmem" run -O LEAKS=1 -o "$1" -- sqlite3 :memory: "create table t(a, b); with recursive c(x) as (select 1 union all select x + 1 from c where x < $2)
    insert into t select x, hex(randomblob(20)) from c; create index i on t(b); select count(*) from t where b like 'A%'; delete from t where a % 3 = 0;" >out 2>err ||
    { cat err; fail "cannot run sqlite3"; }
}
check() { # EXIT BASELINE RUN
  "$hakmem" check --fail-on 'allocs > 120 % * baseline(allocs)' --fail-on 'rss(peak) > 120 % * baseline(rss(peak))' --baseline "$2" "$3" >out 2>err
  equal "exit code of a check of $3 by $2" "$1" $?
  [ ! -s err ] || fail "says: $(cat err)"
}
run before 60000
run after 60000
run small 10000
check 0 before after
tr -s ' ' <out | grep -q '^ *ok rss(peak) > 120 % ' || { cat out; fail "does not print what passed"; }
check 1 small after
tr -s ' ' <out | grep -q '^ *FAIL allocs > 120 % \* baseline(allocs) allocs = [0-9]*, baseline(allocs) = [0-9]*' || { cat out; fail "does not print the figures that fail"; }
tr -s ' ' <out | grep -q '^ *FAIL rss(peak) > 120 % ' || { cat out; fail "does not print the resident set that fails"; }
tr -s ' ' <out | grep -q '^ *FAIL \(incidents\|leaks\)' && { cat out; fail "sqlite3 has no incident and no leak"; }
exit 0
