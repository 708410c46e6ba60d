#!/bin/sh
# slow
# timeout: 600
# libhakmem-api.a built with AddressSanitizer: what lies around blocks, and freed blocks, are poisoned; a program that touches them is
# stopped at once.
. "$(dirname "$0")/sanitize.inc"
build_sanitized address hakmem-api
gcc -g -O1 -fno-builtin -fsanitize=address -D_GNU_SOURCE -pthread -I"$SOURCE_DIR/src/names" -o "$place/borders" "$SOURCE_DIR/tests/fuzz/borders.c" \
  "$dir/lib/libhakmem-api.a" -ldl >"$place/build" 2>&1 || { cat "$place/build"; exit 1; }
fixed=
setarch -R true 2>/dev/null && fixed='setarch -R'
# shellcheck disable=SC2086 # a list of words
borders() { ASAN_OPTIONS=detect_leaks=0:exitcode=23 $fixed "$place/borders" "$@" >"$place/out" 2>&1; }

borders || { cat "$place/out"; exit 1; }
for touch in '0 50' '49 50' '0 3000000'; do
  # shellcheck disable=SC2086
  borders $touch || { cat "$place/out"; echo "stopped: $touch"; exit 1; }
done
for touch in '50 50' '65 50' '-1 50' '-16 50' '3000 3000' '-1 3000' '100000 100000' '-1 100000' '0 50 freed' '49 50 freed' '99999 100000 freed'; do
  # shellcheck disable=SC2086
  borders $touch
  status=$?
  [ $status -eq 23 ] && grep -q 'AddressSanitizer: use-after-poison' "$place/out" && grep -q 'borders.c' "$place/out" || {
    cat "$place/out"
    echo "byte, size: $touch: exit status $status"
    exit 1
  }
done
