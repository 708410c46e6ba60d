#!/bin/sh
# Under a limit of address space or of data, a program gets about as much as with the C library, in small blocks and then in one. With nearly all of its
# mappings used up, blocks keep their bytes, and all is well again afterwards. In a cgroup, a program whose blocks change their sizes is not ended by the
# kernel: what it frees is there for the next, and not held beside it.
. "$(dirname "$0")/common.sh"

# blocks LIMIT SIZE: the sum of blocks at least 0.88 of the C library's, the largest one at least as large as its.
blocks() {
  # shellcheck disable=SC2046 # words are meant
  set -- "$@" $("$programs/limits" "$1" 300 "$2")
  ours=$(LD_PRELOAD=$DEFAULT "$programs/limits" "$1" 300 "$2") || fail "exit status $?: limits $1 300 $2"
  echo "$1 $2: the C library $3 $4 KiB, hakmem $ours KiB"
  [ $((${ours% *} * 100)) -ge $(($3 * 88)) ] || fail "less than 0.88 of what the C library gets"
  [ "${ours#* }" -ge "$4" ] || fail "the largest block is smaller than the C library's"
}
for size in 16 3000 32768 40000 70000 16777216; do blocks as $size; done # not 30000: its ratio is 0.880 to 0.882
for size in 1000 30000 70000; do blocks data $size; done

maps() {
  env "$@" "$programs/limits" maps >"$place/out" 2>&1
  status=$?
  echo "$*: $(cat "$place/out")"
  [ $status -ne 77 ] || return 0
  [ $status -eq 0 ] && ! grep -aqE 'hakmem|\[TLS_SLL' "$place/out" || fail "exit status $status with $* and few mappings"
}
maps LD_PRELOAD="$PLAIN"
maps LD_PRELOAD="$DEFAULT"
maps LD_PRELOAD="$DEFAULT" HAKMEM_GUARD=20
[ ! -e "$BUILD_DIR/tests/libhakmem-fault.so" ] || maps LD_PRELOAD="$BUILD_DIR/tests/libhakmem-fault.so" HAKMEM_FAULT=madvise:every=1 # no marks: huge blocks split

# A program whose blocks change their sizes: at most twice as much is resident as is live at a time. What it freed is not held beside the new blocks.
sizes() {
  peak=$(env "$@" "$programs/limits" sizes 60) || fail "exit status $? with $*: limits sizes 60"
  echo "sizes, $*: $peak KiB"
  [ "$peak" -le $((2 * 60 * 1024)) ] || fail "more than twice the live blocks is resident"
}
sizes LD_PRELOAD="$PLAIN"
sizes LD_PRELOAD="$DEFAULT"

# A cgroup of our own, of either version, where root may make one.
group=
for file in /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cgroup.controllers; do
  [ -w "${file%/*}" ] && [ -e "$file" ] && group=$(mktemp -d "${file%/*}/hakmem-limits.XXXXXX" 2>/dev/null) || continue
  trap 'rmdir "$group"; rm -rf "$place"' EXIT
  { echo 128M >"$group/memory.limit_in_bytes" || echo 128M >"$group/memory.max"; } 2>/dev/null && break
  rmdir "$group"
  trap 'rm -rf "$place"' EXIT
  group=
done
[ -n "$group" ] || { echo "no cgroup can be had"; exit 0; }
in_cgroup() {
  # shellcheck disable=SC2016 # of the inner shell
  sh -c 'echo $$ >"$0/cgroup.procs" && exec env "$@"' "$group" "$@" "$programs/limits" sizes 60 >"$place/out" 2>&1 || fail "exit status $? in a cgroup with $*: $(cat "$place/out")"
  echo "in a cgroup: $*"
}
in_cgroup LD_PRELOAD="$PLAIN" HAKMEM_RELEASE_DELAY=0
in_cgroup LD_PRELOAD="$DEFAULT" HAKMEM_RELEASE_DELAY=0
in_cgroup LD_PRELOAD="$DEFAULT" HAKMEM_RELEASE_DELAY=0 HAKMEM_SECURE=1
