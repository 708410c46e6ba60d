#!/bin/sh
# Every event of the table arrives in the trace, with plausible fields, and as often as the statistics of the same run say.
# needs: /dev/shm
. "$(dirname "$0")/common.sh"
program table
program provoke
program stats

number() { sed -n "s/^$1 //p" "$2"; }
same() { [ "$2" -eq "$3" ] || fail "$1: $2 in the trace, $3 in the statistics"; }

session paths
traced HAKMEM_SS_SIZE=512K HAKMEM_SS_LIMIT=16 HAKMEM_RELEASE_DELAY=200 HAKMEM_STATS_INTERVAL=20 HAKMEM_DRAIN_INTERVAL=64 \
  HAKMEM_STATS_SAMPLE=16 HAKMEM_STACKS=unwind HAKMEM_STATS_FILE="$place/paths.stats" \
  "$place/provoke" paths >"$place/paths.out" 2>"$place/paths.err" || fail "provoke paths: exit status $?"
finish paths
session operations
traced HAKMEM_TRACE=full HAKMEM_STACKS=unwind HAKMEM_LEAKS=1 \
  "$place/provoke" operations >"$place/operations.out" 2>"$place/operations.err" || fail "provoke operations: exit status $?"
finish operations
session debugged
traced HAKMEM_DEBUG=1 HAKMEM_SOFT_LIMIT=1M "$place/provoke" operations >"$place/debugged.out" 2>"$place/debugged.err" || fail "provoke operations, debugged: exit status $?"
finish debugged

# ---- Every event, and what it says. ----

paths=$place/paths.text operations=$place/operations.text debugged=$place/debugged.text
for event in $("$place/table" | grep -v ' '); do
  [ "$(cat "$paths" "$operations" "$debugged" | grep -cF " hakmem:$event: ")" -gt 0 ] || fail "no event $event"
done

# is FILE EVENT FIELD PATTERN: all values of the field match the extended regular expression.
is() {
  odd=$(events "$1" "$2" | values "$3" | grep -vEx "$4" | head -n 1)
  [ -z "$odd" ] || fail "$2: $3 = $odd"
  [ "$(events "$1" "$2" | values "$3" | wc -l)" -eq "$(count "$1" "$2")" ] || fail "$2 without $3"
}
# some FILE EVENT FIELD VALUE: at least one event has it.
some() { events "$1" "$2" | values "$3" | grep -Fxq "$4" || fail "no $2 with $3 = $4"; }

address='0x[0-9A-F]{7,16}' natural='[1-9][0-9]*'
class=$(seq -s '|' 0 $(($(sed -n 's/^#define CLASS_COUNT //p' "$SOURCE_DIR/src/slabs/size_class.h") + 1))) # and the two rows behind the classes

is "$paths" superslab_lookup ptr "$address"
is "$paths" superslab_lookup cls "$class"
is "$paths" superslab_lookup result 'hit|legacy'
is "$paths" superslab_lookup strategy directory
is "$paths" superslab_lookup probes 1
is "$paths" superslab_lookup ticks "$natural"
is "$paths" superslab_acquire base '0x[0-9A-F]*[08]0000'
is "$paths" superslab_acquire size 524288
is "$paths" superslab_acquire source 'mapped|reserve'
is "$paths" superslab_acquire active '[1-9]|1[0-6]'
is "$paths" superslab_release reason 'delay|trim'
some "$paths" superslab_release reason delay
is "$paths" slab_acquire capacity "$natural"
is "$paths" slab_release live 0
is "$paths" tls_sll_refill blocks "$natural"
for source in batch partial fresh_slab fresh_superslab legacy; do some "$paths" tls_sll_refill source $source; done
is "$paths" tls_sll_drain reason 'interval|length|exit|trim|idle'
for reason in interval exit trim; do some "$paths" tls_sll_drain reason $reason; done
is "$paths" shared_fail reason limit
is "$paths" shared_fail limit 16
is "$paths" shared_fail stack "$natural"
is "$paths" legacy_fallback reason 'limit|huge|grown'
some "$paths" legacy_fallback reason huge
is "$paths" os_map ticks "$natural"
is "$paths" os_unmap size "$natural"
is "$paths" os_purge size "$natural"
is "$paths" thread_start live_caches '[1-4]'
is "$paths" thread_exit live_caches '[1-4]'
is "$paths" module path '/.*|\[.*\]'
is "$paths" fragmentation _utilisation_length 11
is "$paths" process superslab_limit 16
is "$paths" process ticks_per_second '[1-9][0-9]{7,9}'
is "$paths" process version '[0-9]+\.[0-9]+\.[0-9]+'
is "$paths" early replayed "$natural"
is "$paths" early missed 0

# The header that the program overwrote, and no other.
fault=$(number fault "$place/paths.out") left=$(number left "$place/paths.out")
[ "$(count "$paths" hdr_reset)" -eq 1 ] || fail "not one hdr_reset"
is "$paths" hdr_reset base "$(echo "$fault" | tr a-f A-F)"
is "$paths" hdr_reset left "$(echo "$left" | tr a-f A-F)"
is "$paths" hdr_reset got 0x0
is "$paths" hdr_reset expect 0xA1
is "$paths" hdr_reset cls 1
is "$paths" hdr_reset verdict off_by_one_nul
grep -q "^\[TLS_SLL_HDR_RESET\] cls=1 base=$fault got=0x00 expect=0xa1 " "$place/paths.err" || fail "no line of the header reset"
some "$paths" legacy_fallback base "$(number huge "$place/paths.out" | tr a-f A-F)"

# The stacks that events point to were told of, with modules that their frames lie in.
for id in $(events "$paths" hdr_reset | values stack) $(events "$paths" shared_fail | values stack | sort -u); do
  some "$paths" stack id "$id"
done
grep -F ' hakmem:module: ' "$paths" | values path | grep -Fxq "$place/provoke" || fail "no module event of the program"

# ---- As often as the statistics say. Nothing was lost, or raised while another event was handled. ----

"$place/stats" "$place/paths.stats" >"$place/counts" || fail "no statistics"
sum() { total=0; for name in "$@"; do total=$((total + $(number "$name" "$place/counts"))); done; echo $total; }
same reentered "$(number reentered "$place/counts")" 0
for event in superslab_acquire superslab_release hdr_reset thread_start thread_exit os_map os_unmap os_purge; do
  same $event "$(count "$paths" $event)" "$(number $event "$place/counts")"
done
for event in slab_acquire slab_release shared_fail hdr_reset; do
  same $event "$(count "$paths" $event)" "$(number class_$event "$place/counts")"
done
same superslab_lookup "$(count "$paths" superslab_lookup)" "$(sum lookup_hit lookup_legacy lookup_foreign)"
same legacy_fallback "$(count "$paths" legacy_fallback)" "$(number class_legacy_calls "$place/counts")"
for source in spare batch partial fresh_slab fresh_superslab legacy; do
  same "refills from $source" "$(events "$paths" tls_sll_refill | values source | grep -cx $source)" \
    "$(number class_refill_$source "$place/counts")"
done
for reason in interval length exit trim idle; do
  same "drains by $reason" "$(events "$paths" tls_sll_drain | values reason | grep -cx $reason)" \
    "$(number class_drain_$reason "$place/counts")"
done
total() { events "$paths" "$1" | values "$2" | awk '{ sum += $1 } END { printf "%d", sum }'; }
same "bytes mapped" "$(total os_map size)" "$(number os_map_bytes "$place/counts")"
same "bytes unmapped" "$(total os_unmap size)" "$(number os_unmap_bytes "$place/counts")"
same "blocks refilled" "$(total tls_sll_refill blocks)" "$(number class_refill_blocks "$place/counts")"
same "blocks drained" "$(total tls_sll_drain moved)" "$(number class_drain_blocks "$place/counts")"

# ---- Full tracing: each operation, once. ----

of_size() { events "$operations" "$1" | grep -c " size = $2, "; }
[ "$(of_size alloc 777)" -eq 1000 ] || fail "$(of_size alloc 777) alloc events instead of 1000"
[ "$(of_size realloc 2777)" -eq 1000 ] || fail "$(of_size realloc 2777) realloc events instead of 1000"
last=$(number last "$place/operations.out" | tr a-f A-F)
[ "$(events "$operations" realloc | values ptr | tail -n 1)" = "$last" ] || fail "the last realloc is not of $last"
[ "$(events "$operations" free | grep -c " ptr = $last, ")" -ge 1 ] || fail "no free of $last"
is "$debugged" debug_sweep sweeps "$natural"
is "$debugged" soft_limit limit 1048576
is "$debugged" soft_limit held "$natural"
is "$debugged" soft_limit crossed '0|1'
some "$debugged" soft_limit crossed 1
is "$operations" leak kind 'reachable|lost|indirect'
is "$operations" leak blocks "$natural"
for id in $(events "$operations" leak | values stack | grep -vx 0); do some "$operations" stack id "$id"; done
is "$operations" realloc old "$address"
for id in $(events "$operations" realloc | grep " size = 2777, " | values stack | sort -u); do some "$operations" stack id "$id"; done
