#!/bin/sh
# HAKMEM_SOFT_LIMIT: a program whose live blocks are below it stays below it, and without it does not; `auto` takes memory.high; what live blocks need is
# never refused.
. "$(dirname "$0")/common.sh"
program=$programs/soft_limit

own=18000 # KiB: the program's table, code, stacks, and hakmem's metadata
for library in "$PLAIN" "$DEFAULT"; do
  without=$(LD_PRELOAD=$library "$program") || fail "exit status $? without a limit"
  with=$(HAKMEM_SOFT_LIMIT=64M LD_PRELOAD=$library "$program") || fail "exit status $? with a limit"
  echo "resident at most: $without KiB without a limit, $with KiB with one of 65536"
  [ "$without" -gt $((65536 + own + 10000)) ] || fail "the program does not need a limit"
  [ "$with" -le $((65536 + own)) ] || fail "the limit is not kept"
done

# With a limit below the live blocks, and while it is never reached: nothing is refused, nothing is said.
for limit in 1 8M 1G 100000G; do
  HAKMEM_SOFT_LIMIT=$limit LD_PRELOAD=$DEFAULT "$program" live >"$place/out" 2>"$place/err" || fail "exit status $? with a limit of $limit"
  [ ! -s "$place/err" ] || { cat "$place/err"; fail "it has something to say with a limit of $limit"; }
done
for options in HAKMEM_SOFT_LIMIT=16M 'HAKMEM_SOFT_LIMIT=16M HAKMEM_PROFILE=64K HAKMEM_GUARD=1000' 'HAKMEM_SOFT_LIMIT=16M HAKMEM_SS_LIMIT=4' 'HAKMEM_SOFT_LIMIT=1 HAKMEM_DEBUG=1'; do
  # shellcheck disable=SC2086 # a list of words
  env $options LD_PRELOAD="$DEFAULT" "$program" stress >"$place/out" 2>&1 || { status=$?; cat "$place/out"; fail "exit status $status with $options"; }
  if grep -q 'hakmem\|TLS_SLL' "$place/out"; then cat "$place/out"; fail "it has something to say with $options"; fi
done

# What the statistics count of it.
counter() { sed -n "s/^  $1 *\([0-9][0-9]*\) *$/\1/p" "$place/text"; }
# Free memory leaves by the limit alone, so that a slow machine passes it as often.
HAKMEM_SOFT_LIMIT=64M HAKMEM_RELEASE_DELAY=1000000 HAKMEM_STATS=1 LD_PRELOAD=$DEFAULT "$program" >"$place/out" 2>"$place/text" || fail "exit status $? with statistics"
passed=$(counter 'times that HAKMEM_SOFT_LIMIT was passed') above=$(counter 'nanoseconds above it') bytes=$(counter 'bytes that they released')
took=$(counter 'nanoseconds that they took') # each is rounded
echo "passed $passed times, $above ns above it; $bytes bytes released in $took ns"
[ "$passed" -ge 8 ] && [ "$bytes" -ge $((8 * 1048576)) ] && [ "$took" -gt 0 ] && [ $((above + passed)) -ge "$took" ] || { cat "$place/text"; fail "the counts are not plausible"; }

# auto: in a mount namespace with a cgroup of our own making, because few machines have one that a test may write to.
mkdir -p "$place/cgroup/outer/inner"
echo 67108864 >"$place/cgroup/outer/memory.high"
echo max >"$place/cgroup/outer/inner/memory.high"
echo "31 23 0:28 / $place/cgroup rw,relatime shared:1 - cgroup2 cgroup2 rw" >"$place/mountinfo"
echo '0::/outer/inner' >"$place/membership"
# shellcheck disable=SC2016 # for the other shell
in_cgroup='mount --bind "$0/mountinfo" /proc/$$/mountinfo && mount --bind "$0/membership" /proc/$$/cgroup && exec env HAKMEM_SOFT_LIMIT=auto "$@"'
if unshare -rm sh -c "$in_cgroup" "$place" true 2>/dev/null; then
  with=$(unshare -rm sh -c "$in_cgroup" "$place" LD_PRELOAD="$DEFAULT" "$program") || fail "exit status $? with auto"
  echo "resident at most with auto: $with KiB"
  [ "$with" -le $((65536 + own)) ] || fail "the cgroup's limit is not kept"
else
  echo "no mount namespace: a whole process with auto is not tested"
fi
HAKMEM_SOFT_LIMIT=auto LD_PRELOAD=$DEFAULT true || fail "auto without such a cgroup"
exit 0
