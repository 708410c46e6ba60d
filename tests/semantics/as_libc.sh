#!/bin/sh
# The malloc family answers what the C library's does, call by call. Where versions of glibc differ, hakmem follows the newer ones.
. "$(dirname "$0")/common.sh"
"$programs/as_libc" >"$place/libc" 2>&1 || { tail -n 5 "$place/libc"; fail "fails without hakmem"; }
[ "$(wc -l <"$place/libc")" -gt 700 ] || fail "too few calls"
version=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc 2\.\([0-9]*\).*/\1/p')
older='^$'
[ "${version:-99}" -ge 38 ] || older='^2\.38 '
for mode in "" HAKMEM_TRACE=full HAKMEM_SECURE=1 HAKMEM_DEBUG=1 HAKMEM_GUARD=1; do
  for library in "$DEFAULT" "$PLAIN"; do
    [ "$library" = "$DEFAULT" ] || [ -z "$mode" ] || continue
    env $mode LD_PRELOAD="$library" "$programs/as_libc" >"$place/ours" 2>&1 || { status=$?; tail -n 5 "$place/ours"; fail "${mode:-default}: exit status $status"; }
    grep -v "$older" "$place/libc" >"$place/expected"
    grep -v "$older" "$place/ours" | diff "$place/expected" - >"$place/diff" && continue
    grep -c '^[<>]' "$place/diff"
    head -n 20 "$place/diff" # < is the C library
    fail "${mode:-default} with $(basename "$library"): another answer than the C library's"
  done
done
