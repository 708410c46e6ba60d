# The shared part of the scripts of `hakmem bench programs`. Each script is one workload: a real program, end to end, with no network. It
# prints one line of JSON:
#
#   {"workload":"redis","ops":400000,"seconds":2.718281,"cpu_seconds":2.501234,"peak_kib":10240,"after_kib":8192,"all_cycles":7512345678}
#
# seconds and cpu_seconds are of the measured program alone. peak_kib is the most that any of its processes had resident.
# after_kib is what all of them together have resident when the work is done and they have rested for 2 s, a page that several
# share counted once (Pss); null for programs that end with their work. all_cycles are those of user space and of the kernel together, null if they cannot be counted. Each run
# does the same work, whatever the allocator, and checks the program's results.
#
#   BENCH_PRELOAD   the measured program's LD_PRELOAD, a library or several with colons between; empty or not set: none
#   BENCH_CHILD     the program bench_child (build/bin/bench_child)
#
# Exit codes: 0 done, 1 the program failed or its results are wrong, 77 it is not installed.
#
# A script makes its input (not measured), calls `measured COMMAND...` or `measured_with_rest COMMAND...`, once or more, then `report OPS`.
set -u
export LC_ALL=C TZ=UTC
preload=${BENCH_PRELOAD-}
unset BENCH_PRELOAD COLUMNS # what programs print is as wide on every terminal
here=$(cd "$(dirname "$0")" && pwd)
workload=$(basename "$0" .sh)

fail() { echo "$workload: $*" >&2; exit 1; }

# need PACKAGE PROGRAM...
need() {
  package=$1
  shift
  for program in "$@"; do
    command -v "$program" >/dev/null 2>&1 && continue
    echo "$program is not installed (Debian package $package)"
    exit 77
  done
}

[ $# -eq 0 ] || { echo "usage: sh $workload.sh   (BENCH_PRELOAD names the allocator's library)" >&2; exit 2; }
child=${BENCH_CHILD:-$here/../../../build/bin/bench_child}
[ -x "$child" ] || fail "there is no $child; build first, or name bench_child's place with BENCH_CHILD"
[ -z "$preload" ] || [ -r "${preload%%:*}" ] || fail "there is no library $preload (BENCH_PRELOAD)"

place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-bench.XXXXXX") || exit 1
server=
stop() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; }
  server=
}
trap 'stop; cd /; rm -rf "$place"' EXIT
trap 'exit 130' INT TERM HUP
cd "$place" || exit 1
: >"$place/took"

# Runs a command under the allocator and adds its figures to the sum.
measured() {
  BENCH_PRELOAD=$preload "$child" "$place/took.one" "$@"
  code=$?
  cat "$place/took.one" >>"$place/took"
  return $code
}

now() { date +%s.%N; }

# rest PID: waits for 2 s, and notes what the descendants of the process have resident then.
after=null
rest() {
  sleep 2
  after=0
  for process in $(cat /proc/[0-9]*/stat 2>/dev/null | awk -v root="$1" '
    { pid = $1; sub(/^.*\) /, ""); parent[pid] = $2 }
    END { for (pid in parent) for (above = parent[pid]; above in parent; above = parent[above]) if (above == root) { print pid; break } }'); do
    kib=$(sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$process/smaps_rollup" 2>/dev/null)
    after=$((after + ${kib:-0}))
  done
  [ $after -gt 0 ] || fail "what is resident after the work cannot be read"
}

# The same as `measured`, for a program that makes the file $place/worked when its work is done, and then sleeps for 3 s: these do not count.
measured_with_rest() {
  rm -f "$place/worked"
  start=$(now)
  BENCH_PRELOAD=$preload "$child" "$place/took.one" "$@" &
  running=$!
  while [ ! -e "$place/worked" ] && kill -0 $running 2>/dev/null; do sleep 0.02; done
  [ ! -e "$place/worked" ] || rest $running
  wait $running
  code=$?
  [ -e "$place/worked" ] || return $((code > 0 ? code : 1))
  echo "$start $(date -r "$place/worked" +%s.%N) $(cat "$place/took.one")" | awk '{ printf "%.6f %s %s %s\n", $2 - $1, $4, $5, $6 }' >>"$place/took"
  return $code
}

# start_server COMMAND...: starts a server under the allocator, as the user of $as. Its output is in server.log. The script waits until it answers.
as=
start_server() {
  # shellcheck disable=SC2086 # $as is a list of words
  BENCH_PRELOAD=$preload $as "$child" "$place/took.server" "$@" >server.log 2>&1 &
  server=$!
}

# server_ended LOG: waits for the server, which the script has told to end, and adds its figures. Its seconds are those from $start to $end.
server_ended() {
  wait $server
  code=$?
  server=
  [ $code -eq 0 ] || { tail -n 5 "$1" >&2; fail "the server ended with exit code $code"; }
  echo "$start $end $(cat took.server)" | awk '{ printf "%.6f %s %s %s\n", $2 - $1, $4, $5, $6 }' >>took
}

# Sets $python to the interpreter: python3 may be a shell script that searches for it, which must not be measured. malloc serves all objects. Otherwise
# python's own allocator serves those of up to 512 bytes.
find_python() {
  need python3 python3
  export PYTHONMALLOC=malloc PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
  python=$(python3 -c 'import sys; print(sys.executable)') || fail "python3 cannot print the path of its interpreter"
}

# same_sum EXPECTED FILE: the program's results must be the same as always. (cksum's first word.)
same_sum() {
  sum=$(cksum <"$2" | cut -d ' ' -f 1)
  [ "$sum" = "$1" ] || fail "a wrong result: the checksum of $(basename "$2") is $sum, not $1"
}

# report OPS: the line of JSON.
report() {
  awk -v workload="$workload" -v ops="$1" -v after="$after" '
    { seconds += $1; cpu += $2; if ($3 > peak) peak = $3; cycles += $4; if ($4 < 0) unknown = 1 }
    END {
      printf "{\"workload\":\"%s\",\"ops\":%d,\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"peak_kib\":%d,", workload, ops, seconds, cpu, peak
      printf "\"after_kib\":%s,\"all_cycles\":%s}\n", after, unknown ? "null" : sprintf("%.0f", cycles)
    }
  ' "$place/took"
}
