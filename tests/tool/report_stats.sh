# hakmem report on a statistics file whose every figure is known: text and JSON.
. "$(dirname "$0")/common.sh"

# The build id of the library, as the linker wrote it.
if command -v readelf >/dev/null; then
  build_id=$(readelf -n "$BUILD_DIR/lib/libhakmem.so" | sed -n 's/.*Build ID: //p')
  "$hakmem" run -o identity -- sh -c 'exit 0' 2>err || fail "$(cat err)"
  equal "build id" "$build_id" "$("$hakmem" report --json identity | jq -r '.stats.processes[0].build_id')"
  "$hakmem" report identity 2>err | grep -q "^  hakmem .* (build id $build_id);$" || fail "the report does not name the build id $build_id"
fi
program stats_file
./stats_file known.stats || fail "stats_file"
"$hakmem" report known.stats >text 2>err || fail "$(cat err)"
"$hakmem" report --json known.stats >json 2>>err || fail "$(cat err)"
[ ! -s err ] || fail "says: $(cat err)"
plain text

# has TEXT: a line of the report, blanks squeezed.
tr -s ' ' <text >squeezed
has() { grep -qF -- "$1" squeezed || { cat text; fail "the report does not say '$1'"; }; }
has "4711 1 2.00 ms 1000 900 195 KiB ended synthetic"
has "SuperSlabs of 2.00 MiB, at most 4; lookup by hash;"
has "drain never; at most 1 operation in 10 is timed"
has "SuperSlab lookup latency, strategy hash"
has " 100 50.5 ns 51 ns 91 ns 99 ns 100 ns 100 ns"
has " 10 1.00"
has "from 64 ns 37 37.0 %"
has " 0-9 % 1 100.0 %"
has "3 64 B 1 2.93 KiB 1.56 KiB 6.25 KiB 64.0 KiB 3.12 KiB 54.6 KiB 53.1 %"
has "1 time, class 3, base 0x1040: got 0x00, expected 0xa3"
has '\x1b[31mevil+0x1000'
has "2 times, class 3, reason limit: 4 SuperSlabs active of at most 4"
has "no stack was taken"
has "RSS 156 KiB = 58.6 KiB of hakmem + 97.7 KiB residual"
has "1 25.0 % refill_batch"

value() { equal "$1" "$2" "$(jq -c "$1" json)"; }
value .schema 1
value '.stats.counters.lookup_hit' 100
value '.stats.classes | length' 1
value '.stats.classes[0].class' '"3"'
value '.stats.classes[0].counters.allocs' 1000
value '.stats.classes[0].memory.cached' 3200
value '.stats.classes[0].utilisation' '[1,0,0,0,0,0,0,0,0,0,0]'
value '.stats.latency.lookup.hash.all.mean' 50.5
value '.stats.latency.lookup.hash.classes["3"].max' 100
value '[.stats.latency.lookup.hash.all.buckets[].count] | add' 100
value '.stats.latency.drain.all.count' 10
value '.stats.latency.refill.all.p50' 5000
value '.stats.latency.legacy' null
value '.stats.processes[0].memory.residual' 100000
value '.stats.processes[0].timeline | length' 3
value '.stats.processes[0].timeline[2].rss' 160000
value '.stats.processes[0].incidents[0].kind' '"hdr_reset"'
value '.stats.processes[0].incidents[0].stack[0].module' '"/nowhere/\u001b[31mevil"'
value '.stats.processes[0].incidents[1].free_blocks' 9
value '.stats.processes[0].incidents[0] | [.offset, .over, .told]' '[64,1,null]'
value '.stats.processes[0].incidents[0].last_good' '{"thread":21,"ago_ms":11}'
value '.stats.processes[0].incidents[0].allocated | [.thread, .ago_ms, .stack_id, .stack[0].address]' '[22,12,78,"0x403000"]'
value '.stats.processes[0].incidents[0].freed | [.thread, .ago_ms, .stack_id, .stack[1].address]' '[23,13,77,"0x402000"]'
value '.stats.processes[0].incidents[0].left_allocated | [.stack_id, .stack[0].address]' '[78,"0x403000"]'
value '.stats.processes[0].leaks | map([.kind, .bytes, .blocks, .stack_id])' '[["lost",4000,40,78],["indirect",100,1,77],["reachable",20480,2,0]]'
value '.stats.processes[0].leaks[1].stack[1].address' '"0x402000"'
for words in 'Live blocks at the end of process 4711 (synthetic)' '3.91 KiB in 40 blocks are lost' '100 B in 1 block are lost with others' \
  '20.0 KiB in 2 blocks are reachable'; do
  grep -qF "$words" text || { cat text; fail "the text does not say: $words"; }
done
for words in 'past that end: 1 byte fits the pattern' 'last seen good 11 ms before, by thread 21' 'freed 13 ms before, by thread 23' 'allocated 12 ms before, by thread 22' \
  'the left neighbour was allocated'; do
  grep -qF "$words" text || { cat text; fail "the text does not say: $words"; }
done
"$hakmem" explain known.stats >text || fail "explain"
grep -qF '4.00 KiB in 41 blocks were never freed' text || { cat text; fail "explain does not tell of leaks"; }
for words in 'the block was freed 13 ms before by' 'the block was allocated 12 ms before by' 'the block before it was allocated by'; do
  grep -qF "$words" text || { cat text; fail "explain does not say: $words"; }
done
./stats_file odd.stats leak_kind=3 leak_bytes=0xffffffffffffffff || fail "stats_file"
"$hakmem" report --json odd.stats >json || fail "leaks that cannot be"
value '[.stats.lost.invalid, (.stats.processes[0].leaks | length)]' '[2,1]'
./stats_file unknown.stats alloc_thread=0 left_stack=0 verdict=17 || fail "stats_file"
"$hakmem" report --json unknown.stats >json || fail "without a past"
value '.stats.processes[0].incidents[0] | [.allocated, .left_allocated, .told]' '[null,null,9]'
"$hakmem" report --json known.stats >json || fail "report --json"
LC_ALL=C grep -q '[^ -~]' json && fail "the JSON text is not plain ASCII"

# Two processes add up; --pid picks one; a name that would drive a terminal is shown, not obeyed.
mkdir two
./stats_file two/1.stats && ./stats_file two/2.stats pid=4712 program="$(printf 'a\033]0;b\007\\c')" || fail "stats_file"
"$hakmem" report --json two >json || fail "two processes"
value '.stats.classes[0].counters.allocs' 2000
value '.stats.latency.lookup.hash.all.count' 200
value '.stats.processes | length' 2
"$hakmem" report two >text || fail "two processes"
plain text
grep -qF 'a\x1b]0;b\x07\x5cc' text || fail "the program's name is not shown escaped"
"$hakmem" report --json --pid=4712 two >json || fail "--pid"
value '[.stats.processes[].pid]' '[4712]'
value '.stats.classes[0].counters.allocs' 1000
fails 1 "no data of process 1 " "$hakmem" report --pid=1 two

# What a forked child inherited from its parent is not counted twice.
rm -r two && mkdir two
./stats_file two/1.stats && ./stats_file two/2.stats pid=4712 inherited_allocs=800 inherited_frees=900 || fail "stats_file"
"$hakmem" report --json two >json || fail "a forked child"
value '.stats.classes[0].counters.allocs' 1200
value '.stats.classes[0].counters.frees' 900

# Without UTF-8, drawings are ASCII.
LC_ALL=C "$hakmem" report known.stats >text || fail "LC_ALL=C"
LC_ALL=C grep -q '[^ -~]' text && fail "not plain ASCII in the C locale"
grep -q '####' text || fail "no bars in the C locale"
"$hakmem" report known.stats | grep -q '█' || fail "no block characters in a UTF-8 locale"
exit 0
