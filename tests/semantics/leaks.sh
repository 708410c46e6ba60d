#!/bin/sh
# HAKMEM_LEAKS=1: of programs that lose known blocks, the report says just these, with their stacks; others lose nothing. What it cannot see is
# held here, too.
. "$(dirname "$0")/common.sh"
nm -D "$DEFAULT" | grep -q ' dl_iterate_phdr$' || skip "built without events"
HAKMEM_LEAKS=1 LD_PRELOAD=$DEFAULT "$programs/leaks" clean >"$place/out" 2>&1 || fail "exit status $?"
grep -q 'let a process read itself' "$place/out" && skip "a process may not read itself here"
gcc -shared -fPIC -x c -o "$place/slot.so" - <<END || fail "cannot build a library"
void *slot;
END

guard=0
# run STATUS ARGUMENTS...: what is said is in $place/out
run() {
  expected=$1
  shift
  timeout 60 env HAKMEM_GUARD=$guard HAKMEM_LEAKS=1 LD_PRELOAD="$DEFAULT" "$programs/leaks" "$@" >"$place/out" 2>&1
  status=$?
  [ $status -eq "$expected" ] || { cat "$place/out"; fail "exit status $status: $*"; }
}
# lost WORDS ARGUMENTS...: the first line begins with these words; also where every block, or one in 3, is guarded
lost() {
  for guard in 1 3 0; do lost_once "$@"; done
}
lost_once() {
  words=$1
  shift
  run 0 "$@"
  grep -q "^\[LEAKS\] $words; reachable: " "$place/out" || { grep LEAKS "$place/out"; fail "did not say '$words': $*"; }
  [ "$words" = 'nothing is lost' ] || return 0
  grep -q '^  lost' "$place/out" && fail "something is lost: $*"
}

for case in clean global inside inside_huge by_huge mapped tls sleepers; do lost 'nothing is lost' $case; done
lost 'nothing is lost' untouched
lost 'nothing is lost' loaded "$place/slot.so"
lost 'lost: 301 bytes in 4 blocks; lost with them: 0 bytes in 0 blocks' direct
lost 'lost: 80 bytes in 2 blocks; lost with them: 320 bytes in 8 blocks' list
lost 'lost: 40 bytes in 1 block; lost with them: 80 bytes in 2 blocks' ring
lost 'lost: 40 bytes in 1 block; lost with them: 240 bytes in 6 blocks' list_into_ring
lost 'lost: 5600040 bytes in 4 blocks; lost with them: 80 bytes in 2 blocks' large
lost 'lost: 6260105 bytes in 3 blocks; lost with them: 0 bytes in 0 blocks' resized
lost 'lost: 8832 bytes in 2 blocks; lost with them: 0 bytes in 0 blocks' aligned
lost 'lost: 384 bytes in 8 blocks; lost with them: 0 bytes in 0 blocks' ended
lost 'lost: 40 bytes in 1 block; lost with them: 160 bytes in 4 blocks' unloaded "$place/slot.so"
lost 'lost: 80 bytes in 2 blocks; lost with them: 320 bytes in 8 blocks' handler
lost 'lost: 829000 bytes in 2000 blocks; lost with them: 0 bytes in 0 blocks' many
lost 'lost: 64 bytes in 1 block; lost with them: 0 bytes in 0 blocks' hidden # a pointer that is kept as something else
if [ "$(uname -m)" = x86_64 ]; then
  lost 'lost: 2560 bytes in 64 blocks; lost with them: 0 bytes in 0 blocks' left
  lost 'lost: 2560 bytes in 64 blocks; lost with them: 0 bytes in 0 blocks' left_below_mapping
fi

# Beside threads that go on allocating the report is made, too, and the program ends; on a small stack it is as on any other.
for round in 1 2 3; do
  run 0 busy
  grep -q '; 4 other threads went on meanwhile$' "$place/out" || { grep LEAKS "$place/out"; fail "threads that go on"; }
done
lost 'lost: 100 bytes in 1 block; lost with them: 0 bytes in 0 blocks' small

# A list of 300,000 blocks, and the exit status stays.
run 3 deep
grep -q '^  reachable: 12000000 bytes in 300000 blocks, allocated at stack [0-9]*$' "$place/out" || { cat "$place/out"; fail "a long list"; }

# The places: most bytes first, 20 of those that are lost, frames behind each; all of it adds up.
run 0 many
sed -n 's/^  lost: \([0-9]*\) bytes.*/\1/p' "$place/out" | head -n 20 >"$place/sizes"
sort -rn "$place/sizes" | cmp -s - "$place/sizes" || { cat "$place/sizes"; fail "not in order"; }
run 0 direct
[ "$(sed -n 's/^  lost: \([0-9]* byte.*\), allocated at stack.*/\1/p' "$place/out" | tr '\n' ';')" = '300 bytes in 3 blocks;1 byte in 1 block;' ] ||
  { cat "$place/out"; fail "the places of blocks that are lost"; }
[ "$(grep -A 2 '^  lost: 300' "$place/out" | grep -c '^    #[01] .*/leaks+0x[0-9a-f]*$')" -eq 2 ] || { cat "$place/out"; fail "no frames"; }

# A child reports for itself, with what it inherited.
run 0 fork
[ "$(grep -c '^\[LEAKS\] lost: 300 bytes in 2 blocks' "$place/out")" -eq 1 ] && [ "$(grep -c '^\[LEAKS\] lost: 100 bytes in 1 block' "$place/out")" -eq 1 ] ||
  { cat "$place/out"; fail "a forked child"; }

# There is no report where the process ends without its exit handlers, or goes on as another program, whose own it is.
for case in _exit exec; do
  HAKMEM_LEAKS=1 LD_PRELOAD=$DEFAULT "$programs/leaks" $case >"$place/out" 2>&1 || fail "exit status $?: $case"
  grep -q '^\[LEAKS\] lost' "$place/out" && { cat "$place/out"; fail "a report of $case"; }
done

# Into a file; and where standard error is closed at the end.
HAKMEM_LOG_FILE=$place/log HAKMEM_LEAKS=1 LD_PRELOAD=$DEFAULT "$programs/leaks" direct >"$place/out" 2>&1 || fail "exit status $? with a file"
[ ! -s "$place/out" ] && grep -q '^\[LEAKS\] lost: 301' "$place/log" || fail "the report is not in the file"
HAKMEM_LEAKS=1 LD_PRELOAD=$DEFAULT ls / >"$place/out" 2>&1
grep -q '^\[LEAKS\] ' "$place/out" || fail "no report of a program that closes standard error"

# With stacks off there are none, and the sums stay; the sums are those of the statistics.
HAKMEM_STACKS=off HAKMEM_LEAKS=1 LD_PRELOAD=$DEFAULT "$programs/leaks" direct >"$place/out" 2>&1 || fail "exit status $? without stacks"
grep -q '^  lost: 301 bytes in 4 blocks, allocated where no stack is known$' "$place/out" || { cat "$place/out"; fail "without stacks"; }

# Valgrind has a report of its own.
if command -v valgrind >/dev/null; then
  HAKMEM_LEAKS=1 LD_PRELOAD=$DEFAULT valgrind --leak-check=full --soname-synonyms=somalloc=nouserintercepts "$programs/leaks" direct >"$place/out" 2>&1
  grep -q '^hakmem: HAKMEM_LEAKS: no report under Valgrind' "$place/out" && ! grep -q '^\[LEAKS\]' "$place/out" || { cat "$place/out"; fail "under Valgrind"; }
  grep -q 'definitely lost: 301 bytes in 4 blocks' "$place/out" || { cat "$place/out"; fail "Valgrind's own report"; }
fi

# Programs do what they do otherwise.
for program in "sqlite3 :memory: 'create table t(x); insert into t select randomblob(30) from generate_series(1,2000); select count(*) from t'" \
  "lua5.4 -e 'local t = {} for i = 1, 20000 do t[i] = tostring(i) end print(#table.concat(t))'" "sh -c 'seq 1 1000 | sort -rn | head -n 3'"; do
  command -v "${program%% *}" >/dev/null || continue
  eval "$program" >"$place/without"
  eval "HAKMEM_LOG_FILE=$place/log.%p HAKMEM_LEAKS=1 LD_PRELOAD=$DEFAULT $program" >"$place/with" 2>"$place/err" || { status=$?; cat "$place/err"; fail "exit status $status: $program"; }
  cmp "$place/without" "$place/with" || fail "another output: $program"
done
grep -q '^\[LEAKS\] ' "$place"/log.* || fail "no report of a real program"
