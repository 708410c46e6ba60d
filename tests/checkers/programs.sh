#!/bin/sh
# slow
# timeout: 900
# Real programs under memcheck: as many errors with hakmem as with Valgrind's own malloc, none of them hakmem's doing; the same
# output, and about as many blocks in use at the end (tables that hash addresses differ).
. "$(dirname "$0")/common.sh"
need_valgrind

in_use() { sed -n 's/.*in use at exit: .* in \(.*\) blocks/\1/p' "$place/report" | tr -d ,; }

# compare NAME PROGRAM ARGUMENTS...
compare() {
  name=$1
  shift
  command -v "$1" >/dev/null 2>&1 || { echo "$name: $1 is not installed"; return; }
  native --trace-children=no "$@"
  expected=$(errors) blocks=$(in_use)
  mv "$place/out" "$place/native"
  check --trace-children=no "$@"
  status=$?
  [ "$(errors)" = "$expected" ] || fail "$name: $(errors) errors, with Valgrind's own malloc $expected"
  cmp -s "$place/native" "$place/out" || fail "$name: another output, exit status $status"
  differ=$(($(in_use) - blocks))
  [ $((differ * differ * 10000)) -le $((blocks * blocks + 10000)) ] || fail "$name: not $blocks blocks in use at the end"
  echo "$name: $expected errors in both"
}

cat >"$place/work.py" <<'END'
import json, re, threading, zlib
d = [{"id": i, "v": [float(k) for k in range(i % 20)], "s": "x" * (i % 50)} for i in range(200)]
t = json.dumps(d)
assert json.loads(t) == d
r = {}
threads = [threading.Thread(target=lambda k=k: r.__setitem__(k, zlib.crc32(t.encode() * k))) for k in range(3)]
for x in threads: x.start()
for x in threads: x.join()
print(len(t), len(re.findall(r"\d+", t)), sorted(r.items()))
END
cat >"$place/work.lua" <<'END'
local t = {}
for i = 1, 2000 do t[i] = ("x"):rep(i % 60) .. i end
table.sort(t)
print(#table.concat(t))
local c, n = {}, 0
for i = 1, 20 do c[i] = coroutine.wrap(function() for k = 1, 10 do coroutine.yield(k * i) end end) end
for k = 1, 10 do for i = 1, 20 do n = n + c[i]() end end
print(n)
END
cat >"$place/work.c" <<'END'
#include <stdio.h>
struct list { struct list *next; int value; };
int sum(const struct list *l) { int s = 0; for (; l; l = l->next) s += l->value; return s; }
int main(void) { struct list a = {0, 1}, b = {&a, 2}; return printf("%d\n", sum(&b)) > 0; }
END
git init -q "$place/repository" && git -C "$place/repository" -c user.name=n -c user.email=e commit -q --allow-empty -m first 2>/dev/null

python=$(python3 -c 'import sys; print(sys.executable)' 2>/dev/null)
export PYTHONMALLOC=malloc PYTHONHASHSEED=0
compare python3 "${python:-python3}" -S "$place/work.py"
unset PYTHONMALLOC
compare sqlite3 sqlite3 :memory: 'create table t(a, b); insert into t with recursive c(x) as (select 1 union all select x + 1 from c where x < 400)
  select x, hex(x * 7919) from c; create index i on t(b); select count(*), sum(a), max(b) from t;'
compare git git -C "$place/repository" log --stat
lua=$(command -v lua5.4 || command -v lua || echo lua)
compare lua "$lua" "$place/work.lua"
# shellcheck disable=SC2016 # for the other shell
compare bash bash -c 'for i in $(seq 200); do a[$i]=x$i; done; echo ${#a[@]} ${a[*]:3:4}; f() { local x=$1; [ $x -gt 0 ] && f $((x - 1)); echo $x; }; f 20'
compare perl perl -e 'my %h; $h{$_ % 97} .= "a$_" for 1 .. 2000; print length(join ",", map { "$_=$h{$_}" } sort keys %h), "\n"'
gcc -E -o "$place/work.i" "$place/work.c" || fail "work.c cannot be preprocessed"
compare cc1 "$(gcc -print-prog-name=cc1)" -quiet -fpreprocessed -O1 "$place/work.i" -o /dev/null
