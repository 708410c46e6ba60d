# Each rule of hakmem explain: a program with the fault has the finding; with the advice followed, a measured figure gets smaller, and the finding is gone or costs
# less. A rule without a row fails the test.
# timeout: 600
. "$(dirname "$0")/common.sh"
program advised
echo 'int nothing;' | cc -shared -fPIC -x c -o libjemalloc.so.2 - || fail "cannot make a library" # by its name another allocator

# A program with an allocator of its own linked into it, which is never hakmem's.
cat >own_malloc.c <<'END'
#include <stdlib.h>
#include <string.h>
#ifdef OWN
static char memory[64 << 20], *next = memory;
void *malloc(size_t size) { return (next += (size + 31) & ~15ul) < memory + sizeof(memory) ? next - ((size + 31) & ~15ul) : NULL; }
void free(void *p) { (void)p; }
void *calloc(size_t n, size_t size) { return malloc(n * size); }
void *realloc(void *p, size_t size) { void *new = malloc(size); return p != NULL && new != NULL ? memcpy(new, p, size) : new; }
#endif
int main(void) {
  for (int i = 0; i < 20000; i++) *(char *)malloc(1000) = 1;
  return 0;
}
END
cc -w -O1 -fno-builtin -DOWN own_malloc.c -o advised_own && cc -w -O1 -fno-builtin own_malloc.c -o advised_without || fail "cannot make a program with a malloc"

counter() { echo ".stats.counters.$1"; }
of_classes() { echo "[.stats.classes[].counters.$1] \\| add"; }
bucket() { echo ".stats.processes[0].memory.buckets.$1"; }

# The program under each of these bounds of its address space, in KiB: of 20000 blocks, the system gives a part.
cat >bounded <<'END'
for bound in "$@"; do (ulimit -v "$bound" && exec ./advised until_null); done
END
short_of=".stats \\| 20000 * ([.processes[] \\| select(.program \\| test(\"advised\"))] \\| length) - ([.classes[].counters.allocs] \\| add // 0) \\| if . < 0 then 0 else . end"

# RULE | what runs | what runs when the advice is followed; VALUE is the value of the first remedy | the figure, of report --json | it becomes this part, at most
cat >table <<END
lost_data              | sh -c './advised nothing; kill -9 \$\$'        | sh -c './advised nothing; exit 0'               | .stats.lost.incomplete             | 0
own_malloc             | ./advised_own                                  | ./advised_without                               | $short_of      | 0
header_reset           | ./advised header                               | ./advised header mended                         | $(counter hdr_reset)               | 0
leaks                  | LEAKS=1 ./advised lost                         | LEAKS=1 ./advised lost mended                   | [.stats.processes[0].leaks[] \| select(.kind != "reachable") \| .bytes] \| add // 0 | 0.1
limit                  | SS_LIMIT=4 ./advised many                      | SS_LIMIT=VALUE ./advised many                   | $(counter shared_fail_limit)       | 0
no_memory              | sh bounded 40960                              | sh bounded 1000000                              | $short_of      | 0
huge_blocks            | ./advised large                                | SS_SIZE=VALUE ./advised large                   | $(of_classes legacy_calls)         | 0.1
huge_blocks            | ./advised buffers                              | ./advised buffers mended                        | $(of_classes legacy_calls)         | 0.1
lookup_strategy        | LOOKUP=linear ./advised many                   | LOOKUP=VALUE ./advised many                     | .stats.counters \| .lookup_probes / (.lookup_hit + 1) | 0.7
drains                 | RELEASE_DELAY=100000 DRAIN_INTERVAL=2 ./advised frees | RELEASE_DELAY=100000 DRAIN_INTERVAL=VALUE ./advised frees | $(of_classes drain_interval) | 0.1
drains                 | ./advised travel                               | ./advised travel mended                         | [.stats.classes[].counters \| .drain_length + .drain_interval] \| add | 0.1
fresh_slabs            | ./advised phases                               | ./advised phases mended                         | $(of_classes slab_acquire)         | 0.2
map_churn              | RELEASE_DELAY=20 ./advised rounds              | RELEASE_DELAY=VALUE ./advised rounds            | $(counter superslab_release)       | 0.3
soft_limit             | SOFT_LIMIT=8M ./advised rounds                 | SOFT_LIMIT=VALUE ./advised rounds               | $(counter soft_limit_crossed)      | 0
partial_slabs          | ./advised pins                                 | ./advised pins mended                           | $(bucket partial)                  | 0.2
empty_slabs            | ./advised empties                              | ./advised empties mended                        | $(bucket empty)                    | 0.1
empty_slabs            | STATS_INTERVAL=7 ./advised rounds              | STATS_INTERVAL=7 RELEASE_DELAY=VALUE ./advised rounds | [.stats.processes[0].timeline[].committed] \| add / length | 0.7
thread_lists           | ./advised lists                                | ./advised lists mended                          | $(bucket cached_tls)               | 0.1
kept_huge              | ./advised kept                                 | ./advised kept mended                           | $(bucket huge_cache)               | 0.1
internal_fragmentation | ./advised rounded                              | ./advised rounded mended                        | $(bucket live)                     | 0.85
growth                 | ./advised cache                                | ./advised cache mended                          | $(bucket live)                     | 0.2
residual               | ./advised maps                                 | ./advised maps mended                           | .stats.processes[0].memory.residual | 0.2
deepbind               | ./advised deepbind                             | ./advised deepbind mended                       | $(counter deepbind)                | 0
other_allocator        | ./advised beside                               | ./advised beside mended                         | 0                                  | 1
END

for rule in $("$hakmem" explain --rules | sed -n '1,/^Thresholds/s/^  \([a-z_]*\) .*/\1/p'); do
  grep -q "^$rule " table || fail "the rule $rule has no row: a finding is made only if following its advice helps"
done

# run DIR COMMAND: options as NAME=VALUE before the program.
run() {
  dir=$1 options=
  shift
  eval "set -- $*"
  while case $1 in [A-Z]*=*) ;; *) false ;; esac; do options="$options -O $1"; shift; done
  rm -rf "$dir"
  "$hakmem" run -o "$dir" $options -- "$@" >out 2>err
  "$hakmem" explain --json "$dir" >"$dir.explain" 2>err || { cat err; fail "explain: $*"; }
  "$hakmem" report --json "$dir" >"$dir.report" 2>err || { cat err; fail "report: $*"; }
}
finding() { jq -r "[.findings[] | select(.rule == \"$2\")] | $3" "$1.explain"; }
number() { jq -r "$2" "$1.report"; }

printf '%-24s %14s %14s\n' rule before after
while IFS= read -r line; do
  part() { printf '%s\n' "$line" | sed 's/\\|/\x01/g' | cut -d '|' -f "$1" | sed 's/\x01/|/g; s/^ *//; s/ *$//'; }
  rule=$(part 1) faulty=$(part 2) mended=$(part 3) measure=$(part 4) most=$(part 5)
  run before "$faulty"
  [ "$(finding before "$rule" length)" -gt 0 ] || { "$hakmem" explain before; fail "$rule: no finding in: $faulty"; }
  value=$(finding before "$rule" '.[0].remedies[0].value // "none"')
  run after "$(printf '%s\n' "$mended" | sed "s/VALUE/$value/")"
  was=$(number before "$measure") is=$(number after "$measure")
  printf '%-24s %14s %14s\n' "$rule" "$was" "$is"
  jq -n -e "$is <= $was * $most" >/dev/null || fail "$rule: $measure was $was, and is $is, more than $most of it, with: $(printf '%s' "$mended" | sed "s/VALUE/$value/")"
  [ "$(finding after "$rule" length)" -eq 0 ] && continue
  jq -n -e "$(finding after "$rule" '.[0].cost.value // 0') < $(finding before "$rule" '.[0].cost.value // 0')" >/dev/null ||
    { "$hakmem" explain after; fail "$rule: the finding costs as much as before, with: $(printf '%s' "$mended" | sed "s/VALUE/$value/")"; }
done <table

# Of a process that rested, which no delay helps: memory is returned by calls, and it made none.
for kind in empties kept; do
  run rested "./advised $kind"
  equal "$kind: a delay is advised" 0 "$(jq '[.findings[] | select(.rule == "empty_slabs" or .rule == "kept_huge") | .remedies[] | select(.option == "HAKMEM_RELEASE_DELAY")] | length' rested.explain)"
  grep -q 'Call malloc_trim' rested.explain || fail "$kind: malloc_trim is not advised"
done

# Of a process that works: the command that is named returns the memory, and the process goes on.
rm -rf serves
"$hakmem" run -O RELEASE_DELAY=100000 -o serves -- ./advised serves >out 2>err &
runner=$!
for try in $(seq 400); do
  sleep 0.05
  "$hakmem" explain --json serves >serves.explain 2>err || continue
  what=$(finding serves empty_slabs '.[0].remedies[0].what')
  case $what in "hakmem trim "*) break ;; esac
done
pid=$(basename serves/*.stats .stats)
equal "the advice to a process that works" "hakmem trim $pid" "$what"
was=$(finding serves empty_slabs '.[0].figures.bytes')
"$hakmem" trim "$pid" >out || fail "hakmem trim: $(cat out)"
"$hakmem" report --json "$pid" >serves.report || fail "cannot report"
is=$(number serves "$(bucket empty)")
kill "$pid"
wait $runner
printf '%-24s %14s %14s\n' "empty_slabs (trim)" "$was" "$is"
jq -n -e "$is <= $was * 0.1" >/dev/null || fail "after hakmem trim, $is of $was bytes are still in empty slabs"
exit 0
