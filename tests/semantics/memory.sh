#!/bin/sh
# Memory runs out under ulimit -v, is there again after a free, and large blocks are kept for the next call.
. "$(dirname "$0")/common.sh"
(
  ulimit -v 500000
  everywhere "$programs/memory" limit
) || exit 1
for kind in all odd; do
  (
    ulimit -v 300000
    everywhere "$programs/memory" $kind
  ) || exit 1
done
everywhere "$programs/memory" later
for option in HAKMEM_DEBUG=1 HAKMEM_GUARD=1 HAKMEM_GUARD=7 HAKMEM_PROFILE=64K; do
  env $option LD_PRELOAD="$DEFAULT" "$programs/memory" later >"$place/out" 2>&1 || { cat "$place/out"; fail "under a limit that the program sets, with $option"; }
done
for kind in release loop; do
  everywhere "$programs/memory" $kind
  cat "$place/out"
done

# Fresh zeroed memory is resident at once where there are several threads, up to HAKMEM_POPULATE.
zeroed() { env "$1" LD_PRELOAD="$DEFAULT" "$programs/memory" zeroed; }
# shellcheck disable=SC2046 # words are meant
set -- $(zeroed HAKMEM_HELP=0) $(zeroed HAKMEM_POPULATE=0) $(zeroed HAKMEM_POPULATE=7000000)
echo "KiB that became resident: $*"
[ $# -eq 12 ] || fail "calloc failed"
for untouched in "$1" "$2" "$4" "$5" "$6" "$7" "$8" "$9" "${10}"; do
  [ "$untouched" -lt 1000 ] || fail "calloc makes memory resident that was not asked to be"
done
if python3 -c 'import sys, platform; sys.exit(tuple(int(n) for n in platform.release().split(".")[:2]) < (5, 14))'; then
  [ "$3" -gt 2900 ] && [ "${11}" -gt 2900 ] && [ "${12}" -gt 5900 ] || fail "calloc does not make memory resident"
fi
