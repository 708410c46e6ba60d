#!/bin/sh
# Measures allocators side by side with random_mixed:   sh tools/bench/compare.sh [-b BUILD] [-r ROUNDS] ...
# Each run is a process of its own, and the allocators take turns within a round, so that a machine that slows down for a while
# slows them all. A ratio is the median of the rounds' ratios to glibc in the same round.
# Exit codes: 0 done, 1 a run failed, 2 bad usage.
set -u
export LC_ALL=C

usage() {
  cat <<'END'
usage: compare.sh [OPTION...]
  -b BUILD       the build directory that holds bin/random_mixed and lib/libhakmem.so (build)
  -w "WS ..."    working sets, slots ("256 8192 65536 1048576")
  -r ROUNDS      (5)
  -n OPS         operations of a run (20000000)
  -t THREADS     (1)
  -s SEED        of the first round; the next rounds count up (1)
  -a "NAME ..."  allocators to compare, of: loop (none at all) glibc hakmem hakmem-plain mimalloc jemalloc
                 tcmalloc, or the path of a library (all)
  --cpu          operations per second of processor time: for a machine that does other things meanwhile
  --callgrind    instructions per operation, counted by valgrind, in place of speed
  --csv FILE     every single result, too
  -h             this text
END
}

die() { echo "compare.sh: $1" >&2; exit "${2:-1}"; }

build=build sets='256 8192 65536 1048576' rounds=5 ops=20000000 threads=1 seed=1
wanted='loop glibc hakmem hakmem-plain mimalloc jemalloc tcmalloc' callgrind=no figure=mops_per_s csv=
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --callgrind) callgrind=yes; shift; continue ;;
    --cpu) figure=mops_per_cpu_s; shift; continue ;;
  esac
  [ $# -ge 2 ] || { usage >&2; exit 2; }
  case $1 in
    -b) build=$2 ;;
    -w) sets=$2 ;;
    -r) rounds=$2 ;;
    -n) ops=$2 ;;
    -t) threads=$2 ;;
    -s) seed=$2 ;;
    -a) wanted=$2 ;;
    --csv) csv=$2 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift 2
done
for number in $rounds $ops $threads $seed $sets; do
  case $number in
    '' | *[!0-9]* | 0) die "'$number' is not a number above 0" 2 ;;
  esac
done

program=$build/bin/random_mixed
[ -x "$program" ] || die "there is no $program; build first (cmake --build $build), or name another build directory with -b" 2
scratch=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-compare.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM HUP
results=$scratch/results # allocator, working set, round, figure, KiB

# ---- The allocators. ----

# The path of the shared library with the soname $1, or nothing.
library() { /sbin/ldconfig -p | awk -v name="$1" '$1 == name && !found { print $NF; found = 1 }'; }

# Sets `path` to the library of allocator $1 (empty for glibc and for the loop alone); false where there is none.
locate() {
  package=
  case $1 in
    loop | glibc) path=; return 0 ;;
    hakmem | hakmem-plain) path=$build/lib/lib$1.so ;;
    mimalloc) package=libmimalloc2.0 path=$(library libmimalloc.so.2) ;;
    jemalloc) package=libjemalloc2 path=$(library libjemalloc.so.2) ;;
    tcmalloc) package=libtcmalloc-minimal4 path=$(library libtcmalloc_minimal.so.4) ;;
    */*) path=$1 ;;
    *) die "does not know the allocator '$1'; name one of the list (-h) or a library by its path" 2 ;;
  esac
  [ -n "$path" ] && [ -e "$path" ]
}

present=
for name in $wanted; do
  if locate "$name"; then
    present="$present $name"
  elif [ -n "$package" ]; then
    echo "left out: $name (Debian package $package is not installed)" >&2
  else
    echo "left out: $name ($path is not there)" >&2
  fi
done
[ -n "$present" ] || die "none of the allocators is there"

# ---- One run. ----

# Runs random_mixed with the allocator $1 and the further arguments, in front of it the words of $tool.
run() {
  locate "$1"
  allocator=$1
  shift
  [ "$allocator" = loop ] && set -- --null "$@"
  # shellcheck disable=SC2086 # $tool is a list of words
  env LD_PRELOAD="$path" $tool "$program" --threads "$threads" --json "$@" >"$scratch/out" 2>"$scratch/err" || {
    cat "$scratch/err" >&2
    die "this failed: LD_PRELOAD=$path $tool $program --threads $threads $*"
  }
  # The dynamic linker only warns where it cannot preload.
  if [ -n "$path" ] && ! grep -q "\"allocator\":\".*${path##*/}" "$scratch/out"; then
    cat "$scratch/err" >&2
    die "$path did not take malloc over: $(cat "$scratch/out")"
  fi
}

field() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" "$scratch/out"; }

measure_speed() { # allocator, working set, round
  tool=
  run "$1" --ws "$2" --ops "$ops" --seed $((seed + $3 - 1))
  echo "$1 $2 $3 $(field $figure) $(field max_rss_kib)" >>"$results"
}

instructions() { # allocator, working set, operations
  run "$1" --ws "$2" --ops "$3" --seed "$seed"
  sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$scratch/err"
}

# Two runs that differ in nothing but the operations: their difference has no start-up in it.
measure_instructions() {
  tool='valgrind --tool=callgrind --callgrind-out-file=/dev/null'
  few=$(instructions "$1" "$2" 500000) && many=$(instructions "$1" "$2" 1500000) || exit 1
  awk -v name="$1" -v ws="$2" -v few="$few" -v many="$many" -v threads="$threads" \
    'BEGIN { printf "%s %s 1 %.2f 0\n", name, ws, (many - few) / 1000000 / threads }' >>"$results"
}

# ---- The table. ----

table() {
  awk -v sets="$sets" -v names="$present" -v rounds="$rounds" -v callgrind="$callgrind" '
    function median(list, n,    i, j, t) {
      for (i = 2; i <= n; i++) {
        t = list[i]
        for (j = i - 1; j > 0 && list[j] > t; j--) list[j + 1] = list[j]
        list[j + 1] = t
      }
      return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
    }
    { figure[$1, $2, $3] = $4; kib[$1, $2, $3] = $5 }
    END {
      ns = split(sets, ws, " "); na = split(names, name, " ")
      for (a = 1; a <= na; a++) if (name[a] == "glibc") base = "glibc"
      printf "%-14s", "working set"
      for (s = 1; s <= ns; s++) printf " | %*d", callgrind == "yes" ? 9 : 30, ws[s]
      printf "\n%-14s", ""
      for (s = 1; s <= ns; s++) printf callgrind == "yes" ? " |    ins/op" : " | M ops/s  spread  ratio     MiB"
      printf "\n"
      for (a = 1; a <= na; a++) {
        label = name[a]; sub(".*/", "", label)
        printf "%-14s", label
        for (s = 1; s <= ns; s++) {
          if (callgrind == "yes") { printf " | %9.1f", figure[name[a], ws[s], 1]; continue }
          for (r = 1; r <= rounds; r++) {
            f[r] = figure[name[a], ws[s], r]; m[r] = kib[name[a], ws[s], r]
            if (base != "") q[r] = f[r] / figure[base, ws[s], r]
          }
          middle = median(f, rounds)
          printf " | %7.1f  %5.0f%%  %5s  %6.1f", middle, 50 * (f[rounds] - f[1]) / middle,
            base == "" ? "-" : sprintf("%.2f", median(q, rounds)), median(m, rounds) / 1024
        }
        printf "\n"
      }
    }' "$results"
}

# ---- All of it. ----

total=$(($(echo "$present" | wc -w) * $(echo "$sets" | wc -w)))
if [ "$callgrind" = yes ]; then
  command -v valgrind >/dev/null || die "valgrind is not installed (Debian package valgrind)"
  rounds=1
fi
round=0 done=0
while [ $((round += 1)) -le "$rounds" ]; do
  for ws in $sets; do
    for name in $present; do
      if [ "$callgrind" = yes ]; then measure_instructions "$name" "$ws"; else measure_speed "$name" "$ws" "$round"; fi
      done=$((done + 1))
      [ -t 2 ] && printf '\r%d of %d runs' "$done" $((total * rounds)) >&2
    done
  done
done
[ -t 2 ] && printf '\r\033[K' >&2

if [ -n "$csv" ]; then
  { echo "allocator,ws,round,$([ "$callgrind" = yes ] && echo instructions_per_op || echo $figure),max_rss_kib"; tr ' ' , <"$results"; } >"$csv" ||
    die "could not write $csv"
fi
echo "random_mixed, 16 to 1024 bytes, $threads thread(s); $(sed -n 's/^model name.*: //p;' /proc/cpuinfo | head -n 1), $(nproc) CPUs"
if [ "$callgrind" = yes ]; then
  echo "Instructions per operation, the benchmark's loop included, from the difference of 500000 and 1500000 operations."
else
  echo "$rounds rounds of $ops operations, per second$([ $figure = mops_per_s ] || echo ' of processor time'); medians; spread: half of the span from worst to best; ratio: to glibc, of the same round; MiB: most resident."
fi
table
