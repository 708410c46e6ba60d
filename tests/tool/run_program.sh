# hakmem run: exact counts, exit codes, signals, the environment, and what it says.
. "$(dirname "$0")/common.sh"
program known

# The counts of a run: exact to the block. What the C library itself allocates is the same in both runs.
counts() {
  "$hakmem" run -o "$1" -- ./known "$2" 2>err || { cat err; fail "known $2"; }
  "$hakmem" report --json "$1" >"$1.json" || fail "no report of $1"
}
count() { jq "[.stats.classes[] | select(.class == \"6\") | .counters.$2] | add // 0" "$1.json"; }
counts none 0
counts many 100000
equal "allocations" 200000 $(($(count many allocs) - $(count none allocs)))
equal "frees" 199986 $(($(count many frees) - $(count none frees)))
equal "live blocks" 14 $(($(count many allocs) - $(count many frees) - $(count none allocs) + $(count none frees)))
equal "processes that ended in order" '[true]' "$(jq -c '[.stats.processes[].complete]' many.json)"
grep -qx "hakmem: data of 1 process is in many; to see it: hakmem report many" err || { cat err; fail "does not say where the data is"; }
[ "$(jq '.stats.latency.lookup.directory.all.count' many.json)" -gt 0 ] || fail "no lookup was timed"

# Children of fork: what they inherited is not counted again, and the stacks that they share with their parent have names. (A
# thread's last operations before a fork may be in both.)
program forks
"$hakmem" run -o family -- ./forks 2>err || { cat err; fail "forks"; }
"$hakmem" report --json family >family.json || fail "no report of a family"
equal "processes" 6 "$(jq '.stats.processes | length' family.json)"
allocs=$(count family allocs)
[ "$allocs" -ge 105000 ] && [ "$allocs" -lt 115000 ] || fail "105000 allocations, $allocs in the report"
equal "processes with a header reset in spoil" 6 \
  "$(jq '[.stats.processes[] | select(any(.incidents[].stack[]?; .function == "spoil"))] | length' family.json)"

# Exit codes.
code() {
  expected=$1
  shift
  "$hakmem" "$@" >out 2>err </dev/null
  got=$?
  rm -rf o
  [ $got -eq "$expected" ] || { cat err; fail "exit code $got instead of $expected: hakmem $*"; }
}
code 0 run -o o true
code 7 run -o o -- sh -c 'exit 7'
code 139 run -o o -- sh -c 'kill -SEGV $$'
code 127 run -o o -- ./there-is-no-such-program
code 126 run -o o -- "$place"
code 2 run
code 2 run -o
code 2 run --option nonsense true

# A wrong option is bad usage, before the program starts: the message has the value that is allowed, or the nearest name.
refused() {
  text=$1
  shift
  code 2 run "$@" -o o -- sh -c ': >started'
  grep -qF -- "$text" err || { cat err; fail "does not say '$text': $*"; }
  [ ! -e started ] || fail "the program was started with $*"
}
refused "HAKMEM_DRAIN_INTERVAL" -O DRAIN_INTERVALL=7
refused "HAKMEM_SS_LIMIT" -O ss_limti=7
refused "512K|1M|2M|4M" -O SS_SIZE=3M
refused "0 to 1073741824 bytes" -O PROFILE=512x
refused "0 to 1073741824 bytes" -O HAKMEM_PROFILE=2g
refused "drain,ss,hdr" -O LOG=hdr,all,everything
refused "STATS_SIGNAL=KILL" -O STATS_SIGNAL=KILL
refused "-o says where" -O STATS_FILE=mine
refused "not NAME=VALUE" -O =7
code 0 run -o o -O PROFILE=512k -O ss_size=1024k -O STATS_SIGNAL=SIGUSR2 -O LOG= -- true
equal "what the library says of options that are right" 1 "$(wc -l <err)"
code 1 run -o many -- true
code 1 run -o "$place/a%b" -- true
code 0 --help
code 0 --version
code 0 help run
for dir in hakmem-* "$place/a%b"; do [ ! -e "$dir" ] || [ "$dir" = "$place/a%b" ] || fail "left behind: $dir"; done

# Arguments, streams and options reach the program; an LD_PRELOAD of the user stays.
"$hakmem" run -o o -O ss_limit=3 --option HAKMEM_DRAIN_INTERVAL=77 -- sh -c 'read line; echo "$line $0 $* $HAKMEM_SS_LIMIT $HAKMEM_DRAIN_INTERVAL"' a -b --c >out 2>err <<END
input
END
equal "what the program saw" "input a -b --c 3 77" "$(cat out)"
rm -rf o
LD_PRELOAD=libm.so.6 "$hakmem" run -o o -- sh -c 'echo "$LD_PRELOAD"' >out 2>err
case $(cat out) in
  */libhakmem.so*:libm.so.6) ;;
  *) fail "LD_PRELOAD is $(cat out)" ;;
esac
rm -rf o

# Signals go through, and the data is still there.
"$hakmem" run -o o -- sh -c 'trap "exit 5" TERM; : >ready; while :; do sleep 0.1; done' 2>err &
pid=$!
for _ in $(seq 200); do [ -e ready ] && break; sleep 0.05; done
kill -TERM $pid
wait $pid
equal "the exit code of a program that handles SIGTERM" 5 $?
[ -n "$(ls o/*.stats)" ] || fail "no data of a program that was told to end"
rm -rf o ready

# A process that is killed leaves its figures, and the report says that they are not whole.
"$hakmem" run -o o -- sh -c 'kill -KILL $$' 2>err
"$hakmem" report o >text || fail "no report of a killed process"
grep -q "did not end in order" text || fail "does not say that the process was cut short"
rm -rf o

# Several processes; the report at once; the default directory.
"$hakmem" run --report -- sh -c './known 1000 & ./known 2000 & wait' >out 2>err || fail "several processes"
grep -q "^  statistics of 3 processes" out || { cat out; fail "not three processes"; }
ls -d hakmem-sh-* >/dev/null || fail "no default directory"
rm -rf hakmem-sh-*

# A program that the library cannot be loaded into.
printf 'int main(void) { return 3; }\n' >static.c
if cc -static -o static static.c 2>/dev/null; then
  code 3 run -o o -- ./static
  grep -q "there is no data" err || fail "does not say that there is no data"
fi
exit 0
