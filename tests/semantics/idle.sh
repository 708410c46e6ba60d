#!/bin/sh
# Threads that rest keep little, and not for long: what a process makes few calls of is returned, and a trim reaches it.
. "$(dirname "$0")/common.sh"
[ "$(uname -m)" = x86_64 ] || skip "on other machines than x86-64 an idle thread's lists stay with it"

for kind in burst alone trim; do
  LD_PRELOAD=$DEFAULT "$programs/idle" $kind || fail "$kind: failed with the default library"
  LD_PRELOAD=$PLAIN "$programs/idle" $kind || fail "$kind: failed with the plain one"
done
HAKMEM_RELEASE_DELAY=1 everywhere "$programs/idle" wake

# Resident at rest and after the end, in KiB, of 200 threads.
of() { LD_PRELOAD=$1 "$programs/idle" threads 200 || fail "failed with ${1:-glibc}"; }
library() { find /usr/lib /lib -name "$1" 2>/dev/null | head -n 1; }

# shellcheck disable=SC2046 # words are meant
set -- $(of "$DEFAULT") $(of '')
echo "200 threads: $1 KiB at rest, $2 after their end; glibc $3, $4"
[ "$2" -le $(($4 * 11 / 10 + 1024)) ] || fail "after the end of its threads a process keeps a tenth more than with glibc"
at_rest=$1 least=
for name in libtcmalloc_minimal.so.4 libjemalloc.so.2; do
  peer=$(library $name)
  [ -n "$peer" ] || continue
  # shellcheck disable=SC2046
  set -- $(of "$peer")
  echo "$name: $1 KiB at rest"
  [ -n "$least" ] && [ "$least" -le "$1" ] || least=$1
done
[ -z "$least" ] || [ "$at_rest" -le "$least" ] || fail "resting threads keep more than with the better of tcmalloc and jemalloc"
