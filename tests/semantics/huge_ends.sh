#!/bin/sh
# A write that runs past the end of a huge block faults within a page of it. If errors end the process, this holds for all of them; else for those in new
# memory, and those that are allocated again. It holds with a kernel that cannot mark pages, too. There, tens of thousands of huge blocks take a bounded number
# of mappings. The modes that report faults name the block.
. "$(dirname "$0")/common.sh"
ulimit -c 0
program=$programs/huge_ends

# ends WHICH OPTION...
ends() {
  which=$1
  shift
  said=$(env "$@" "$program" "$which" 2>/dev/null) || fail "exit status $? with $*: $said"
}
ends new LD_PRELOAD="$PLAIN"
ends new LD_PRELOAD="$DEFAULT"
for options in HAKMEM_DEBUG=1 HAKMEM_SECURE=1 HAKMEM_ON_ERROR=abort; do
  for which in all alone; do ends $which LD_PRELOAD="$DEFAULT" $options; done
done
more=$(LD_PRELOAD=$DEFAULT "$program" many) || fail "exit status $? with many blocks: $more"
echo "$more mappings"

# past WHICH OPTION
past() {
  env "$2" LD_PRELOAD="$DEFAULT" sh -c 'ulimit -c 0; exec "$@"' sh "$program" "$1" >"$place/out" 2>"$place/err"
  sed -n 1p "$place/err" | grep -qx "buffer overflow: a write at 0x[0-9a-f]*000, [0-9]* bytes\{0,1\} past the end of a 1126400-byte block at $(cat "$place/out")" ||
    { head "$place/err"; fail "a fault behind a huge block is not explained with $2"; }
}
for option in HAKMEM_DEBUG=1 HAKMEM_SECURE=1 HAKMEM_GUARD=1; do past past $option; done
past aligned HAKMEM_SECURE=1
past aligned HAKMEM_DEBUG=1

library=$BUILD_DIR/tests/libhakmem-fault.so
[ -e "$library" ] || exit 0
ends new LD_PRELOAD="$library" HAKMEM_FAULT=madvise:every=1
for which in all alone; do ends $which LD_PRELOAD="$library" HAKMEM_FAULT=madvise:every=1 HAKMEM_SECURE=1; done
ends stuck LD_PRELOAD="$library" HAKMEM_FAULT=madvise:from=2 HAKMEM_RELEASE_DELAY=60000
more=$(LD_PRELOAD=$library HAKMEM_FAULT=madvise:every=1 "$program" many) || fail "exit status $? with many blocks: $more"
echo "$more mappings without marks"
[ "$more" -ge 4000 ] && [ "$more" -le 10000 ] || fail "$more mappings, and some 8200 are allowed"
