#!/bin/sh
# timeout: 600
# One program per kind of misuse. What hakmem must say about it stands in the program's first line:
#
#   /* VERDICT [cls=X] [got=X] [expect=X] [over=X] [seen] | debug=VERDICT | guard=VERDICT | valgrind=WORDS: what the program does */
#
# hakmem reports it once: the verdict in words, the bracketed line, the details. The program goes on and ends well; with HAKMEM_ON_ERROR=abort
# it stops behind the details. `seen`: a drain had seen the header good before. `none` is a misuse that the default mode does not see. Behind it: what is said in
# the debugging mode and with HAKMEM_GUARD=1 (`!`: a guard page stops the program; `+`: two verdicts), and by memcheck (tests/checkers/misuse.sh).
# README.md of this folder has all of it in a table, which this script makes:
#
#   sh tests/misuse/misuse.sh --write     writes it again
set -u
SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}

# The first line of program $1: $2 is \1, what is expected, or \2, what it does.
declared() { sed -n "1s|^/\* \([^:]*\): \(.*\) \*/\$|$2|p" "$SOURCE_DIR/tests/misuse/$1.c"; }

# What is expected of program $1 in mode $2: debug, guard, both or valgrind. With both, a guard page comes first; what it does not catch, the debugging
# mode does.
declared_for() {
  if [ "$2" = both ]; then
    expected=$(declared_for "$1" guard)
    [ "$expected" != nothing ] || expected=$(declared_for "$1" debug)
    echo "$expected"
  else
    declared "$1" '\1' | sed -n "s/.*| $2=\([^ ]*\).*/\1/p"
  fi
}

programs() { for file in "$SOURCE_DIR"/tests/misuse/*.c; do basename "$file" .c; done; }

# A verdict as the table has it.
cell() {
  case $1 in
    none | nothing) echo nothing ;;
    *!) echo "stops: \`${1%!}\`" ;;
    Invalid_*) echo "$1" | sed 's/_/ /g; s/+/, /' ;;
    *) echo "\`$1\`" | sed 's/+/`, `/' ;;
  esac
}

table() {
  echo '| program | what it does | default | `HAKMEM_DEBUG=1` | `HAKMEM_GUARD=1` | both | memcheck |'
  echo '|---|---|---|---|---|---|---|'
  for name in $(programs); do
    verdict=$(declared "$name" '\1')
    echo "| \`$name\` | $(declared "$name" '\2') | $(cell "${verdict%% *}") | $(cell "$(declared_for "$name" debug)") |" \
      "$(cell "$(declared_for "$name" guard)") | $(cell "$(declared_for "$name" both)") | $(cell "$(declared_for "$name" valgrind)") |"
  done
}

readme=$SOURCE_DIR/tests/misuse/README.md

# The README with a new table: it is the last thing there.
with_table() {
  sed '/^| program | what it does/,$d' "$readme"
  table
}

place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-misuse.XXXXXX") || exit 1
trap 'rm -rf "$place"' EXIT
failures=0

with_table >"$place/readme"
[ "${1:-}" = --write ] && { cat "$place/readme" >"$readme"; exit; }

wrong() {
  echo "$*"
  sed 's/^/    /' "$place/err"
  failures=$((failures + 1))
}

# The line that the words of $1 ask for, in the pattern language of grep.
line_of() {
  cls='[a-z0-9]*' got='0x[0-9a-f][0-9a-f]' expect='0x[0-9a-f][0-9a-f]' over='\( over=[0-9]*\)\{0,1\}'
  for word in $1; do
    case $word in
      cls=*) cls=${word#*=} ;;
      got=*) got=${word#*=} ;;
      expect=*) expect=${word#*=} ;;
      over=*) over=" $word" ;;
    esac
  done
  echo "\[TLS_SLL_HDR_RESET\] cls=$cls base=0x[0-9a-f]* got=$got expect=$expect count=0 verdict=${1%% *} stack=[0-9]*$over"
}

# The words that a report of verdict $1 begins with.
words_of() {
  case $1 in
    unknown) echo 'overwritten header of ' ;;
    misrouted) echo 'wrong header of ' ;;
    off_by_one_nul | overrun_*) echo 'buffer overflow: ' ;;
    overwritten_link) echo 'write after free, into the block at ' ;;
    *_pointer) echo 'invalid pointer 0x' ;;
    usable_size_after_free) echo 'malloc_usable_size after free of ' ;;
    wrong_size) echo 'wrong size in a sized free of ' ;;
    *) echo "$1" | tr _ ' ' ;;
  esac
}

# The same in the debugging mode and at guard pages, which know the block for sure.
words_in_mode() {
  case $1 in
    overflow | underflow) echo "buffer $1: " ;;
    write_after_free) echo 'use after free: ' ;;
    *) words_of "$1" ;;
  esac
}

# Whether $place/err begins with the words of the verdict, a line as $1 and its details, and has $2 lines more.
is_report() {
  case $expected in
    *' seen') grep -q '^  its header was last seen good at [0-9.]* s by thread [0-9]*, when a list was drained$' "$place/err" || return 1 ;;
  esac
  sed -n 1p "$place/err" | grep -q "^$(words_of "${expected%% *}")" && sed -n 2p "$place/err" | grep -qx "$1" &&
    [ "$(grep -vc '^  ' "$place/err")" -eq $((2 + $2)) ] &&
    [ "$(grep -c '^  found at [0-9.]* s by thread [0-9]*, stack [0-9]*$' "$place/err")" -eq 1 ]
}

check() {
  name=$1 program=$BUILD_DIR/tests/misuse/$1
  expected=$(declared "$name" '\1' | sed 's/ |.*//')
  [ -n "$expected" ] || { echo "$name.c: its first line does not say what is expected"; failures=$((failures + 1)); return; }
  line=$(line_of "$expected")

  LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so "$program" >"$place/out" 2>"$place/err"
  status=$?
  [ $status -eq 0 ] && [ "$(cat "$place/out")" = 'went on' ] || wrong "$name: did not go on, exit status $status"
  if [ "$expected" = none ]; then
    [ ! -s "$place/err" ] || wrong "$name: something was said"
    return
  fi
  is_report "$line" 0 || wrong "$name: did not say: $line"

  HAKMEM_ON_ERROR=abort LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so sh -c 'ulimit -c 0; exec "$@"' sh "$program" >"$place/out" 2>"$place/err"
  status=$?
  [ $status -eq 134 ] || wrong "$name: exit status $status with HAKMEM_ON_ERROR=abort"
  sed -i '/^Aborted/d' "$place/err" # the shell's word
  is_report "$line" 1 && sed -n '$p' "$place/err" | grep -qx 'hakmem: stopped because of HAKMEM_ON_ERROR=abort' ||
    wrong "$name: other words with HAKMEM_ON_ERROR=abort"

  # Full tracing finds the same.
  HAKMEM_TRACE=full LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so "$program" >"$place/out" 2>"$place/err" || wrong "$name: exit status $? in full tracing"
  is_report "$line" 0 || wrong "$name: did not say in full tracing: $line"
}

# In mode $2 (debug, guard, both), going on where it can: what is said, and how the program ends.
check_mode() {
  name=$1 expected=$(declared_for "$1" "$2") option=HAKMEM_$(echo "$2" | tr a-z A-Z)=1
  [ "$2" != both ] || option='HAKMEM_DEBUG=1 HAKMEM_GUARD=1'
  [ -n "$expected" ] || { echo "$name.c: its first line does not say what is expected of $2"; failures=$((failures + 1)); return; }
  # shellcheck disable=SC2086 # a list of words
  env $option HAKMEM_ON_ERROR=report LD_PRELOAD="$BUILD_DIR/lib/libhakmem.so" sh -c 'ulimit -c 0; exec "$@"' sh "$BUILD_DIR/tests/misuse/$name" \
    >"$place/out" 2>"$place/err"
  status=$? said=$(grep -a -o 'verdict=[a-z_]*' "$place/err" | sort -u | sed 's/verdict=//' | tr '\n' '+' | sed 's/+$//')
  case $status:$(cat "$place/out") in
    0:'went on') ;;
    139:) said=$said! ;;
    *) wrong "$name: exit status $status with $option" ;;
  esac
  [ "${said:-nothing}" = "$expected" ] || wrong "$name: '$said' and not '$expected' with $option"
  case $expected in
    nothing | *!) return ;;
  esac
  # Each bracketed line stands behind the verdict in words, and before the bytes.
  first=${expected%%[+!]*}
  grep -a -B 1 -m 1 "verdict=$first " "$place/err" | sed -n 1p | grep -aq "^$(words_in_mode "$first")" || wrong "$name: not the words of $first with $option"
  case $first in
    overflow | underflow | write_after_free) grep -aq '^    0x[0-9a-f]* .*\[[0-9a-f][0-9a-f]\]' "$place/err" || wrong "$name: no bytes with $option" ;;
  esac
  grep -aq '^  \(allocated\|found\) at ' "$place/err" || wrong "$name: no details with $option"
  case $expected in # the block is live when it is given to the wrong function: nothing freed it before
    mismatched_free) ! grep -aq '^  freed at ' "$place/err" || wrong "$name: the block is said to be freed with $option" ;;
  esac
}

for name in $(programs); do
  check "$name"
  check_mode "$name" debug
  check_mode "$name" guard
  check_mode "$name" both
done

# The debugging mode stops behind the first report.
HAKMEM_DEBUG=1 LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so sh -c 'ulimit -c 0; exec "$@"' sh "$BUILD_DIR/tests/misuse/double_free" >"$place/out" 2>"$place/err"
status=$?
sed -i '/^Aborted/d' "$place/err"
[ $status -eq 134 ] && sed -n '$p' "$place/err" | grep -qx 'hakmem: stopped because of HAKMEM_DEBUG=1 (HAKMEM_ON_ERROR=report goes on)' ||
  wrong "double_free: exit status $status with HAKMEM_DEBUG=1"
[ "$(grep -c '^  \(found\|freed\|allocated\) at [0-9.]* s by thread [0-9]*, stack [0-9]*$' "$place/err")" -eq 3 ] ||
  wrong "double_free: without its three stacks in the debugging mode"

[ "$(table | wc -l)" -gt 70 ] && cmp -s "$place/readme" "$readme" || {
  echo "tests/misuse/README.md: its table is not the one that the programs make; to write it again: sh tests/misuse/misuse.sh --write"
  failures=$((failures + 1))
}

# Without headers nothing is found out, and a stack or static pointer still does no harm.
for name in free_stack free_static free_foreign free_wild; do
  LD_PRELOAD=$BUILD_DIR/lib/libhakmem-plain.so "$BUILD_DIR/tests/misuse/$name" >"$place/out" 2>"$place/err" || wrong "$name: exit status $? in the plain library"
done

# HAKMEM_LOG=hdr sends all of it to the log's file.
HAKMEM_STATS=1 HAKMEM_LOG=hdr HAKMEM_LOG_FILE=$place/log LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so "$BUILD_DIR/tests/misuse/off_by_one_nul" \
  >"$place/out" 2>"$place/err" || wrong "off_by_one_nul: exit status $? with HAKMEM_LOG"
grep -q 'TLS_SLL_HDR_RESET. cls=1 .* got=0x00 expect=0xa1' "$place/log" || wrong "HAKMEM_LOG=hdr with a file: the header reset is not in the file"
grep -q '^buffer overflow: a NUL, probably the end of a string, one byte past the end of the block at 0x[0-9a-f]*$' "$place/log" || wrong "no sentence in the file"
grep -q '^    0x[0-9a-f]*  36 37 38 39 30 31 32 33 34 35 36 37 38 39 30\[00\]  |678901234567890.|$' "$place/log" || wrong "no bytes in the file"

# Frames stand behind the stacks; where every block has a record, also where it and its left neighbour were allocated, and where it was freed.
# with_frames TITLE: the lines behind the one that begins so are frames, the first one in the program
with_frames() {
  grep -A 1 "^  $1 .*stack [0-9]*$" "$place/err" | sed -n 2p | grep -q "^    #0 .*/$name+0x[0-9a-f]*$" || wrong "$name: no frames behind '$1'"
}
for name in overrun_text_free double_free_later; do
  LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so "$BUILD_DIR/tests/misuse/$name" >"$place/out" 2>"$place/err"
  with_frames found
  HAKMEM_LEAKS=1 LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so "$BUILD_DIR/tests/misuse/$name" >"$place/out" 2>"$place/err" || wrong "$name: exit status $? with HAKMEM_LEAKS=1"
  for title in found freed allocated; do with_frames $title; done
done
name=overrun_text_free
LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so HAKMEM_LEAKS=1 "$BUILD_DIR/tests/misuse/$name" >"$place/out" 2>"$place/err"
with_frames 'the left neighbour was allocated'

# The same in a loop is said in full once, and then whenever its number has doubled.
LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so "$BUILD_DIR/tests/misuse/double_free" 100 >"$place/out" 2>"$place/err" || wrong "double_free: exit status $? in a loop"
[ "$(grep -c 'found at' "$place/err")" -eq 1 ] || wrong "double_free in a loop: not one report"
[ "$(grep -o ' times=[0-9]*$' "$place/err" | tr -d '\n')" = ' times=2 times=4 times=8 times=16 times=32 times=64' ] ||
  wrong "double_free in a loop: other counts"

# The class is that of the block also if its slab, which the free left empty, becomes another class's while the report's stack is taken.
for _ in $(seq 20); do
  HAKMEM_RELEASE_DELAY=0 HAKMEM_STACKS=frames LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so "$BUILD_DIR/tests/misuse/double_free" >"$place/out" 2>"$place/err"
  grep -q ' cls=6 ' "$place/err" || wrong "double_free: another class is reported with HAKMEM_RELEASE_DELAY=0"
done

[ $failures -eq 0 ]
