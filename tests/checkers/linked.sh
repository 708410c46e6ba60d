#!/bin/sh
# A program that has hakmem inside (libhakmem-api.a), linked statically or not, and one that is linked with libhakmem.so: no preloading.
. "$(dirname "$0")/common.sh"
need_valgrind

# Every error of linked.c, and no other: report in $place/report.
verify() {
  [ "$(errors)" -eq 5 ] || fail "$1: $(errors) errors, not 5"
  grep -q "is 0 bytes after a block of size 50 alloc'd" "$place/report" && grep -q "is 1 bytes before a block of size 50 alloc'd" "$place/report" &&
    grep -q "is 3 bytes inside a block of size 60 free'd" "$place/report" && grep -q 'Invalid free() / delete' "$place/report" &&
    grep -q '123 bytes in 1 blocks are definitely lost' "$place/report" && grep -q 'by 0x[0-9A-F]*: lose (linked.c' "$place/report" ||
    fail "$1: not every error is told"
}
run() { valgrind "$@" --leak-check=full --log-file="$place/report" "$place/linked" >"$place/out" 2>&1 || fail "exit status $?: $*"; }

include=-I$SOURCE_DIR/src/names
build linked.c "$include" "$BUILD_DIR/lib/libhakmem-api.a" -ldl
run && verify "libhakmem-api.a"
run $own && verify "libhakmem-api.a, $own"
build linked.c "$include" "$BUILD_DIR/lib/libhakmem.so" -Wl,-rpath,"$BUILD_DIR/lib"
run $own && verify "libhakmem.so"
if gcc -static -g -O1 -fno-builtin -w -pthread -o "$place/linked" "$SOURCE_DIR/tests/checkers/linked.c" "$include" "$BUILD_DIR/lib/libhakmem-api.a" \
  >"$place/out" 2>&1; then
  "$place/linked" >"$place/out" 2>&1 || fail "exit status $? of the statically linked program"
  run --undef-value-errors=no && verify "statically linked" # memcheck takes what the C library keeps behind the break for uninitialised
else
  echo "no static C library here"
fi
