#!/bin/sh
# What an option needs is denied, one system call after the other: the program goes on and ends well, its double free is reported all the same, and one
# sentence says which option lacks what. The same with calls that hakmem can do without: nothing more is said.
. "$(dirname "$0")/common.sh"
library=$BUILD_DIR/tests/libhakmem-fault.so program=$BUILD_DIR/tests/misuse/double_free
[ -e "$library" ] || skip "built without HAKMEM_FAULTS"

# denied FAULT OPTIONS WORDS: what is said once; without WORDS, nothing of an option
denied() {
  # shellcheck disable=SC2086 # a list of words
  env HAKMEM_FAULT="$1" $2 HAKMEM_ON_ERROR=report LD_PRELOAD="$library" "$program" >"$place/out" 2>"$place/err"
  status=$?
  what="HAKMEM_FAULT=$1 $2"
  [ $status -eq 0 ] && [ "$(cat "$place/out")" = 'went on' ] || fail "$what: exit status $status: $(cat "$place/err")"
  grep -hq 'verdict=double_free' "$place/err" "$place"/log* 2>/dev/null || fail "$what: no report of the double free: $(cat "$place/err")"
  said=$(grep -c '^hakmem: ' "$place/err")
  if [ -n "$3" ]; then
    grep -q "^hakmem: .*$3" "$place/err" && [ "$said" -eq 1 ] || fail "$what: not '$3' and that alone: $(cat "$place/err")"
  else
    [ "$said" -eq 0 ] || fail "$what: $(cat "$place/err")"
  fi
  rm -rf "$place"/stats* "$place"/log* "$place"/flight*
}

stats=HAKMEM_STATS_FILE=$place/stats
denied open:from=1 "$stats" 'STATS_FILE: cannot make .*: Too many open files; this process keeps its statistics in memory'
denied open:from=1:errno=EACCES "$stats" 'STATS_FILE: cannot make .*: Permission denied; '
denied stat:from=1 "$stats" 'STATS_FILE: cannot make .*: too many files with this name exist; '
denied pwrite:from=1 "$stats" 'STATS_FILE: cannot write .*: No space left on device; it lacks what this process counts from now on'
denied pwrite:nth=2 "$stats" 'STATS_FILE: cannot write .*: No space left on device; '
denied flock:from=1 "$stats" ''
: >"$place/stats" # of a process that has ended
denied unlink:from=1 "$stats" 'STATS_FILE: cannot make .*: Read-only file system; '
printf 'not statistics' >"$place/stats"
denied pread:from=1 "$stats" 'STATS_FILE: cannot make .*: it is not a statistics file, and is not overwritten; '

flight=HAKMEM_FLIGHT_FILE=$place/flight
denied mkdir:from=1 "$flight" 'FLIGHT_FILE: cannot make .*: Read-only file system; this process has no recording'
denied mkdir:from=1:errno=17 "$flight" 'FLIGHT_FILE: cannot make .*: File exists; this process has no recording'
denied rename:from=1 "$flight" 'FLIGHT_FILE: cannot make .*: Read-only file system; this process has no recording'
denied pwrite:from=1 "$flight" 'FLIGHT_FILE: cannot make .*: No space left on device; this process has no recording'
denied pwrite:from=2 "$flight" 'FLIGHT_FILE: cannot write .*: No space left on device; the recording ends here'

log="HAKMEM_LOG=all HAKMEM_LOG_FILE=$place/log"
denied open:from=1 "$log" 'LOG_FILE: cannot open .*: Too many open files; using standard error'
denied access:from=1 "$log" 'LOG_FILE: cannot open .*: Permission denied; using standard error'
denied fcntl:from=1 "$log" 'LOG_FILE: cannot open .*: Too many open files; using standard error'

denied process_vm_readv:from=1 HAKMEM_LEAKS=1 'LEAKS: no report: out of memory, or the system does not let a process read itself'
denied open:from=1 HAKMEM_LEAKS=1 'LEAKS: no report: cannot read /proc/self/maps'
denied getdents:from=1 HAKMEM_LEAKS=1 ''

denied mmap:nth=1 HAKMEM_GUARD=1 'GUARD: there is not enough address space to keep guarded blocks in'
denied mmap:nth=2 HAKMEM_DEBUG=1 'DEBUG: there is no memory for the quarantine: freed blocks are used again at once'
denied rlimit:from=1 HAKMEM_GUARD=1 ''
for call in open pread getcwd sysinfo rlimit; do denied $call:from=1 'HAKMEM_SOFT_LIMIT=auto' ''; done
for call in madvise membarrier mincore uname; do denied $call:from=1 'HAKMEM_SECURE=1 HAKMEM_RELEASE_DELAY=0' ''; done
