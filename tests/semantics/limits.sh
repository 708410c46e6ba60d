#!/bin/sh
# Under a limit of address space or of data, a program gets about as much as with the C library, in small blocks and then in one. With nearly all of its
# mappings used up, blocks keep their bytes, and all is well again afterwards.
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
for size in 16 40000 70000 16777216; do blocks as $size; done
for size in 1000 70000; do blocks data $size; done

for options in "LD_PRELOAD=$PLAIN" HAKMEM_DEBUG=0 HAKMEM_GUARD=20; do
  env LD_PRELOAD="$DEFAULT" "$options" "$programs/limits" maps >"$place/out" 2>&1
  status=$?
  echo "$options: $(cat "$place/out")"
  [ $status -ne 77 ] || break
  [ $status -eq 0 ] && ! grep -aqE 'hakmem|\[TLS_SLL' "$place/out" || fail "exit status $status with $options and few mappings"
done
