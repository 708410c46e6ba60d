#!/bin/sh
# The floors of the house. Each folder is a floor: a file includes only files of its own folder and of the floors below it, and no two files
# include each other, not even through others. Between the folders at the top level only listed headers may be used, and only one place knows each
# foreign library. src/README.md, instrumentation/README.md and tools/README.md say what each floor is for.
set -u
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-layering.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
problems=$work/problems
: >"$problems"
wrong() { echo "$*" >>"$problems"; }

# From the lowest floor to the highest; `.` stands for the files that lie in the folder itself.
floors() {
  case $1 in
    src) echo platform/refuse platform . memory/sets memory slabs slabs/pool slabs/legacy checks modes modes/debug modes/secure threads alloc names ;;
    instrumentation) echo base statistics stacks snapshots incidents checkers sinks control . ;;
    tools) echo common symbols model input/process input/trace/sum input/trace input/relay input/merged input report report/text report/json compare explain export export/store page top top/show top/live listen words session/relay session doors control push bench bench/show commands commands/running ;;
  esac
}

# What a file of one top-level folder may include of another.
may_use() {
  case $1:$2 in
    # The allocator's public header, for programs that are tested or measured.
    tools/workloads/*:src/names/hakmem.h) ;;
    # The formats of files: the vocabulary of events, options, size classes, histograms, the statistics block.
    tools/*:src/events.h | tools/*:src/platform/options.h | tools/*:src/platform/base.h | tools/*:src/slabs/size_class.h | tools/*:src/memory/layout.h) ;;
    tools/*:instrumentation/statistics/stats_block.h | tools/*:instrumentation/statistics/histogram.h | tools/*:instrumentation/statistics/control.h) ;;
    tools/man/man.c:src/platform/config.h) ;; # the table of options, to be printed
    # The contract between the library and a tracer.
    tracepoints/*:instrumentation/base/sink.h | tools/workloads/*:instrumentation/base/sink.h) ;;
    tracepoints/*:src/events.h | tracepoints/*:src/platform/base.h | tracepoints/*:src/slabs/size_class.h) ;;
    # The core, for the instrumentation: what it says, what it is made of at the bottom, and functions to read it with.
    instrumentation/*:src/events.h | instrumentation/*:src/probe.h | instrumentation/*:src/checker_hooks.h | instrumentation/*:src/names/hakmem.h) ;;
    instrumentation/*:src/platform/base.h | instrumentation/*:src/platform/file.h | instrumentation/*:src/platform/config.h) ;;
    instrumentation/*:src/platform/options.h | instrumentation/*:src/modes/modes.h) ;;
    instrumentation/*:src/platform/lock.h | instrumentation/*:src/platform/message.h | instrumentation/*:src/platform/syscall.h) ;;
    instrumentation/*:src/memory/os.h | instrumentation/*:src/memory/soft_limit.h | instrumentation/*:src/memory/maps.h | instrumentation/*:src/memory/layout.h) ;;
    instrumentation/*:src/slabs/size_class.h | instrumentation/*:src/checks/view.h | instrumentation/*:src/checks/records.h | instrumentation/*:src/checks/misuse.h) ;;
    instrumentation/*:src/modes/guard.h | instrumentation/*:src/modes/profile.h | instrumentation/*:src/modes/reach.h) ;;
    instrumentation/*:src/alloc/usage.h | instrumentation/*:src/alloc/start.h | instrumentation/*:src/alloc/front.h) ;;
    *) return 1 ;;
  esac
}

sources() { find "$1" -name '*.[ch]' | sort; }

# The files that $1 includes with "...", each with the number of its line, one a line.
includes() { sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$1"; }

# resolve FILE INCLUDED: the path of the included file, from the root of the tree.
resolve() {
  for candidate in "${1%/*}/$2" "${1%%/*}/$2" "$2"; do
    [ -e "$candidate" ] || continue
    case $candidate in
      *..*) realpath --relative-to=. "$candidate" ;;
      *) echo "$candidate" ;;
    esac
    return
  done
  return 1
}

# All includes of ours: "FILE INCLUDED" with full paths.
for file in $(sources src) $(sources instrumentation) $(sources tools) $(sources tracepoints); do
  for included in $(includes "$file"); do
    if path=$(resolve "$file" "$included"); then echo "$file $path"; else wrong "$file: includes $included, which is not there"; fi
  done
done >"$work/all"

# The floor of a file within its top-level folder, as a number; nothing, if its folder is none of the floors.
floor() {
  folder=${1#*/}
  case $folder in
    */*) folder=${folder%/*} ;;
    *) folder=. ;;
  esac
  number=0
  for name in $(floors "${1%%/*}"); do
    number=$((number + 1))
    [ "$name" = "$folder" ] && echo $number && return
  done
}

while read -r file included; do
  top=${file%%/*}
  if [ "$top" != "${included%%/*}" ]; then
    may_use "$file" "$included" || wrong "$file: includes $included, which is not for it"
    continue
  fi
  own=$(floor "$file") theirs=$(floor "$included")
  [ -z "$own" ] || [ -z "$theirs" ] || [ "$theirs" -le "$own" ] || wrong "$file: includes $included of a higher floor"
done <"$work/all"

# Each folder with sources is a floor, or stands beside them.
for folder in $(sources src) $(sources instrumentation) $(sources tools); do dirname "$folder"; done | sort -u >"$work/folders"
while read -r folder; do
  case $folder in
    tools/demo | tools/man | tools/workloads*) continue ;; # programs of their own
  esac
  [ -n "$(floor "$folder/x")" ] || wrong "$folder: stands on no floor; put it into tests/layering.sh and the folder's README"
done <"$work/folders"

# A folder with more sources than a reader can keep in mind is two folders.
while read -r folder; do
  count=$(find "$folder" -maxdepth 1 -name '*.[ch]' | wc -l)
  [ "$count" -le 16 ] || wrong "$folder: holds $count sources, more than 16"
done <"$work/folders"

# No circles: x.c and x.h are one.
sed 's/\.[ch]\b//g' "$work/all" | awk '$1 != $2' | sort -u >"$work/edges"
tsort <"$work/edges" >"$work/order" 2>"$work/circles" || {
  wrong "files include each other in a circle:"
  sed 's/^tsort: -: input contains a loop:$/a circle:/; s/^tsort: /    /' "$work/circles" >>"$problems"
}

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
# liblttng-ctl, which `hakmem record` controls a session with, is another library than the tracer's.
only 'lttng/(tracepoint|ust|lttng-ust)' tracepoints/
only 'lttng/' tracepoints/ tools/
only 'libunwind' instrumentation/stacks/unwind_libunwind.c
only 'valgrind/' instrumentation/checkers/memcheck.c
only 'sanitizer/' instrumentation/checkers/asan.c
only 'babeltrace2/' tools/
only 'jansson' tools/
only 'n?curses' tools/top/live/terminal.c
only 'elfutils/' tools/
only 'profile\.pb-c' tools/export/pprof.c
only 'zlib' tools/export/pprof.c
only 'curl/' tools/export/store/http.c
only 'metrics\.pb-c' tools/listen/native.c
only 'microhttpd' tools/listen/server.c

# Only os.c maps memory for the core.
for file in $(grep -lE '\b(sys_)?(mmap|munmap|mremap|madvise|mprotect|sbrk)[[:space:]]*\(' $(find src -name '*.c')); do
  [ "$file" = src/memory/os.c ] || wrong "$file: maps memory; only src/memory/os.c does"
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
