#!/bin/sh
# A free of an address inside a block is refused every time, in every mode.
. "$(dirname "$0")/common.sh"

# in_mode NAME LIBRARY OPTION...: whether the program ends well, and what is said of it
in_mode() {
  name=$1 library=$2
  shift 2
  env "$@" HAKMEM_ON_ERROR=report LD_PRELOAD="$library" "$programs/interior" >"$place/out" 2>"$place/err"
  status=$?
  [ $status -eq 0 ] && [ "$(cat "$place/out")" = good ] || { tail -n 5 "$place/err"; fail "exit status $status in mode $name"; }
  [ "$library" = "$PLAIN" ] || grep -q 'verdict=interior_pointer' "$place/err" || fail "nothing was said in mode $name"
  grep -qE 'verdict=(overrun|off_by|misrouted|unknown|write)' "$place/err" && fail "other things were said in mode $name: $(grep -oE 'verdict=[a-z_]*' "$place/err" | sort -u)"
  return 0
}

in_mode default "$DEFAULT" A=1
in_mode plain "$PLAIN" A=1
in_mode 'full tracing' "$DEFAULT" HAKMEM_TRACE=full
in_mode debug "$DEFAULT" HAKMEM_DEBUG=1
in_mode guard "$DEFAULT" HAKMEM_GUARD=1
in_mode profile "$DEFAULT" HAKMEM_PROFILE=1K
in_mode hash "$DEFAULT" HAKMEM_LOOKUP=hash
in_mode linear "$DEFAULT" HAKMEM_LOOKUP=linear
in_mode legacy "$DEFAULT" HAKMEM_SS_LIMIT=1 HAKMEM_SS_SIZE=512K
