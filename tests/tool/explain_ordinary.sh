# Ordinary programs that do ordinary work: hakmem explain has nothing to say of them, but for what is true and can be changed.
# timeout: 600
. "$(dirname "$0")/common.sh"

# nothing NAME RULES COMMAND...: no finding by another rule than these.
nothing() {
  name=$1 allowed=$2
  shift 2
  command -v "$1" >/dev/null || { echo "$1 is not installed"; return; }
  for try in 1 2 3 4 5; do # a busy machine may take the processor away while all is freed at the end: then that memory was held for long
    rm -rf "$name"
    "$hakmem" run -o "$name" -- "$@" >out 2>err || { tail -n 3 err; fail "$name fails"; }
    "$hakmem" explain --json "$name" >json || fail "explain $name"
    others=$(jq -r --arg allowed "$allowed" '[.findings[].rule | select(inside($allowed) | not)] | join(" ")' json)
    [ -n "$others" ] || return 0
  done
  "$hakmem" explain "$name"
  fail "$name: findings by $others"
}

awk 'BEGIN { srand(1); for (i = 0; i < 400000; i++) print int(rand() * 1e9) }' >numbers
awk 'BEGIN { for (i = 0; i < 300; i++) printf "int f%d(int a) { int b = a * %d; for (int k = 0; k < a; k++) b ^= k + %d; return b; }\n", i, i, i }' >unit.c
nothing sort '' sort -n numbers
nothing cc residual cc -O2 -c unit.c -o unit.o # the compiler's garbage collector maps its own memory
nothing perl '' perl -e 'my %h; $h{"k$_"} = [$_, $_ * 2] for 1 .. 200000; my $s = 0; $s += $h{$_}[0] for sort keys %h; print $s'
nothing git '' git -C "$SOURCE_DIR" log --stat -n 50
nothing python '' /usr/bin/python3 -c '
import json
rows = [{"a": i, "b": str(i) * 3} for i in range(100000)]
print(len(json.loads(json.dumps(rows))))'
export PYTHONMALLOC=malloc
nothing python_malloc '' /usr/bin/python3 -c '
import json
rows = [{"a": i, "b": str(i) * 3} for i in range(100000)]
print(len(json.loads(json.dumps(rows))))'
nothing sqlite3 '' sqlite3 :memory: "create table t(a, b); with recursive c(x) as (select 1 union all select x + 1 from c where x < 200000)
  insert into t select x, hex(randomblob(20)) from c; create index i on t(b); select count(*) from t where b like 'A%'; delete from t where a % 3 = 0;"
nothing node '' node -e 'const a = []; for (let i = 0; i < 100000; i++) a.push({i, s: "x" + i}); console.log(JSON.stringify(a).length)'
exit 0
