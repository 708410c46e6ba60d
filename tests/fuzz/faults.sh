#!/bin/sh
# The model test while system calls fail on request (src/platform/refuse/refuse.h), in every mode: a call returns NULL with ENOMEM or a block that is whole, and
# nothing is reported as damage. When the faults have ended, every call succeeds and the memory is returned to the kernel.
#
#   faults.sh        each mode with one kind of fault, each kind of fault in one mode
#   faults.sh all    all kinds in all modes: some minutes
. "$(dirname "$0")/common.sh"

# ---- What is installed has no such code. ----
for library in libhakmem.so libhakmem-plain.so libhakmem-api.a; do
  ! nm "$BUILD_DIR/lib/$library" 2>/dev/null | grep -q 'refuse_' || { echo "$library has the code that makes system calls fail"; exit 1; }
  ! grep -qaF 'no system call will fail' "$BUILD_DIR/lib/$library" || { echo "$library reads HAKMEM_FAULT"; exit 1; }
done
said=$(HAKMEM_FAULT=mmap:every=1 LD_PRELOAD="$BUILD_DIR/lib/libhakmem.so" cat /dev/null 2>&1)
case $said in
  *'HAKMEM_FAULT is not an option and is ignored'*) ;;
  *) echo "HAKMEM_FAULT with libhakmem.so: '$said'"; exit 1 ;;
esac

events=$BUILD_DIR/tests/fuzz/model-fault
plain=$BUILD_DIR/tests/fuzz/model-fault-plain
[ -x "$events" ] || { echo "built without HAKMEM_FAULTS"; exit 77; }

# ---- What it does not understand. ----
for wrong in mmap mmap: mmap:every mmap:every=0 mmap:evry=3 mmap:p=1.5 mmap:p=x mmap:nth=0 nmap:every=3 mmap:every=3,, mmap:seed=3 mmap:every=3:errno=EWHAT \
  mmap:every=3x ''; do
  said=$(HAKMEM_FAULT=$wrong "$events" -t 1 -r 2 -n 10 2>&1)
  case $said in
    *'HAKMEM_FAULT: no system call will fail: cannot read '*' (CALL:nth=N|'*) ;;
    *) echo "HAKMEM_FAULT=$wrong: '$said'"; exit 1 ;;
  esac
done

# ---- The model. ----
# faulty FAULT PROGRAM OPTIONS [NAME=VALUE...]: mmap may fail for lack of memory; with all other faults, each call of the model has to succeed.
faulty() {
  fault=$1 program=$2 options=$3
  shift 3
  case $fault in *mmap:* | *all:*) options="$options -e" ;; esac
  rm -rf "$place"/file*
  # shellcheck disable=SC2086 # lists of words
  env HAKMEM_FAULT="$fault" "$@" timeout 250 "$program" -s "$fresh_seed" $options >"$place/stdout" 2>"$place/stderr"
  status=$?
  # That a file cannot be had is said; that a block is damaged would be wrong.
  cat "$place"/file.log 2>/dev/null | grep -v 'TLS_SLL_DRAIN\|SS_BACKEND\|^hakmem:' >>"$place/stderr"
  if [ $status -ne 0 ] || grep -vq '^hakmem: .*\(cannot\|not enough address space\|is cut off\)\|^\[LEAKS\] nothing is lost\|^\[TLS_SLL_DRAIN\]\|^\[SS_BACKEND\]' "$place/stderr"; then
    head -n 30 "$place/stderr"
    echo "exit status $status of: HAKMEM_FAULT=$fault $* $program -s $fresh_seed $options"
    exit 1
  fi
  failed=$(sed -n 's/^\([0-9]*\) system calls failed.*/\1/p' "$place/stdout")
  echo "$failed failed: $fault $*"
}
# The same, and at least one call must fail. A short run may make no call of a seldom kind; then a longer one follows.
failing() {
  faulty "$@"
  fault=$1 program=$2 options=$3
  shift 3
  for operations in 2000 4000 8000 16000; do
    [ "${failed:-0}" -gt 0 ] || faulty "$fault" "$program" "$options -n $operations" "$@"
  done
  [ "${failed:-0}" -gt 0 ] || { echo "no system call failed"; exit 1; }
}

statistics="HAKMEM_STATS_FILE=$place/file.stats HAKMEM_STATS_INTERVAL=1"
flight="HAKMEM_FLIGHT_FILE=$place/file.flight HAKMEM_FLIGHT_SIZE=32768"
log="HAKMEM_LOG=all HAKMEM_LOG_FILE=$place/file.log"
seed=$fresh_seed
memory="mmap:every=3 mmap:from=30 mmap:nth=4 mmap:p=0.3:seed=$seed munmap:every=2 munmap:from=1 mremap:from=1 madvise:every=3 madvise:from=1:errno=ENOSYS
  membarrier:from=1 mremap:from=1,mmap:every=5,process_vm_readv:every=2 munmap:every=2,mmap:every=4 all:p=0.3:seed=$seed"
files="all:p=0.1:seed=$seed open:from=1 write:every=2 pwrite:from=3 ftruncate:from=1 fstat:every=3 fcntl:from=1 stat:every=2 mkdir:from=1 close:every=2"
modes="HAKMEM_DEBUG=0|HAKMEM_DEBUG=1|HAKMEM_GUARD=1|HAKMEM_GUARD=7|$statistics|$flight|$log|HAKMEM_PROFILE=4096|HAKMEM_TRACE=full|HAKMEM_SS_LIMIT=2|HAKMEM_LEAKS=1"
modes="$modes|HAKMEM_RELEASE_DELAY=0 HAKMEM_DRAIN_INTERVAL=1 HAKMEM_SS_SIZE=512K"

if [ "${1:-}" = all ]; then
  for fault in $memory $files mprotect:p=0.1:seed="$seed" mprotect:from=1 mprotect:every=2 mincore:every=2 pread:every=2 rlimit:from=1 sysinfo:from=1; do
    faulty "$fault" "$plain" '-n 2000'
    echo "$modes" | tr '|' '\n' >"$place/modes"
    while read -r mode; do
      faulty "$fault" "$events" '-n 2000' $mode # shellcheck disable=SC2086 # a list of words
    done <"$place/modes"
  done
  exit 0
fi

few='-t 3 -r 3 -n 700 -m 64'
for fault in $memory; do
  failing "$fault" "$events" "$few"
done
failing "mmap:every=3,munmap:every=2,madvise:every=3,mremap:every=2" "$plain" "$few"
for guard in HAKMEM_GUARD=1 HAKMEM_GUARD=7 HAKMEM_DEBUG=1; do
  failing "mprotect:p=0.1:seed=$seed,madvise:every=5" "$events" "$few" $guard
done
echo "$modes" | tr '|' '\n' >"$place/modes"
while read -r mode; do
  failing "all:p=0.2:seed=$seed" "$events" "$few" $mode # shellcheck disable=SC2086
done <"$place/modes"
for fault in $files; do
  failing "$fault" "$events" '-t 2 -r 2 -n 200 -m 16' $statistics $flight $log # shellcheck disable=SC2086
done

# ---- Programs, by malloc's own names. ----
library=$BUILD_DIR/tests/libhakmem-fault.so
printf 'b\na\n' >"$place/lines"
for fault in munmap:every=2,madvise:every=3,mremap:every=2,mprotect:every=3,membarrier:from=1 all:p=0.2:seed="$seed",mmap:from=1:to=0; do
  for mode in HAKMEM_DEBUG=1 HAKMEM_GUARD=3 "$statistics $flight" "$log"; do
    rm -rf "$place"/file*
    # shellcheck disable=SC2086 # a list of words
    out=$(env HAKMEM_FAULT="$fault" LD_PRELOAD="$library" $mode sort "$place/lines" 2>"$place/stderr")
    status=$?
    [ $status -eq 0 ] && [ "$out" = "$(printf 'a\nb')" ] && ! grep -q TLS_SLL_HDR_RESET "$place/stderr" && continue
    echo "exit status $status of sort, which wrote '$out': HAKMEM_FAULT=$fault $mode: $(cat "$place/stderr")"
    exit 1
  done
  env HAKMEM_FAULT="$fault" LD_PRELOAD="$library" timeout 250 "$BUILD_DIR/tests/fuzz/model-malloc" -s "$seed" -t 3 -r 2 -n 700 >"$place/stdout" 2>"$place/stderr" ||
    { echo "exit status $? of model-malloc: HAKMEM_FAULT=$fault: $(cat "$place/stderr")"; exit 1; }
done
