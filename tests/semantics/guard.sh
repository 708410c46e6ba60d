#!/bin/sh
# HAKMEM_GUARD: what is said of each kind of access, and that the program's own handlers see their faults as if hakmem were not there.
. "$(dirname "$0")/common.sh"
guard=$programs/guard

# under RATE WHAT: its output in $place/out, what was said in $place/err, sets $status.
under() {
  env HAKMEM_GUARD="$1" LD_PRELOAD="$DEFAULT" timeout 120 sh -c 'ulimit -c 0; exec "$@"' sh "$guard" "$2" >"$place/out" 2>"$place/err"
  status=$?
  sed -i '/^Segmentation fault/d; /^Aborted/d' "$place/err" # the shell's word
}
wrong() { echo "$*"; head -n 40 "$place/err" | cut -c 1-200; exit 1; }

# ---- Each mistake: the verdict, the line, the stacks in order, and the end by signal 11. ----
# mistake WHAT VERDICT OVER "SENTENCE" SIZE STACKS
mistake() {
  under 1 "$1"
  [ $status -eq 139 ] || wrong "$1: exit status $status, not that of signal 11"
  sed -n 2p "$place/err" | grep -qx "\[TLS_SLL_HDR_RESET\] cls=[a-z0-9]* base=0x[0-9a-f]* got=0x00 expect=0x00 count=0 verdict=$2 stack=[0-9]*$3" ||
    wrong "$1: not verdict=$2$3"
  sed -n 1p "$place/err" | grep -qx "$4 a $5-byte block at 0x[0-9a-f]*" || wrong "$1: not the sentence: $4"
  [ "$(sed -n 's/^  \([a-z]*\) at [0-9.]* s by thread [0-9]*, stack [0-9]*$/\1/p' "$place/err" | tr '\n' ' ')" = "$6" ] || wrong "$1: not the stacks $6"
}
mistake overflow_write overflow ' over=1' "buffer overflow: a write at 0x[0-9a-f]*, 1 byte past the end of" 96 'found allocated '
mistake overflow_read overflow ' over=1' "buffer overflow: a read at 0x[0-9a-f]*, 1 byte past the end of" 96 'found allocated '
mistake overflow_far overflow ' over=201' "buffer overflow: a write at 0x[0-9a-f]*, 201 bytes past the end of" 96 'found allocated '
mistake overflow_large overflow ' over=1' "buffer overflow: a write at 0x[0-9a-f]*, 1 byte past the end of" 200000 'found allocated '
mistake overflow_huge overflow ' over=1' "buffer overflow: a write at 0x[0-9a-f]*, 1 byte past the end of" 20000000 'found allocated '
mistake overflow_aligned overflow ' over=1' "buffer overflow: a write at 0x[0-9a-f]*, 1 byte past the end of" 8192 'found allocated '
mistake overflow_nothing overflow ' over=1' "buffer overflow: a write at 0x[0-9a-f]*, 1 byte past the end of" 0 'found allocated '
mistake underflow_write underflow ' over=1' "buffer underflow: a write at 0x[0-9a-f]*, 1 byte before the start of" 4096 'found allocated '
mistake underflow_read underflow ' over=3' "buffer underflow: a read at 0x[0-9a-f]*, 3 bytes before the start of" 4096 'found allocated '
mistake use_after_free_write use_after_free ' over=7' "use after free: a write at 0x[0-9a-f]*, 7 bytes into" 100 'found freed allocated '
mistake use_after_free_read use_after_free '' "use after free: a read at 0x[0-9a-f]*, 0 bytes into" 70000 'found freed allocated '
mistake use_after_realloc use_after_free '' "use after free: a write at 0x[0-9a-f]*, 0 bytes into" 100 'found freed allocated '
mistake use_after_free_by_thread use_after_free '' "use after free: a write at 0x[0-9a-f]*, 0 bytes into" 100 'found freed allocated '
threads=$(sed -n 's/.* by thread \([0-9]*\), .*/\1/p' "$place/err" | tr '\n' ' ')
# shellcheck disable=SC2086 # words
set -- $threads
[ $# -eq 3 ] && [ "$1" = "$3" ] && [ "$1" != "$2" ] || wrong "the threads that found, freed and allocated are $threads"

# The first frame of each stack is in the function that did it: of the access, its own instruction.
if command -v addr2line >/dev/null; then
  under 1 use_after_free_write
  names=$(sed -n "s|^    #0 $guard+\(0x[0-9a-f]*\)\$|\1|p" "$place/err" | xargs addr2line -f -e "$guard" | sed -n '1~2p' | tr '\n' ' ')
  [ "$names" = 'write_to use_after_free_write block ' ] || wrong "the innermost functions are $names"
fi

# Stopped by hakmem instead, behind the details.
HAKMEM_ON_ERROR=abort under 1 overflow_write
[ $status -eq 134 ] && grep -qx 'hakmem: stopped because of HAKMEM_ON_ERROR=abort' "$place/err" || wrong "exit status $status with HAKMEM_ON_ERROR=abort"
# Without stacks there is the rest.
HAKMEM_STACKS=off under 1 overflow_write
[ $status -eq 139 ] && grep -q 'verdict=overflow over=1$' "$place/err" || wrong "exit status $status with HAKMEM_STACKS=off"
HAKMEM_STACKS=fp under 1 overflow_write
[ $status -eq 139 ] && grep -q '^    #1 ' "$place/err" || wrong "exit status $status with HAKMEM_STACKS=fp"

# ---- What is found without a fault; the program goes on. ----
under 1 slack
[ $status -eq 0 ] && [ "$(grep -c 'expect=0xb7' "$place/err")" -eq 2 ] || wrong "slack: exit status $status"
grep -qx "buffer overflow: a write up to 3 bytes past the end of a 100-byte block at 0x[0-9a-f]*" "$place/err" || wrong "slack: no overflow"
grep -qx "buffer underflow: a write up to 2 bytes before the start of a 100-byte block at 0x[0-9a-f]*" "$place/err" || wrong "slack: no underflow"
under 1 wrong_pointers
[ $status -eq 0 ] || wrong "wrong_pointers: exit status $status"
[ "$(sed -n 's/.* verdict=\([a-z_]*\) .*/\1/p' "$place/err" | tr '\n' ' ')" = 'interior_pointer double_free realloc_after_free usable_size_after_free ' ] ||
  wrong "wrong_pointers: not those four"
for rate in 1 3; do
  under $rate contents
  [ $status -eq 0 ] && [ ! -s "$place/err" ] || wrong "contents at rate $rate: exit status $status"
done

# ---- Handlers. Without HAKMEM_GUARD they are the C library's, and what does not need a guarded block holds just so. ----
for what in handler_jumps handler_contents handler_alternate_stack vforked; do
  under 1 $what
  [ $status -eq 0 ] && grep -q 'verdict=overflow' "$place/err" || wrong "$what: exit status $status"
  grep -q 'not so' "$place/err" && wrong "$what"
done
for rate in 0 1; do
  under $rate handler_old_values
  [ $status -eq 0 ] && [ ! -s "$place/err" ] || wrong "handler_old_values at rate $rate: exit status $status"
  for what in raised foreign; do
    under $rate $what
    [ $status -eq 139 ] && [ ! -s "$place/err" ] || wrong "$what at rate $rate: exit status $status"
  done
done
for what in handler_once ignored; do
  under 1 $what
  [ $status -eq 139 ] && [ "$(cat "$place/out")" = one ] || wrong "$what: exit status $status"
done
timeout 60 sh -c 'trap "" SEGV; exec "$@"' sh env HAKMEM_GUARD=1 LD_PRELOAD="$DEFAULT" "$guard" foreign >"$place/out" 2>"$place/err"
[ $? -eq 139 ] || wrong "a fault that the parent had ignored"

# ---- Wherever it happens, no thread waits for ever. ----
for what in interrupted faults_at_once; do
  under 1 $what
  [ $status -eq 0 ] || wrong "$what: exit status $status"
done
[ "$(grep -c 'times=\|found at' "$place/err")" -ge 1 ] || wrong "faults_at_once: nothing was said"
for rate in 1 10 100; do
  under $rate threads
  [ $status -eq 0 ] || wrong "threads at rate $rate: exit status $status"
done

# ---- More blocks than slots; too little address space; a sample. ----
under 1 full
[ $status -eq 139 ] && grep -q 'verdict=overflow' "$place/err" || wrong "full: exit status $status"
(ulimit -v 200000; under 1 overflow_write; [ $status -eq 139 ]; grep -q 'verdict=overflow' "$place/err") || wrong "with 200 MB of address space: exit status $status"
under 1000 share
read -r guarded left longest <"$place/out"
# 1000 of a million, with a standard deviation of 32; a gap of more than 20 000 has a chance of 2e-6.
[ "$guarded" -gt 840 ] && [ "$guarded" -lt 1160 ] && [ "$longest" -gt 3000 ] && [ "$longest" -lt 20000 ] || wrong "at rate 1000 $guarded of 1000000, $longest none"
[ "$left" -gt 150 ] && [ "$left" -lt 350 ] || wrong "of $guarded blocks $left lie at the left"
exit 0
