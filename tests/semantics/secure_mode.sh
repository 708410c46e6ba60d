#!/bin/sh
# HAKMEM_SECURE=1 ends the process at each of these errors, before the program gets further. Without an error it says nothing, keeps its promises, and goes on with
# all that a process does. HAKMEM_RANDOMIZE=1 alone makes the order random. What closes unused memory works with HAKMEM_ON_ERROR=abort, too.
. "$(dirname "$0")/common.sh"
ulimit -c 0
program=$programs/secure_mode

# caught ERROR OPTION...: the process is ended by a signal.
caught() {
  error=$1
  shift
  env HAKMEM_STACKS=off LD_PRELOAD="$DEFAULT" "$@" "$program" "$error" >"$place/out" 2>"$place/err"
  status=$?
  [ $status -gt 128 ] || { cat "$place/out" "$place/err"; fail "$error with $*: exit status $status, and it must be caught"; }
}

# says ERROR TEXT: the report has these words.
says() { grep -q -- "$2" "$place/err" || { cat "$place/err"; fail "$1: the report does not say: $2"; }; }

{
  caught overflow HAKMEM_SECURE=1
  says overflow verdict=overflow
  says overflow 'stopped because of HAKMEM_SECURE=1'
  caught overflow_seen_at_next HAKMEM_SECURE=1
  caught overflow_far HAKMEM_SECURE=1
  says overflow_far verdict=overflow
  caught overflow_realloc HAKMEM_SECURE=1
  # What the report says of a block is true although its border was overwritten.
  caught overflow_by_one HAKMEM_SECURE=1
  says overflow_by_one 'a write up to 1 byte past the end of a 40-byte block at'
  caught overflow_filler HAKMEM_SECURE=1
  says overflow_filler 'a write up to [56] bytes past the end of a 100-byte block at'
  caught overflow_border HAKMEM_SECURE=1
  says overflow_border 'a write past the end of a block of at most 40 bytes at 0x[0-9a-f]*; it overwrote the border, which has the size'
  says overflow_border 'got=0x00 expect=0x00'
  says overflow_border '^  in a slab at 0x[0-9a-f]*, offset '
  grep -q 'of no file\|0-byte' "$place/err" && { cat "$place/err"; fail "overflow_border: the report says what is not known"; }
  caught overflow_into_free HAKMEM_SECURE=1
  says overflow_into_free verdict=overflow
  caught underflow_into_free HAKMEM_SECURE=1
  says underflow_into_free verdict=underflow
  caught underflow HAKMEM_SECURE=1
  for error in write_after_free write_after_free_reused write_after_free_start; do
    caught $error HAKMEM_SECURE=1
    says $error verdict=write_after_free
  done
  caught write_into_list HAKMEM_SECURE=1
  says write_into_list verdict=overwritten_link
  caught double_free_later HAKMEM_SECURE=1
  says double_free_later verdict=double_free
  caught zero_size_read HAKMEM_SECURE=1
  caught zero_size_write HAKMEM_SECURE=1
  for mode in HAKMEM_SECURE=1 HAKMEM_ON_ERROR=abort; do
    caught large_overflow $mode
    caught large_after_free $mode
    caught far_write $mode
  done
} 2>"$place/shell"

quiet() {
  env LD_PRELOAD="$DEFAULT" "$@" "$program" no_error >"$place/out" 2>&1 || { status=$?; cat "$place/out"; fail "no_error with $*: exit status $status"; }
  [ ! -s "$place/out" ] || { cat "$place/out"; fail "no_error with $*: it says something"; }
}
quiet HAKMEM_SECURE=1
quiet HAKMEM_SECURE=1 HAKMEM_GUARD=10
quiet HAKMEM_SECURE=1 HAKMEM_RELEASE_DELAY=0 HAKMEM_SS_SIZE=512K
(ulimit -v 300000 && quiet HAKMEM_SECURE=1) || exit 1

order() { env LD_PRELOAD="$DEFAULT" "$@" "$program" order; }
[ "$(order HAKMEM_RANDOMIZE=1)" = random ] || fail "HAKMEM_RANDOMIZE=1: the blocks of a slab are in order"
[ "$(order HAKMEM_RANDOMIZE=0)" = 'in order' ] || fail "HAKMEM_RANDOMIZE=0: the blocks of a slab are not in order"
