# Statistics files in which other bytes lie: no figure of them is shown, by whichever command.
. "$(dirname "$0")/common.sh"
program killed

# overwrite FILE PLACE COUNT: random bytes in bad.stats, a copy of the file.
overwrite() {
  cp "$1" bad.stats
  TEST_SEED=$((${TEST_SEED:-29} + $2)) random_bytes "$3" | dd of=bad.stats bs=1 seek="$2" conv=notrunc status=none
}

# Of a process that ended, one byte anywhere in the block is enough: it has a checksum.
"$hakmem" run -o ended -- ./killed exec 1 300000 >out 2>err || fail "$(cat err)"
whole=$(echo ended/*.stats)
"$hakmem" report "$whole" >out 2>err || fail "the whole file: $(cat err)"
for at in 200 1000 3000 8000 20000 60000 200000 500000 1000000 3000000 5000000; do
  for count in 8 64 2000; do
    overwrite "$whole" $at $count
    fails 1 "bad.stats is damaged: " "$hakmem" report --summary bad.stats
  done
done
overwrite "$whole" 60000 64
fails 1 "bad.stats is damaged: " "$hakmem" explain bad.stats
fails 1 "bad.stats is damaged: " "$hakmem" check bad.stats
fails 1 "bad.stats is damaged: " "$hakmem" merge -o merged bad.stats
fails 1 "bad.stats is damaged: " "$hakmem" export --openmetrics bad.stats

# So have those that ended by _exit.
"$hakmem" run -o exits -- sh -c 'ls / >/dev/null; exit 0' >out 2>err || fail "$(cat err)"
for file in exits/*.stats; do
  overwrite "$file" 60000 8
  fails 1 "bad.stats is damaged: " "$hakmem" report --summary bad.stats
done

# A process that was killed wrote none: its counters cannot be true, or contradict each other.
"$hakmem" run -o cut -- ./killed kill 300000 >out 2>err
for at in 3000 8000 20000; do
  for count in 64 2000; do
    overwrite "$(echo cut/*.stats)" $at $count
    fails 1 "bad.stats is damaged: " "$hakmem" report --summary bad.stats
  done
done
exit 0
