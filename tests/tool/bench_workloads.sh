#!/bin/sh
# The workloads that `hakmem bench threads` and `hakmem bench programs` measure: each runs with hakmem, those of threads also with the C
# library's malloc, says one line of JSON, and leaves no process and no file behind.
# slow
# timeout: 1200
. "$(dirname "$0")/common.sh"
threads=$BUILD_DIR/bin/bench_threads child=$BUILD_DIR/bin/bench_child library=$BUILD_DIR/lib/libhakmem.so
[ -x "$threads" ] && [ -x "$child" ] || fail "$threads or $child was not built"

# well_formed NAME FILE: one line, and every figure above 0.
well_formed() {
  equal "lines of $1" 1 "$(wc -l <"$2")"
  jq -e --arg name "$1" '.workload == $name and .ops > 0 and .seconds > 0 and .cpu_seconds > 0 and .peak_kib > 0' "$2" >/dev/null ||
    { cat "$2"; fail "$1: not the line of JSON that it should be"; }
}

# ---- bench_threads ----

[ "$("$threads" --list | wc -l)" -ge 20 ] || fail "--list names too few: $("$threads" --list)"
for run in "$threads" "$threads"_cxx; do
  [ -x "$run" ] || continue # built without a C++ compiler
  for name in $("$run" --list | cut -d ' ' -f 1); do
    for preload in '' "$library"; do
      for count in 1 3 16; do
        LD_PRELOAD=$preload timeout 60 "$run" "$name" --threads $count --ops 500 --json >out 2>err || { cat err; fail "$name, $count threads"; }
        [ ! -s err ] || { cat err; fail "$name, $count threads: says something on its standard error"; }
        well_formed "$name" out
        equal "threads of $name" $count "$(jq .threads out)"
      done
      equal "malloc of $name" "$(basename "${preload:-libc.so.6}")" "$(basename "$(jq -r .allocator out)" | sed 's/so\.0.*/so/')"
    done
  done
done
for name in larson rests; do # only a program whose threads sleep has its speed by processor time
  "$threads" $name --ops 3000 --json >out || fail "$name"
  jq -e --argjson sleeps "$([ $name = rests ] && echo true || echo false)" '.by_processor_time == $sleeps and
    (.mops_per_s * (if $sleeps then .cpu_seconds else .seconds end) * 1e6 / .ops | . > 0.9 and . < 1.1)' out >/dev/null || { cat out; fail "speed of $name"; }
done

# Threads that hand on and die; the same seed and work, the same operations.
LD_PRELOAD=$library "$threads" larson --ops 450000 --json >out || fail "larson over several generations"
equal "operations of larson" 900000 "$(jq .ops out)"
one=$("$threads" bursts --ops 30000 --seed 7 --json | jq .ops) two=$(LD_PRELOAD=$library "$threads" bursts --ops 30000 --seed 7 --json | jq .ops)
equal "operations of bursts with the same seed" "$one" "$two"
"$threads" exchange --seconds 1 --json >out || fail "--seconds"
jq -e '.seconds >= 0.9' out >/dev/null || { cat out; fail "--seconds 1 ended early"; }
"$threads" --help | grep -q -- --seconds || fail "--help does not help"
"$threads" larson --ops 10 | grep -q '^larson: .* M ops/s' || fail "says nothing to a reader"

for arguments in '' nothing 'larson bursts' 'larson --ops 0' 'larson --ops -1' 'larson --ops 1x' 'larson --threads 0' 'larson --threads 257' \
  'larson --seconds 0' 'larson --ops 5 --seconds 5' 'larson --seed' 'larson --wrong'; do
  # shellcheck disable=SC2086 # words
  fails 2 bench_threads "$threads" $arguments
done

# A block that is not what it should be ends the run: an allocator that gives one block to two, one that aligns nothing.
cat >wrong.c <<'END'
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
extern void *__libc_malloc(size_t);
static char block[1 << 25];
void *malloc(size_t size) { return getenv("WRONG_SIZE") && size == (size_t)atoi(getenv("WRONG_SIZE")) ? block : __libc_malloc(size); }
void free(void *p) { (void)p; }
void *calloc(size_t count, size_t size) { return memset(__libc_malloc(count * size), getenv("WRONG_ZERO") != NULL && (count > 2000 || count == 1), count * size); }
void *aligned_alloc(size_t align, size_t size) { return (char *)__libc_malloc(size + align) + 8; }
size_t malloc_usable_size(void *p) { return p == NULL ? 0 : 7; }
END
cc -O1 -fno-builtin -shared -fPIC -o wrong.so wrong.c || fail "wrong.c does not compile"
fails 1 'is not aligned' env LD_PRELOAD="$place/wrong.so" "$threads" aligned --ops 1000
fails 1 'of calloc is not zero' env LD_PRELOAD="$place/wrong.so" WRONG_ZERO=1 "$threads" calloc_large --ops 1000
fails 1 'is not zero' env LD_PRELOAD="$place/wrong.so" WRONG_ZERO=1 "$threads" calloc_small --ops 1000
fails 1 'malloc_usable_size says 7' env LD_PRELOAD="$place/wrong.so" "$threads" usable_size --ops 1000
cat >same.c <<'END'
#include <stddef.h>
extern void *__libc_malloc(size_t);
static _Alignas(16) char blocks[4096];
static _Atomic unsigned turn;
void *malloc(size_t size) { return size <= 1024 && size >= 16 ? blocks + turn++ % 8 * 128 : __libc_malloc(size); }
void free(void *p) { (void)p; }
END
cc -O1 -fno-builtin -shared -fPIC -o same.so same.c || fail "same.c does not compile"
for name in random_sizes batches one_size; do
  fails 1 'was overwritten' env LD_PRELOAD="$place/same.so" "$threads" $name --threads 1 --ops 1000
done
if [ -x "$threads"_cxx ]; then
  fails 1 'an object of new does not hold' env LD_PRELOAD="$place/same.so" "$threads"_cxx new_delete --threads 1 --ops 1000
fi

# ---- bench_latency ----

latency=$BUILD_DIR/bin/bench_latency
for preload in '' "$library"; do
  for mode in '' --cold --null '--threads 3'; do
    # shellcheck disable=SC2086 # words
    LD_PRELOAD=$preload "$latency" --ws 300 --ops 20000 $mode --json >out 2>err || { cat err; fail "bench_latency $mode"; }
    well_formed latency out
    jq -e '.p50_ns <= .p99_ns and .p99_ns <= .p999_ns and .p999_ns <= .p9999_ns and .p9999_ns <= 1.02 * .max_ns and .p50_ns >= 0 and .max_ns > 0 and
      .clock_ns >= 0 and .preempted >= 0 and .ws == 300 and .ops == 20000 * .threads and .warm_up == (if .cold then 0 else 1500 * .threads end)' out >/dev/null ||
      { cat out; fail "bench_latency $mode: not the line of JSON that it should be"; }
  done
done
"$latency" --help | grep -q -- --cold || fail "--help does not help"
"$latency" --ops 100 | grep -q 'p99_ns .* max .* malloc of' || fail "says nothing to a reader"
fails 1 'was overwritten' env LD_PRELOAD="$place/same.so" "$latency" --ws 100 --ops 1000
# An allocator that sometimes takes long: the percentiles show how often and how long.
cat >slow.c <<'END'
#include <stddef.h>
#include <unistd.h>
extern void *__libc_malloc(size_t);
void *malloc(size_t size) { static unsigned calls; if (++calls % 50 == 0) usleep(2000); return __libc_malloc(size); }
END
cc -O1 -fno-builtin -shared -fPIC -o slow.so slow.c || fail "slow.c does not compile"
LD_PRELOAD=$place/slow.so "$latency" --ws 10 --ops 2000 --json >out || fail "bench_latency with a slow allocator"
jq -e '.p50_ns < 2e6 and .p99_ns > 1.99e6 and .max_ns > 1.99e6' out >/dev/null || { cat out; fail "a call of 2 ms is not seen"; }
for arguments in more '--ops 0' '--ops 4294967296' '--threads 2 --ops 4294967295' '--ws 0' '--threads x' '--seed' '--wrong'; do
  # shellcheck disable=SC2086 # words
  fails 2 bench_latency "$latency" $arguments
done

# ---- bench_memory ----

memory=$BUILD_DIR/bin/bench_memory
for preload in '' "$library"; do
  for mode in --trim '--seconds 1'; do
    # shellcheck disable=SC2086 # words
    LD_PRELOAD=$preload "$memory" --blocks 4000 $mode --json >out 2>err || { cat err; fail "bench_memory $mode"; }
    jq -e '.ops == 8000 and .seconds > 0 and .cpu_seconds > 0 and .before_kib > 0 and .peak_kib > .before_kib + 4000 and .after_kib <= .peak_kib' out >/dev/null ||
      { cat out; fail "bench_memory $mode: not the line of JSON that it should be"; }
  done
done
LD_PRELOAD=$library "$memory" --blocks 4000 --trim --json | jq -e '.after_kib < .peak_kib - 4000' >/dev/null || fail "malloc_trim gave nothing back"
"$memory" --help | grep -q -- --trim || fail "--help does not help"
"$memory" --blocks 100 --trim | grep -q 'after malloc_trim' || fail "says nothing to a reader"
for arguments in more '--blocks 0' '--blocks x' '--seconds 0' '--wrong' '--seed'; do
  # shellcheck disable=SC2086 # words
  fails 2 bench_memory "$memory" $arguments
done

# ---- bench_child ----

BENCH_PRELOAD=$library "$child" took sh -c 'echo "$LD_PRELOAD:${BENCH_PRELOAD-}"' >out || fail "bench_child sh"
equal "what the child is given" "$library:" "$(cat out)"
equal "figures of bench_child" 4 "$(wc -w <took)"
"$child" took sh -c 'exit 7'; equal "exit code" 7 $?
"$child" took sh -c 'kill -9 $$'; equal "exit code of a killed one" 137 $?
fails 2 usage "$child"
fails 126 'cannot start' "$child" took ./not-there

# ---- The programs ----

mkdir room
programs() { find "$SOURCE_DIR/tools/workloads/programs" -name '*.sh' ! -name common.sh | sort; }
[ "$(programs | wc -l)" -ge 11 ] || fail "programs are missing"
for script in $(programs); do
  name=$(basename "$script" .sh)
  TMPDIR=$place/room BENCH_CHILD=$child BENCH_PRELOAD=$library timeout 300 sh "$script" >out 2>err
  code=$?
  if [ $code -eq 77 ]; then
    grep -q 'Debian package' out || fail "$name does not say which package is missing"
  else
    [ $code -eq 0 ] || { cat err; fail "$name ended with $code"; }
    [ ! -s err ] || { cat err; fail "$name says something on its standard error"; }
    well_formed "$name" out
    rests=$(grep -c 'measured_with_rest\|^rest ' "$script")
    jq -e --argjson rests "$rests" 'if $rests > 0 then .after_kib > 1000 else .after_kib == null end' out >/dev/null ||
      { cat out; fail "$name: what is resident after the work"; }
    equal "what $name leaves" '' "$(ls room)"
  fi
  TMPDIR=$place/room BENCH_CHILD=$child sh "$script" too many 2>/dev/null
  equal "exit code of $name with arguments" 2 $?
  env TMPDIR="$place/room" BENCH_CHILD="$child" BENCH_PRELOAD=/not/there.so sh "$script" >/dev/null 2>err
  equal "exit code of $name with a library that is not there" 1 $?
done
for process in /proc/[0-9]*; do
  case $(readlink "$process/cwd" 2>/dev/null) in
    "$place"/room*) fail "still running: $(tr '\0' ' ' <"$process/cmdline")" ;;
  esac
done

# A result that is not the usual one, and a program that is not there.
sed 's/^same_sum [0-9]*/same_sum 1/' "$SOURCE_DIR/tools/workloads/programs/lua5.4.sh" >lua5.4.sh
cp "$SOURCE_DIR/tools/workloads/programs/common.sh" .
if command -v lua5.4 >/dev/null; then fails 1 'a wrong result' env BENCH_CHILD="$child" sh lua5.4.sh; fi
sed 's/^need .*/need some-package some-program/' "$SOURCE_DIR/tools/workloads/programs/lua5.4.sh" >lua5.4.sh
BENCH_CHILD=$child sh lua5.4.sh >out; equal "exit code without the program" 77 $?
equal "what it says then" 'some-program is not installed (Debian package some-package)' "$(cat out)"
exit 0
