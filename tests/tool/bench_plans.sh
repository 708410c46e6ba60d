#!/bin/sh
# hakmem bench: every plan in a tiny run, what its JSON holds, bad arguments, missing peers, interruption. No timing is asserted.
# slow
. "$(dirname "$0")/common.sh"
TMPDIR=$place/room
export TMPDIR
mkdir "$TMPDIR"

bench() { timeout 200 "$hakmem" bench "$@" 2>err; }
nothing_left() { equal "what $1 leaves behind" '' "$(ls "$TMPDIR")"; }
holds() { of=$1 what=$2; shift 2; jq -e "$@" "$what" out >/dev/null || { head -c 3000 out; fail "$of: the JSON does not hold $what"; }; }

# phase8 with a peer of our own, a copy of a library that is there.
cp "$BUILD_DIR/lib/libhakmem-plain.so" mine.so
bench phase8 --rounds 2 --ops 20000 --ws 256,8192 --allocators glibc,hakmem,hakmem-plain,loop --peer mine=./mine.so --json >out || { cat err; fail phase8; }
nothing_left phase8
holds phase8 '.schema == 1 and .bench == "phase8" and .options.rounds == 2 and .options.ops == 20000 and .machine.cpus > 0'
holds phase8 '[.results[].ws] == [256, 8192]'
holds phase8 '[.contenders[].name] == ["glibc", "hakmem", "hakmem-plain", "loop", "mine"]'
holds phase8 'all(.results[].contenders[]; .speed.median > 0 and .speed.mean > 0 and .speed.deviation >= 0 and (.speed.rounds | length) == 2)'
holds phase8 'all(.results[].contenders[] | select(.name == "hakmem"); (.speed.ratio_to | keys) == ["glibc", "mine"])'
holds phase8 'all(.results[].contenders[] | select(.name == "hakmem").speed.ratio_to[]; .low <= .median and .median <= .high and .confidence == 0.5)'
holds phase8 'all(.results[].contenders[]; .peak_kib.median > 0 and .minor_faults.median > 0 and .major_faults.median >= 0)'
for counter in cycles instructions l1d_misses llc_misses dtlb_misses; do # a figure, or named as not available: never a zero
  holds phase8 "(.not_available | index(\"$counter\")) as \$missing | all(.results[].contenders[].$counter; if \$missing then . == null else .median > 0 end)"
done
holds phase8 '.cold_frees == {}'
holds phase8 '(.slowdown_256_to_8192.hakmem.median > 0) and (.targets | length) > 8'
holds phase8 'all(.targets[]; .verdict == "too few rounds" or .verdict == "not available")'
equal "rows of the figures' names" '' "$(jq -r '(.results[0].contenders[0] | keys) - (.figures | keys) - ["name"] | .[]' out)"

# Text and Markdown; where a counter is not there it says so.
bench phase8 --rounds 1 --ops 20000 --ws 256 --allocators glibc,hakmem >out || fail "text"
grep -q '^One round: it has no deviation' out || { cat out; fail "one round has an interval"; }
grep -qF -e '±0.0 %' -e 'confidence 0.0' out && { cat out; fail "one round has a deviation"; }
grep -q '^random_mixed 256' out || fail "no table in the text"
if jq -e . out >/dev/null 2>&1; then fail "text that is JSON"; fi
if grep -q 'read before its free' out; then fail "says that blocks were read, and none was"; fi
bench phase8 --rounds 1 --ops 20000 --ws 256 --allocators glibc,hakmem --read --markdown >out || fail "markdown"
grep -q 'read before its free' out || fail "does not say that blocks were read"
grep -q '^|---|---:|' out || fail "no table in the Markdown"

# Counters that cannot be opened, for want of descriptors: null and named as not available, and those that can are there.
if command -v prlimit >/dev/null; then
  prlimit --nofile=9 "$hakmem" bench phase8 --rounds 1 --ops 20000 --ws 256 --allocators glibc --json >out 2>err || { cat err; fail "few descriptors"; }
  holds "few descriptors" '(.not_available | index("dtlb_misses") != null) and .results[0].contenders[0].dtlb_misses == null'
  prlimit --nofile=9 "$hakmem" bench phase8 --rounds 1 --ops 20000 --ws 256 --allocators glibc >out 2>err || { cat err; fail "few descriptors"; }
  grep -q 'TLB.*: not available here' out || fail "does not say that a counter is not available"
fi

# A peer that cannot be loaded is named with its package and left out.
mkdir bad && echo nothing >bad/libjemalloc.so.2
LD_LIBRARY_PATH=$place/bad bench phase8 --rounds 1 --ops 1000 --ws 64 --allocators glibc,jemalloc --json >out || { cat err; fail "a missing peer"; }
holds "a missing peer" '[.contenders[].name] == ["glibc"] and (.left_out | length) == 1 and (.left_out[0] | contains("libjemalloc2"))'

# The other plans.
bench scale --rounds 1 --ops 1000 --allocators hakmem --json >out || fail scale
holds scale '[.results[].ws] == [range(6; 22) | pow(2; .)]'
bench sweep --rounds 1 --ops 100000 --ws 256 --ss-size 512K,2M --drain 2048,0 --lookup directory,linear --json >out || { cat err; fail sweep; }
holds sweep '(.results[0].contenders | length) == 8'
holds sweep 'all(.results[].contenders[]; .superslabs.median > 0 and .probes.median >= 1 and .first_probe.median >= 0 and .first_probe.median <= 1 and .lookup_p50_ns.median <= .lookup_p99_ns.median)'
holds sweep 'all(.results[].contenders[] | select(.name | endswith("directory")); .probes.median == 1 and .first_probe.median == 1)'
bench threads --rounds 1 --ops 500 --threads 2 --workloads larson,exchange --allocators glibc,hakmem --json >out || { cat err; fail threads; }
holds threads '[.results[].workload] == ["larson", "exchange"] and all(.results[].contenders[]; .speed.median > 0)'
if [ "$(nproc)" -gt 1 ]; then # busy ones may be slow, but a line does come
  holds threads 'all(.results[].contenders[]; .handover_ns.median > 1 and .handover_ns.median < 2e9)'
fi
bench threads --rounds 1 --ops 500 --threads 2,5 --workloads 'larson,batches 5 threads' --allocators glibc,hakmem --json >out || { cat err; fail "two numbers of threads"; }
holds "two numbers of threads" '[.results[] | [.workload, .threads]] == [["larson 2 threads", 2], ["larson 5 threads", 5], ["batches 5 threads", 5]] and all(.results[].contenders[]; .speed.median > 0)'
for threads in 2 5; do
  holds "two numbers of threads" "[.targets[] | select(.what == \"speed, geometric mean of all threads programs with $threads threads\") | .target] == [\"at least 1.00x\", \"at least 1.10x\"]"
done
holds "two numbers of threads" '[.targets[] | select(.what | startswith("most resident against the median peer"))] | length >= 1'
if [ -x "$BUILD_DIR/bin/bench_threads_cxx" ]; then
  bench threads --rounds 1 --ops 500 --workloads maps,strings --allocators glibc,hakmem --json >out || { cat err; fail "threads in C++"; }
  holds "threads in C++" '[.results[].workload] == ["maps", "strings"] and all(.results[].contenders[]; .speed.median > 0)'
fi

# One free and one malloc: its figures in each output, and the loop with no allocator beside them.
bench latency --rounds 1 --ops 3000 --ws 64,500 --allocators glibc,hakmem,jemalloc,loop --json --html latency.html >out || { cat err; fail latency; }
holds latency '[.results[] | [.ws, .threads, .warm_up]] == [[64, 1, true], [64, 1, false], [64, 2, true], [64, 2, false], [500, 1, true], [500, 1, false], [500, 2, true], [500, 2, false]]'
holds latency 'all(.results[].contenders[]; .p50_ns.median <= .p99_ns.median and .p99_ns.median <= .p999_ns.median and .p999_ns.median <= .p9999_ns.median and .max_ns.median > 0 and .preempted.median >= 0)'
holds latency 'all(.results[].contenders[] | select(.name != "loop"); .p9999_ns.median > 0 and .p9999_ns.median <= 1.02 * .max_ns.median)' # a bucket is 1.6 % wide
holds latency '[.targets[].target] | length == 32 and unique == ["at most 1 ms", "at most 1.2x"]'
holds latency 'all(.targets[] | select(.target == "at most 1.2x"); .against == "jemalloc" or .verdict == "not available")'
grep -q 'ns at p99.9' latency.html && grep -q 'longest, latency 500 2 threads cold, in ms' latency.html || fail "latency: the page does not hold it"
bench latency --rounds 1 --ops 3000 --ws 64 --threads 3 --allocators hakmem >out || { cat err; fail "latency as text"; }
grep -q '^  latency 64 3 threads cold  *[0-9]*, [0-9]*, [0-9]*, [0-9]*, [0-9]*$' out || { cat out; fail "latency: no line of percentiles"; }

bench programs --rounds 1 --workloads lua5.4 --allocators glibc,hakmem --json >out || { cat err; fail programs; }
holds programs '(.results | length) + (.left_out | length) == 1'
bench cost --rounds 1 --ops 20000 --ws 256 --workloads 'random_mixed 256,start of /bin/true' --allocators glibc,hakmem,hakmem-plain --json >out || { cat err; fail cost; }
holds cost '[.results[1].contenders[].name] | index("glibc") != null'
holds cost '[.results[0].contenders[].name] | index("glibc") == null'
if [ -e "$BUILD_DIR/lib/libhakmem-tracepoints.so" ]; then
  holds cost '[.results[0].contenders[].name] | index("tracing idle") != null'
  if command -v lttng-sessiond >/dev/null; then holds cost '[.results[0].contenders[].name] | index("full tracing") != null'; fi
fi
bench memory --rounds 1 --ops 3000 --seconds 1 --allocators glibc,hakmem --json >out || { cat err; fail memory; }
holds memory '[.results[].workload] == ["burst", "burst trimmed"]'
holds memory 'all(.results[].contenders[]; .before_kib.median > 0 and .after_kib.median > 0 and .peak_kib.median >= .after_kib.median)'
holds memory 'all(.results[].contenders[]; .peak_kib.median > .before_kib.median + 2000)'
holds memory '.targets[0] | .what | contains("burst")'

# All at once: each workload once, one table of targets; tracing only where its cost is compared.
bench all --rounds 5 --ops 2000 --ws 256,65536 --seconds 1 --allocators glibc,hakmem,hakmem-plain \
  --workloads 'random_mixed 256,random_mixed 65536,larson,start of /bin/true,burst trimmed' --json --html all.html >out || { cat err; fail all; }
holds all '[.results[].workload] == ["random_mixed 256", "random_mixed 65536", "larson", "start of /bin/true", "burst trimmed"]'
holds all '(.cold_frees | keys) == ["65536"] and .cold_frees["65536"].median > 0'
for what in 'cold: hakmem against hakmem-plain, random_mixed 65536' 'hakmem, random_mixed 256 against the best peer' 'hakmem, larson against the best peer' 'most resident, geometric mean of all 5 workloads' \
  'resident after a burst that was freed, by activity or trimmed'; do
  holds "all, $what" "[.targets[] | select(.what == \"$what\")] | length == 1"
done
holds all '[.targets[] | select(.what | startswith("most resident against the smallest peer"))] | length >= 1'
holds all 'all(.targets[] | select(.what | startswith("most resident against")); (.median > 1.3) or (.what | contains("the worst")))'
holds all 'all(.targets[] | select(.median != null); .verdict == (if (.target | startswith("at least")) then
  (.target | capture("(?<n>[0-9.]+)x").n | tonumber) as $b | if .low >= $b then "met" elif .high < $b then "not met" else "not decided" end
  elif (.target | endswith("x")) then (.target | capture("(?<n>[0-9.]+)x").n | tonumber) as $b | if .high <= $b then "met" elif .low > $b then "not met" else "not decided" end
  else .verdict end))'
holds all '[.results[] | select(.workload == "larson" or .workload == "random_mixed 65536" or .workload == "burst trimmed").contenders[].name] | index("tracing idle") == null'
if [ -e "$BUILD_DIR/lib/libhakmem-tracepoints.so" ]; then
  holds all '[.targets[] | select(.what == "cost of tracing idle against hakmem, random_mixed 256")] | length == 1 and (.[0].against | test("cycles, user and kernel|processor time"))'
fi
grep -q 'geometric mean of all 5 workloads' all.html || fail "all: no targets in the page"
nothing_left "every plan"

# cachegrind: repeatable to a fraction of an instruction.
if command -v valgrind >/dev/null; then
  bench phase8 --rounds 1 --ops 1000 --ws 64 --allocators loop --sim --json >out || { cat err; fail "--sim"; }
  holds "--sim" '.results[0].contenders[0].sim_instructions.median | . > 5 and . < 60'
  # Blocks read before their free: half an instruction an operation more.
  bench phase8 --rounds 1 --ops 20000 --ws 64 --allocators glibc --sim --json >unread || { cat err; fail "--sim of glibc"; }
  bench phase8 --rounds 1 --ops 20000 --ws 64 --allocators glibc --sim --read --json >out || { cat err; fail "--read"; }
  holds "--read" '.options.read and (.results[0].contenders[0].sim_instructions.median - $before > 0.2)' \
    --argjson before "$(jq '.results[0].contenders[0].sim_instructions.median' unread)"
fi

# The page: whole, nothing from elsewhere, and what comes from outside escaped.
mkdir '<b>' && cp mine.so '<b>/mine.so'
bench phase8 --rounds 1 --ops 1000 --ws 64,128 --allocators glibc,hakmem --peer 'mine=<b>/mine.so' --html page.html >out || { cat err; fail "--html"; }
grep -q '<svg' page.html && grep -q '</html>' page.html || fail "the page is not whole"
if grep -qE '<script|https?://|<link|<img|@import' page.html; then fail "the page refers to something outside"; fi
fails 1 'cannot write' "$hakmem" bench phase8 --rounds 1 --ops 1000 --ws 64 --allocators hakmem --html /not/there/page.html

# Bad arguments.
for arguments in '' nothing 'phase8 scale' 'phase8 --rounds 0' 'phase8 --rounds x' 'phase8 --ops -1' 'phase8 --sizes 5' 'phase8 --sizes 9-5' \
  'phase8 --ws 0' 'phase8 --ws 1,,2' 'phase8 --peer x' 'phase8 --peer a|b=./mine.so' 'phase8 --ss-size 2M' 'phase8 --seconds 1' 'memory --threads 2' 'memory --sim' 'memory --ws 5' 'all --ss-size 2M' 'all --json --markdown' 'all --workloads nothing' 'phase8 --threads 0' \
  'sweep --ss-size 3M' 'sweep --lookup tree' 'sweep --drain x' 'sweep --allocators glibc' 'programs --ops 5' 'programs --sim' 'threads --ws 5' \
  'threads --ops 5 --seconds 5' 'phase8 --json --markdown' 'phase8 --option x' 'phase8 --option FIL=7' 'phase8 --allocators nothing' 'phase8 --peer a=./not-there.so' \
  'threads --workloads nothing' 'threads --read' 'programs --read' 'latency --read' 'latency --sim' 'latency --seconds 1' 'phase8 --threads 1,2' 'threads --threads 2,' \
  'threads --threads 2,0' 'phase8 --peer-env mine=A=1' 'phase8 --peer mine=./mine.so --peer-env min=A=1' 'phase8 --peer mine=./mine.so --peer-env mine=A' \
  'phase8 --peer mine=./mine.so --peer-env mine=LD_PRELOAD=1' 'phase8 --peer mine=./mine.so --peer-env mine==1'; do
  # shellcheck disable=SC2086 # words
  fails 2 hakmem "$hakmem" bench $arguments
done
fails 2 'bench memory has no workload nothing; it has: burst, burst trimmed' "$hakmem" bench memory --workloads nothing
fails 2 'bench does not know the allocator nothing, but: glibc, hakmem, ' "$hakmem" bench memory --allocators nothing
echo nothing >nothing.so
fails 2 'does not replace malloc' "$hakmem" bench phase8 --peer x=./nothing.so
nothing_left "bad arguments"

# --peer-env: a library that works only with its variable; and the same one twice, with different values.
cat >needs.c <<'END_C'
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
extern void *__libc_malloc(size_t);
void *malloc(size_t size) { return __libc_malloc(size); }
__attribute__((constructor)) static void start(void) { if (getenv("NEEDED") == NULL) _exit(3); }
END_C
cc -O1 -fno-builtin -shared -fPIC -o needs.so needs.c || fail "needs.c does not compile"
fails 2 'does not replace malloc' "$hakmem" bench phase8 --peer needs=./needs.so --ops 1000 --allocators glibc
bench phase8 --rounds 1 --ops 1000 --ws 64 --allocators glibc --peer needs=./needs.so --peer needs2=./needs.so --peer-env needs2=NEEDED=b=c --peer-env needs=NEEDED=a --json >out ||
  { cat err; fail "--peer-env"; }
holds "--peer-env" '[.contenders[] | [.name, .environment]] == [["glibc", []], ["needs", ["NEEDED=a"]], ["needs2", ["NEEDED=b=c"]]]'
holds "--peer-env" 'all(.results[].contenders[]; .speed.median > 0)'
bench phase8 --rounds 1 --ops 1000 --ws 64 --allocators glibc --peer needs=./needs.so --peer-env needs=NEEDED=a >out || { cat err; fail "--peer-env"; }
grep -q '^needs with NEEDED=a$' out || { cat out; fail "does not say with which variable a peer ran"; }

# A peer that crashes is said and left out; the others are measured all the same.
cat >crash.c <<'END_C'
#include <stddef.h>
#include <stdlib.h>
extern void *__libc_malloc(size_t);
static int count;
void *malloc(size_t size) { if (++count > 500) abort(); return __libc_malloc(size); }
END_C
cc -O1 -fno-builtin -shared -fPIC -o crash.so crash.c || fail "crash.c does not compile"
bench phase8 --rounds 1 --ops 20000 --ws 256 --allocators glibc --peer crash=./crash.so --json >out
equal "exit code with a peer that crashes" 1 $?
holds "a peer that crashes" '[.results[0].contenders[].name] == ["glibc"] and .results[0].failed == ["crash"] and (.left_out[0] | contains("134"))'
# A workload that fails with a library under mimalloc's name stays in no mean, and the tables say so.
mkdir failing && cat >fail.c <<'END_C'
#include <stddef.h>
#include <stdint.h>
extern void *__libc_malloc(size_t);
void *malloc(size_t size) { return __libc_malloc(size); }
void *aligned_alloc(size_t align, size_t size) { return (void *)(((uintptr_t)__libc_malloc(size + 2 * align) + align) / align * align + 8); }
END_C
cc -O1 -fno-builtin -shared -fPIC -o failing/libmimalloc.so.2 fail.c || fail "fail.c does not compile"
for format in --json --markdown; do
  LD_LIBRARY_PATH=$place/failing bench threads --rounds 1 --ops 300 --workloads larson,aligned --allocators glibc,hakmem,mimalloc $format >out
  equal "exit code with a workload that fails" 1 $?
  case $format in
    --json) holds "a workload that fails" '(.results | map({(.workload): .failed}) | add) == {larson: [], aligned: ["mimalloc"]}'
            holds "a workload that fails" '[.targets[] | select(.what | contains("geometric mean")) | (.against, (.median != null))] | unique == [true, "glibc", "mimalloc, but for what failed: aligned", "the best peer of each"]' ;;
    *) grep -q '^| mimalloc: failed |' out && grep -q '^| aligned, .*| failed |' out || { cat out; fail "the tables do not say what failed"; } ;;
  esac
done

# Interrupted: the children are ended, nothing is left.
"$hakmem" bench phase8 --ops 2000000000 --ws 256 --allocators hakmem >out 2>err &
bench=$!
for attempt in $(seq 100); do
  children=$(cat /proc/$bench/task/$bench/children 2>/dev/null)
  [ -n "$children" ] && tr '\0' ' ' <"/proc/${children%% *}/cmdline" | grep -q 'ops 2000000000' && break
  sleep 0.1
done
[ -n "$children" ] || fail "bench has no child"
kill -TERM $bench
wait $bench
equal "exit code when interrupted" 143 $?
for child in $children; do [ ! -e "/proc/$child" ] || fail "child $child is still there"; done
nothing_left "an interruption"
equal "messages when interrupted" 'hakmem: interrupted' "$(cat err)"

# A reader who has seen enough.
"$hakmem" bench phase8 --rounds 1 --ops 1000 --ws 64,128 --allocators hakmem 2>err | head -n 1 >out
nothing_left "a closed pipe"
exit 0
