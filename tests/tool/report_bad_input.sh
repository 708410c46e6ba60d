# hakmem report on input that is missing, foreign, empty, cut off or damaged: one clear message, exit code 1, no crash, no hang.
. "$(dirname "$0")/common.sh"
program stats_file

fails 2 "nothing to report on" "$hakmem" report
fails 2 "unrecognized option" "$hakmem" report --nonsense .
fails 2 "not a process id" "$hakmem" report --pid=x .
fails 2 "there is no command" "$hakmem" frobnicate
fails 1 "No such file" "$hakmem" report missing
fails 1 "an argument is empty" "$hakmem" report ''
./stats_file known.stats || fail "stats_file"
fails 1 "cannot read missing: No such file" "$hakmem" report --since missing known.stats

# A process counts once, however often it is named.
cp known.stats again.stats
"$hakmem" report --json known.stats >once.json 2>err || fail "$(cat err)"
"$hakmem" report --json known.stats again.stats >twice.json 2>err || fail "$(cat err)"
equal "what a process is that is named twice" "hakmem: again.stats was left out: its process is in what was named before it, too" "$(cat err)"
equal "figures of a process that is named twice" "$(jq -c .stats once.json)" "$(jq -c .stats twice.json)"

mkdir empty
fails 1 "neither a trace nor statistics files" "$hakmem" report empty
: >empty.stats
fails 1 "is empty" "$hakmem" report empty.stats
random_bytes 2000000 >foreign.stats
fails 1 "not a statistics file of hakmem" "$hakmem" report foreign.stats
echo "HAKSTATS" >short.stats
fails 1 "not a statistics file of hakmem" "$hakmem" report short.stats
mkfifo fifo.stats
fails 1 "not a regular file" "$hakmem" report fifo.stats
fails 1 "not a regular file" "$hakmem" report /dev/zero
printf 'x' >"$(printf 'esc\033[31m.stats')"
fails 1 '\x1b' "$hakmem" report "$(printf 'esc\033[31m.stats')"

# damaged NAME=VALUE TEXT: a statistics file with one wrong value in it.
damaged() {
  ./stats_file bad.stats "$1" || fail "stats_file $1"
  fails 1 "$2" "$hakmem" report bad.stats
  fails 1 "$2" "$hakmem" report --json bad.stats
}
damaged version=99 "version 99 of the statistics format"
damaged classes=3 "another layout"
damaged size=17 "another layout"
damaged cut=20000 "is cut off"
damaged cut=30 "is cut off"
damaged strategy=99 "is damaged"
damaged timeline_length=100000 "is damaged"
damaged bucket=0xffffffff "is damaged"
damaged stage_bucket=0xffffffff "is damaged"
# Figures that no process reaches, or that contradict each other.
damaged sum=0xffffffffffffffff "bad.stats is damaged: a histogram"
damaged max=0xffffffffffffffff "bad.stats is damaged: a histogram"
damaged live=0xffffffffffffffff "bad.stats is damaged: it holds more memory"
damaged moment_rss=0x1000000000000000 "bad.stats is damaged: it holds more memory"
damaged elapsed_ns=0xffffffffffffffff "bad.stats is damaged: a time"
damaged untouched_ns=2000001 "bad.stats is damaged: a time"
damaged exited=2 "bad.stats is damaged: a value that is 0 or 1"
damaged allocs=0x1000000000000000 "bad.stats is damaged: a counter"
damaged reentered=0x1000000000000000 "bad.stats is damaged: a counter"
damaged frees=100000 "bad.stats is damaged: it counts more frees"
damaged checksum=1 "bad.stats is damaged: its checksum"

# Of a file that is refused nothing is in the report of the others.
./stats_file good.stats || fail "stats_file"
"$hakmem" report --json good.stats >good.json || fail "no JSON of a good file"
"$hakmem" report --json good.stats bad.stats >both.json 2>err
equal "exit code with one damaged file" 1 $?
equal "the latency, with one damaged file" "$(jq -S .stats.latency good.json)" "$(jq -S .stats.latency both.json)"

# odd NAME=VALUE JQ EXPECTED: a value that is wrong, but leaves the rest worth a report.
odd() {
  ./stats_file odd.stats "$1" || fail "stats_file $1"
  timeout 60 "$hakmem" report odd.stats >odd.txt 2>&1 || fail "no report of a file with $1"
  plain odd.txt
  "$hakmem" report --json odd.stats >odd.json || fail "no JSON of a file with $1"
  equal "$1" "$3" "$(jq -c "$2" odd.json)"
}
odd frame_count=99999999 .stats.lost.invalid 1
odd kind=77 .stats.lost.invalid 1
odd cls=5000 .stats.lost.invalid 1
odd verdict=60000 '.stats.processes[0].incidents[0].verdict' '"?"'
odd reason=60000 '.stats.processes[0].incidents[1].reason' '"?"'
odd complete=0 .stats.lost.incomplete 1
odd stacks_missed=5 .stats.lost.stacks_missed 5
odd count=12345678 .stats.latency.lookup.hash.all.count 100
odd min_inverted=0 '.stats.latency.lookup.hash.all.min' 100
odd max=0 '.stats.latency.lookup.hash.all.max' 0
odd rss=0 '.stats.processes[0].memory.residual' -60000

# One bad file among good ones: a report of the good ones, a message, exit code 1.
mkdir mixed
./stats_file mixed/4711.stats && ./stats_file mixed/4712.stats pid=4712 && : >mixed/4713.stats
"$hakmem" report mixed >out 2>err
equal "the exit code" 1 $?
grep -q "4713.stats is empty" err || fail "does not name the bad file"
grep -q "^  statistics of 2 processes" out || fail "does not report on the good files"

# Damaged anywhere: whatever it makes of it, it ends in order and writes nothing that a terminal would obey.
./stats_file whole.stats
size=$(stat -c %s whole.stats)
seed=1
for round in $(seq 60); do
  cp whole.stats any.stats
  for byte in 1 2 3; do
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    where=$((seed % size))
    [ "$byte" -eq 1 ] && where=$((seed % 3000))
    printf '\377' | dd of=any.stats bs=1 seek=$where conv=notrunc status=none
  done
  for form in --all --json; do
    timeout 60 "$hakmem" report $form any.stats >out 2>err
    code=$?
    [ $code -le 1 ] || fail "exit code $code on round $round $form"
    plain out
    plain err
  done
done
exit 0
