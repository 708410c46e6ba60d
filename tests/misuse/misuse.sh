#!/bin/sh
# One program per kind of misuse: the one line that hakmem says about it, word for word; the program goes on and ends well. With
# HAKMEM_ON_ERROR=abort it stops at once.
set -u
SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-misuse.XXXXXX") || exit 1
trap 'rm -rf "$place"' EXIT
failures=0

wrong() {
  echo "$*"
  sed 's/^/    /' "$place/err"
  failures=$((failures + 1))
}

# expect PROGRAM CLS GOT EXPECT VERDICT: CLS to EXPECT are what the line says, in the pattern language of grep.
expect() {
  checked="$checked $1"
  line="\[TLS_SLL_HDR_RESET\] cls=$2 base=0x[0-9a-f]* got=$3 expect=$4 count=0 verdict=$5 stack=[0-9]*"
  program=$BUILD_DIR/tests/misuse/$1

  LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so "$program" >"$place/out" 2>"$place/err"
  status=$?
  [ $status -eq 0 ] && [ "$(cat "$place/out")" = 'went on' ] || wrong "$1: did not go on, exit status $status"
  [ "$(wc -l <"$place/err")" -eq 1 ] && grep -qx "$line" "$place/err" || wrong "$1: did not say: $line"

  HAKMEM_ON_ERROR=abort LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so sh -c 'ulimit -c 0; exec "$@"' sh "$program" >"$place/out" 2>"$place/err"
  status=$?
  [ $status -eq 134 ] || wrong "$1: exit status $status with HAKMEM_ON_ERROR=abort"
  sed -i '/^Aborted/d' "$place/err" # the shell's word
  [ "$(wc -l <"$place/err")" -eq 2 ] && sed -n 1p "$place/err" | grep -qx "$line" &&
    sed -n 2p "$place/err" | grep -qx 'hakmem: stopped because of HAKMEM_ON_ERROR=abort' || wrong "$1: other words with HAKMEM_ON_ERROR=abort"

  # Full tracing finds the same; a file for the log gets other lines, but an error is said on standard error as well.
  HAKMEM_TRACE=full LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so "$program" >"$place/out" 2>"$place/err" || wrong "$1: exit status $? in full tracing"
  [ "$(wc -l <"$place/err")" -eq 1 ] && grep -qx "$line" "$place/err" || wrong "$1: did not say in full tracing: $line"
}

checked=
expect off_by_one_nul 1 0x00 0xa1 off_by_one_nul
expect off_by_one_nul_free 1 0x00 0x5f off_by_one_nul
expect overrun_text 1 0x41 0xa1 overrun_text
expect overrun_fill 1 0xff 0xa1 overrun_fill
expect overrun_realloc 1 0x42 0xa1 overrun_text
expect misrouted 1 0xa7 0xa1 misrouted
expect unknown_byte 1 0x93 0xa1 unknown
expect double_free 6 0x5f 0xa6 double_free
expect double_free_later 6 0x5f 0xa6 double_free
expect double_free_aligned '[0-9]*' 0x5f '0xa[0-9a-f]' double_free
expect double_free_large none 0x00 0x00 invalid_pointer
expect double_free_huge none 0x00 0x00 invalid_pointer
expect realloc_freed 6 0x5f 0xa6 double_free
expect write_after_free 6 '0x[0-9a-f][0-9a-f]' 0x5f write_after_free
expect write_after_free_link 6 0xa6 0x5f write_after_free
expect write_before_free_block 1 0x42 0x5f write_after_free
expect free_stack none 0x00 0x00 invalid_pointer
expect free_static none 0x00 0x00 invalid_pointer
expect free_interior 6 0x11 0xa6 invalid_pointer
expect free_interior_large large 0x00 0x00 invalid_pointer
expect free_foreign none 0x00 0x00 invalid_pointer
expect free_wild none 0x00 0x00 invalid_pointer

# Every program here is in the table.
for file in "$SOURCE_DIR"/tests/misuse/*.c; do
  name=$(basename "$file" .c)
  case "$checked " in
    *" $name "*) ;;
    *) echo "$name is not checked"; failures=$((failures + 1)) ;;
  esac
done

# Without headers nothing is found out, and a stack or static pointer still does no harm.
for name in free_stack free_static free_foreign free_wild; do
  LD_PRELOAD=$BUILD_DIR/lib/libhakmem-plain.so "$BUILD_DIR/tests/misuse/$name" >"$place/out" 2>"$place/err" || wrong "$name: exit status $? in the plain library"
done

# The report names the stack that freed the block: into the program, past the allocator's own frames.
HAKMEM_STATS=1 HAKMEM_LOG=hdr HAKMEM_LOG_FILE=$place/log LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so "$BUILD_DIR/tests/misuse/off_by_one_nul" \
  >"$place/out" 2>"$place/err" || wrong "off_by_one_nul: exit status $? with HAKMEM_LOG"
grep -q 'TLS_SLL_HDR_RESET. cls=1 .* got=0x00 expect=0xa1' "$place/log" || wrong "HAKMEM_LOG=hdr with a file: the header reset is not in the file"

[ $failures -eq 0 ]
