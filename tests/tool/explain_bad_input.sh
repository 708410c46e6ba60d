# hakmem explain on input that is missing, foreign or damaged, and on figures that no process can have: it ends in order, with a message where
# nothing can be read, and writes nothing that a terminal would obey.
. "$(dirname "$0")/common.sh"
program stats_file

fails 2 "nothing to explain" "$hakmem" explain
fails 2 "unrecognized option" "$hakmem" explain --nonsense .
fails 2 "not a process id" "$hakmem" explain --pid=0 .
fails 1 "No such file" "$hakmem" explain missing
mkdir empty
fails 1 "neither a trace nor statistics files" "$hakmem" explain empty
: >empty.stats
fails 1 "is empty" "$hakmem" explain --json empty.stats
./stats_file bad.stats version=99
fails 1 "version 99 of the statistics format" "$hakmem" explain bad.stats
./stats_file known.stats || fail "stats_file"
fails 1 "no data of process 1 " "$hakmem" explain --pid=1 known.stats

# A known file: the findings have its figures.
"$hakmem" explain --json known.stats >json || fail "explain known.stats"
value() { equal "$1" "$2" "$(jq -c "$1" json)"; }
value '[.findings[] | select(.rule == "limit")][0].figures | {refused, limit}' '{"refused":2,"limit":4}'
value '[.findings[] | select(.rule == "header_reset")][0].figures.count' 1
value '.source' '"stats"'
value '.processes' 1
./stats_file cut.stats complete=0 stacks_missed=5
"$hakmem" explain --json cut.stats >json || fail "explain cut.stats"
value '.findings[0] | {rule, kind, figures}' '{"rule":"lost_data","kind":"data","figures":{"stacks_missed":5,"incomplete":1}}'

# Names and paths of the program are shown, not obeyed.
mkdir two
./stats_file two/1.stats rss=0 && ./stats_file two/2.stats pid=4712 complete=0 program="$(printf 'a\033]0;b\007\\c')"
"$hakmem" explain two >text || fail "two processes"
plain text
"$hakmem" explain --json two >json || fail "two processes"
plain json
printf 'x' >"$(printf 'esc\033[31m.stats')"
fails 1 '\x1b' "$hakmem" explain "$(printf 'esc\033[31m.stats')"

# One bad file among good ones.
: >two/3.stats
"$hakmem" explain two >text 2>err
equal "the exit code" 1 $?
grep -q "3.stats is empty" err || fail "does not name the bad file"
grep -q "^  2 processes" text || fail "does not explain the good files"

# Figures at their ends: of the file, or beyond what can be true.
for field in os_unmap_bytes superslab_release elapsed_ns request_samples request_bytes legacy_refused_max idle active_max rss live sum reason verdict \
  superslab_size superslab_limit error idle_bytes holder others units drain_interval release_delay active; do
  for figure in 0 1 0xffffffff 0x3ffffffffffff 0xffffffffffffff 0x7fffffffffffffff 0xffffffffffffffff; do
    ./stats_file odd.stats $field=$figure complete=0 || fail "stats_file $field"
    for form in "" --json; do
      timeout 60 "$hakmem" explain $form odd.stats >out 2>err || grep -q "odd.stats is damaged: " err || { cat err; fail "$field=$figure $form"; }
      plain out
    done
    [ ! -s out ] || jq -e . out >/dev/null || fail "$field=$figure: not JSON"
  done
done

# Damaged anywhere.
./stats_file whole.stats
size=$(stat -c %s whole.stats)
seed=7
for round in $(seq 60); do
  cp whole.stats any.stats
  for byte in 1 2 3 4; do
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    where=$((seed % size))
    [ "$byte" -le 2 ] && where=$((seed % 12000))
    printf '\377' | dd of=any.stats bs=1 seek=$where conv=notrunc status=none
  done
  for form in "" --json; do
    timeout 60 "$hakmem" explain $form any.stats >out 2>err
    code=$?
    [ $code -le 1 ] || fail "exit code $code on round $round $form"
    plain out
    plain err
  done
done
exit 0
