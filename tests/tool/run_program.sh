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
refused "the nearest is HAKMEM_DEBUG_REDZONE" -O redzones=32
refused "HAKMEM_MALLOC is not an option of the library; libhakmem(7) lists all" -O malloc=7
refused "HAKMEM_QUARANTINE_AGE is not an option of the library; the nearest is HAKMEM_DEBUG_QUARANTINE" -O quarantine_age=7
refused "HAKMEM_DEBUG_FILL=256 is not allowed: 0 to 255" -O fill=256
refused "512K|1M|2M|4M" -O SS_SIZE=3M
refused "0 to 1073741824 bytes" -O PROFILE=512x
refused "0 to 1073741824 bytes" -O HAKMEM_PROFILE=2g
refused "drain,ss,hdr" -O LOG=hdr,all,everything
refused "STATS_SIGNAL=KILL" -O STATS_SIGNAL=KILL
refused "-o says where" -O STATS_FILE=mine
refused "not NAME=VALUE" -O =7
code 0 run -o o -O PROFILE=512k -O ss_size=1024k -O STATS_SIGNAL=SIGUSR2 -O LOG= -- true
equal "what the library says of options that are right" 1 "$(wc -l <err)"

# An old name, from -O or from the environment, is said once, and the program and its children get the new one. The new name wins.
# renamed SAID EXPECTED -O...: with these options, hakmem says SAID, and the program finds EXPECTED in its environment.
renamed() {
  said=$1 expected=$2
  shift 2
  rm -rf o
  "$hakmem" run -o o "$@" -- sh -c 'sh -c env; exit $?' >out 2>err || { cat err; fail "hakmem run fails with $*"; }
  equal "what is said with $*" "hakmem: $said" "$(grep -v ': data of ' err)"
  equal "the program's options with $*" "$expected" "$(grep -E '^HAKMEM_.*(FILL|QUARANTINE)' out)"
}
renamed "HAKMEM_FILL is the old name of HAKMEM_DEBUG_FILL: it works in this release, but not in the next" HAKMEM_DEBUG_FILL=7 -O fill=7
renamed "HAKMEM_FILL is ignored: it is the old name of HAKMEM_DEBUG_FILL, which is also set" HAKMEM_DEBUG_FILL=8 -O debug_fill=8 -O fill=7
export HAKMEM_FILL=9
renamed "HAKMEM_FILL is the old name of HAKMEM_DEBUG_FILL: it works in this release, but not in the next" HAKMEM_DEBUG_FILL=9
renamed "HAKMEM_FILL is ignored: it is the old name of HAKMEM_DEBUG_FILL, which is also set" HAKMEM_DEBUG_FILL=8 -O debug_fill=8
unset HAKMEM_FILL
export HAKMEM_QUARANTINE_AGE=9
renamed "HAKMEM_QUARANTINE_AGE is no longer an option and is ignored; libhakmem(7) lists the options" ""
unset HAKMEM_QUARANTINE_AGE

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

# Programs that the library cannot be loaded into are not started, and the message has the reason. What exec itself refuses stays as it is.
not_started() {
  text=$1
  shift
  rm -f started
  fails 1 "$text" "$@"
  grep -q "not started" err || { cat err; fail "does not say that the program was not started: $*"; }
  [ ! -e started ] || fail "it was started: $*"
  [ ! -e o ] || fail "a directory without data is left: $*"
}
cat >little.c <<'END'
#include <fcntl.h>
#include <unistd.h>
int main(int argc, char **argv) {
  close(open("started", O_CREAT | O_WRONLY, 0600));
  if (argc > 1) usleep(300000);
  if (argc > 2) execvp(argv[2], argv + 2);
  return 3;
}
END
cc -o dynamic little.c || fail "little.c does not compile"
code 3 run -o o -- ./dynamic
loader=$(readelf -l dynamic 2>/dev/null | sed -n 's/.*interpreter: \(.*\)]/\1/p')
[ -z "$loader" ] || code 3 run -o o -- "$loader" ./dynamic
if cc -static -o static little.c 2>/dev/null; then
  not_started "./static is linked statically" "$hakmem" run -o o -- ./static
  not_started "$place/static is linked statically" env PATH="$place:$PATH" "$hakmem" run -o o -- static
  printf '#! %s/static -x\n' "$place" >script
  chmod +x script
  not_started "./script is a script whose interpreter $place/static is linked statically" "$hakmem" run -o o -- ./script
  printf '#!%s/script\n' "$place" >script_of_script
  chmod +x script_of_script
  not_started "is linked statically" "$hakmem" run -o o -- ./script_of_script
fi
# A static program that hakmem::api is linked into needs no library, and its children are not missed.
cat >inside.c <<'END'
#include <hakmem.h>
#include <unistd.h>
int main(int argc, char **argv) {
  (void)argv;
  for (size_t i = 0; i < 1000; i++) hak_free(hak_malloc(i));
  if (argc > 1) sleep(1);
  return 0;
}
END
if [ -e static ] && cc -static -I"$SOURCE_DIR/src/names" -o inside inside.c "$BUILD_DIR/lib/libhakmem-api.a" -ldl 2>/dev/null; then
  code 0 run -o o -- ./inside
  "$hakmem" run -o o -- sh -c './inside x; exit 0' 2>err
  grep -q "data of 2 processes" err || { cat err; fail "a static program with hakmem::api inside was not recorded"; }
  grep "not recorded" err && fail "a process is said not to be recorded, which was"
  rm -rf o
fi
if cc -static-pie -o static_pie little.c 2>/dev/null; then not_started "./static_pie is linked statically" "$hakmem" run -o o -- ./static_pie; fi
# Of 32 bits, and of another processor, as far as anybody looks: the head says so.
{ printf '\177ELF\001\001\001'; head -c 100 /dev/zero; } >bits && chmod +x bits
not_started "./bits is a 32-bit program" "$hakmem" run -o o -- ./bits
cp dynamic other && printf '\377\376' | dd of=other bs=1 seek=18 conv=notrunc status=none
not_started "./other is a program for another processor" "$hakmem" run -o o -- ./other
# musl's loader has none of glibc's symbols.
echo "musl libc" >ld-musl-none.so.1
cc -o musl little.c -Wl,--dynamic-linker="$place/ld-musl-none.so.1" &&
  not_started "./musl is a program of musl" "$hakmem" run -o o -- ./musl
if [ "$(id -u)" -eq 0 ]; then
  cp dynamic set_uid && chown 65534 set_uid && chmod 4755 set_uid
  cp dynamic set_gid && chgrp 65534 set_gid && chmod 2755 set_gid
  cp dynamic own_uid && chmod 6755 own_uid
  if [ "$(findmnt -n -o OPTIONS -T "$place" | grep -c nosuid)" -eq 0 ]; then
    not_started "./set_uid is set-uid" "$hakmem" run -o o -- ./set_uid
    not_started "./set_gid is set-gid" "$hakmem" run -o o -- ./set_gid
    code 3 run -o o -- setpriv --no-new-privs "$hakmem" run -o o2 -- ./set_uid # the kernel ignores the bit
    rm -rf o2
  fi
  code 3 run -o o -- ./own_uid # no other rights than now
fi
printf 'exit 7\n' >without_head && chmod +x without_head
code 7 run -o o -- ./without_head
printf '#!/usr/bin/env sh\nexit 6\n' >with_env && chmod +x with_env
code 6 run -o o -- ./with_env
cp dynamic no_right && chmod -x no_right
code 126 run -o o -- ./no_right
cc -o no_loader little.c -Wl,--dynamic-linker="$place/there-is-none" && code 127 run -o o -- ./no_loader

# Children that were not recorded are named, with the reason, while those beside them are recorded.
"$hakmem" run -o o -- sh -c './dynamic x; env -i ./dynamic x; ./dynamic x env -i ./dynamic x' >out 2>err
equal "the exit code is the program's" 3 $?
[ "$(grep -c "^hakmem: not recorded: .*/dynamic, was started without LD_PRELOAD" err)" -eq 2 ] || { cat err; fail "not two processes without LD_PRELOAD"; }
"$hakmem" report --json o >json || fail "no report"
equal "processes that were not recorded" "2 2" "$(jq -r '"\(.not_recorded | length) \(.stats.lost.unrecorded)"' json)"
"$hakmem" report o >text && grep -q "^Not recorded" text && grep -q "dynamic  *was started without LD_PRELOAD" text || { cat text; fail "the report does not name them"; }
"$hakmem" explain o >text && tr -s ' \n' ' ' <text | grep -q "dynamic, was started without LD_PRELOAD" || { cat text; fail "explain does not name them"; }
plain text
printf 'nonsense\n' >o/not-recorded.txt
fails 1 "damaged" "$hakmem" report o
rm -rf o
"$hakmem" run -o o -- sh -c './dynamic x; (./dynamic x &) ; sleep 0.5' 2>err
grep -q "not recorded" err && { cat err; fail "names processes that were recorded"; }
[ ! -e o/not-recorded.txt ] || fail "a list of nothing"
rm -rf o
if [ -e static ]; then
  "$hakmem" run -o o -- sh -c './static x & ./dynamic x ./static x; wait; exec ./static x' 2>err
  equal "the exit code of a program that became a static one" 3 $?
  [ "$(grep -c "^hakmem: not recorded: .*/static, is linked statically" err)" -eq 3 ] || { cat err; fail "not three static processes"; }
  rm -rf o
fi

# Data that could not be written, or are gone: said, and the exit code is 1 unless the program's own says more.
code 1 run -o o -- sh -c 'rm -rf "$0"' "$place/o"
grep -q "the data are gone" err || { cat err; fail "does not say that the data are gone"; }
code 4 run -o o -- sh -c 'rm -rf "$0"; exit 4' "$place/o"
code 1 run -o o -- sh -c ': >"$0/4711.stats"' "$place/o"
grep -q "stats is empty" err && grep -q "other data are missing" err || { cat err; fail "does not say that a file is empty"; }
code 1 run -o o -- env -i sh -c 'rm -f "$0"/*.stats' "$place/o"
grep -q "there is no data" err || { cat err; fail "does not say that there is no data"; }
if [ "$(id -u)" -eq 0 ] && mkdir little && mount -t tmpfs -o size=5m tmpfs little 2>/dev/null; then
  trap 'cd /; umount "$place/little"; rm -rf "$place"' EXIT
  dd if=/dev/zero of=little/filler bs=1K count=5000 status=none
  code 1 run -o little/o -- ./known 10
  grep -q "No space left" err || { cat err; fail "does not say that there is no room"; }
fi
exit 0
