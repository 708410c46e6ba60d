#!/bin/sh
# The counts are exact: what the statistics say about two runs differs by exactly what the runs did more, in every class row.
. "$(dirname "$0")/common.sh"
counts=$programs/counts

# run NAME N OPTION=VALUE...: leaves NAME.did and NAME.said.
run() {
  name=$1 n=$2
  shift 2
  mkdir "$place/$name"
  env "$@" LD_PRELOAD="$DEFAULT" HAKMEM_STATS_FILE="$place/$name/%p" "$counts" "$n" >"$place/$name.did" || fail "counts $n failed"
  set -- "$place/$name"/*
  [ $# -eq 1 ] && [ -e "$1" ] || fail "expected one statistics file, found: $*"
  "$counts" --read "$1" >"$place/$name.said" || fail "cannot read $1"
}

check() {
  rm -rf "${place:?}"/one "${place:?}"/two
  run one 300 "$@"
  run two 700 "$@"
  paste -d ' ' "$place/one.did" "$place/two.did" "$place/one.said" "$place/two.said" | awk -v options="$*" -v rows="$(wc -l <"$place/one.did")" '
    { did_allocs = $5 - $2; did_frees = $6 - $3; said_allocs = $11 - $8; said_frees = $12 - $9; total += did_allocs }
    options ~ /LIMIT/ && NR >= rows - 1 { # beyond the limit, legacy serves the large blocks as huge ones: the two rows count as one
      did += did_allocs; said += said_allocs; did_allocs = did; said_allocs = said
      away += did_frees; told += said_frees; did_frees = away; said_frees = told
      if (NR < rows) next
    }
    did_allocs != said_allocs || did_frees != said_frees {
      printf "%s: row %d: did %d allocs and %d frees more, the statistics say %d and %d\n", options, $1, did_allocs, did_frees, said_allocs, said_frees
      wrong = 1
    }
    END { if (NR < 70 || total < 100000) { print "nothing was compared"; wrong = 1 } exit wrong }' || exit 1
  echo "exact with $*"
}

check HAKMEM_LOG=
check HAKMEM_TRACE=full
check HAKMEM_STATS_SAMPLE=0 HAKMEM_DRAIN_INTERVAL=0
check HAKMEM_STATS_SAMPLE=1 HAKMEM_DRAIN_INTERVAL=1
check HAKMEM_LOOKUP=hash HAKMEM_SS_SIZE=4M
check HAKMEM_SS_LIMIT=3 HAKMEM_STACKS=off HAKMEM_SS_SIZE=4M
check HAKMEM_RELEASE_DELAY=0 HAKMEM_STATS_INTERVAL=1
