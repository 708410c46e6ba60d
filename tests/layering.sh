#!/bin/sh
# The floors of the house: a file of src/ includes only what stands on a lower floor or on its own; nobody reaches into
# another folder further than the table below allows; only one place knows each foreign library.
set -u
cd "$(dirname "$0")/.." || exit 1
problems=$(mktemp)
trap 'rm -f "$problems"' EXIT
wrong() { echo "$*" >>"$problems"; }

# The floor of a file of src/.
floor() {
  case $1 in
    base.?) echo 0 ;;
    lock.? | syscall.? | random.h | os.? | config.? | options.? | size_class.? | header.? | events.? | message.? | file.? | maps.? | ranges.? | hakmem.h) echo 1 ;;
    superslab.? | directory.? | kept.? | records.? | profile.? | units.?) echo 2 ;;
    shared_pool.? | legacy.? | evidence.? | misuse.? | audit.? | end_check.? | reach.? | recording.? | guard.?) echo 3 ;;
    shared_fail.? | reclaim.? | quarantine.? | tls_sll.? | tls_lists.h | tls_budget.c | tls_drain.c | tls_idle.c | tls_threads.c | large.?) echo 4 ;;
    alloc.? | front.? | debug.? | family.c | start.c) echo 5 ;;
    malloc.c | cxx.c | operators.? | jemalloc.c | loading.c | atfork.c | hakmem.c) echo 6 ;;
    *) return 1 ;;
  esac
}

# The files that $1 includes with "...", one a line.
includes() { sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$1"; }

# Reads src/ by the table of floors. base.h includes nothing of ours.
for file in src/*.c src/*.h; do
  name=$(basename "$file")
  own=$(floor "$name") || { wrong "$file: stands on no floor; put it into tests/layering.sh and the README"; continue; }
  for included in $(includes "$file"); do
    case $included in
      */*) wrong "$file: includes $included of another folder"; continue ;;
    esac
    [ -e "src/$included" ] || { wrong "$file: includes $included, which is not in src/"; continue; }
    theirs=$(floor "$included") || continue
    [ "$theirs" -le "$own" ] || wrong "$file (floor $own): includes $included (floor $theirs)"
    [ "$own" -gt 0 ] || wrong "$file: base includes nothing of ours, but here $included"
  done
done

# tools/ sees of the library only what a file format needs.
for file in $(find tools tracepoints -name '*.c' -o -name '*.h'); do
  for included in $(includes "$file"); do
    name=$(basename "$included")
    [ -e "$(dirname "$file")/$included" ] && case $included in ../*) ;; *) continue ;; esac # its own
    case $file:$name in
      tools/bench/*:hakmem.h | tools/bench/threads/*:harness.h) ;;
      tools/man/man.c:config.h | tools/man/man.c:model.h | tools/man/man.c:explain.h) ;; # the tables of options, of the reports, to be printed
      tools/*:options.h | tools/*:events.h | tools/*:size_class.h | tools/*:histogram.h | tools/*:stats.h | tools/*:base.h) ;;
      tracepoints/*:events.h | tracepoints/*:size_class.h | tracepoints/*:base.h) ;;
      *) wrong "$file: includes $included, which is not for it" ;;
    esac
  done
done

# Foreign libraries: include PATTERN, and who alone may know it.
only() {
  pattern=$1
  shift
  for file in $(grep -rlE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$pattern" --include='*.c' --include='*.h' \
    src instrumentation tracepoints tools); do
    allowed=no
    for place in "$@"; do
      case $file in
        "$place"*) allowed=yes ;;
      esac
    done
    [ $allowed = yes ] || wrong "$file: includes $pattern; only $* may"
  done
}
# liblttng-ctl, which `hakmem record` steers a session with, is another library than the tracer's.
only 'lttng/(tracepoint|ust|lttng-ust)' tracepoints/
only 'lttng/' tracepoints/ tools/
only 'libunwind' instrumentation/unwind_libunwind.c
only 'valgrind/' instrumentation/memcheck.c
only 'sanitizer/' instrumentation/asan.c
only 'babeltrace2/' tools/
only 'jansson' tools/
only 'elfutils/' tools/

# Only os.c maps memory for the core.
for file in $(grep -lE '\b(sys_)?(mmap|munmap|mremap|madvise|mprotect|sbrk)[[:space:]]*\(' src/*.c); do
  [ "$file" = src/os.c ] || wrong "$file: maps memory; only src/os.c does"
done

# A long file has two jobs: worth a look, not a failure.
for file in $(find src instrumentation tracepoints tools tests -name '*.[ch]'); do
  lines=$(wc -l <"$file")
  [ "$lines" -le 450 ] || echo "note: $file has $lines lines"
done

if [ -s "$problems" ]; then
  cat "$problems"
  exit 1
fi
