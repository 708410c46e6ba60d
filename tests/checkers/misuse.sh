#!/bin/sh
# slow
# timeout: 900
# Each program of tests/misuse under memcheck: what is reported there, by memcheck or, where it cannot know, by hakmem. No other error, and the
# program goes on.
#
#   sh tests/checkers/misuse.sh --expected NAME     prints what is expected of one
. "$(dirname "$0")/common.sh"

# From the verdict that the program's first line declares for the default mode.
expected_of() {
  verdict=$(sed -n '1s|^/\* \([a-z_]*\).*|\1|p' "$SOURCE_DIR/tests/misuse/$1.c")
  case $1:$verdict in
    unseen_slack:none) echo nothing ;; # malloc_usable_size allows it
    unseen_read_after_free:none) echo 'Invalid read' ;;
    unseen_*:none) echo 'Invalid write' ;;
    *:off_by_one_nul | *:overrun_* | *:misrouted | *:unknown | *:write_after_free) echo 'Invalid write' ;;
    *:double_free | *:*_pointer | *:realloc_after_free) echo 'Invalid free' ;;
    *:wrong_size | *:usable_size_after_free) echo "$verdict" ;;
    *) echo unknown; return 1 ;;
  esac
}

[ "${1:-}" = --expected ] && { expected_of "$2"; exit; }

need_valgrind
failures=0 count=0
wrong() {
  echo "$*"
  head -n 30 "$place/report" "$place/out" | sed 's/^/    /'
  failures=$((failures + 1))
}

for file in "$SOURCE_DIR"/tests/misuse/*.c; do
  name=$(basename "$file" .c)
  expected=$(expected_of "$name") || { echo "$name: nothing is known of its verdict under memcheck"; failures=$((failures + 1)); continue; }
  count=$((count + 1))
  HAKMEM_STACKS=off check -q "$BUILD_DIR/tests/misuse/$name"
  status=$?
  [ $status -eq 0 ] && grep -qx 'went on' "$place/out" || wrong "$name: did not go on, exit status $status"
  kinds=$(sed -n 's/^==[0-9]*== \([A-Z][a-z]* [a-z]*\)[ (].*/\1/p' "$place/report" | sort -u)
  case $expected in
    nothing) [ -z "$kinds" ] && ! grep -q verdict= "$place/out" || wrong "$name: something was said" ;;
    Invalid*) [ "$kinds" = "$expected" ] || wrong "$name: memcheck says '$kinds', not '$expected'" ;;
    *) [ -z "$kinds" ] && grep -Eq "verdict=$expected( |\$)" "$place/out" || wrong "$name: not reported as $expected" ;;
  esac
done
[ $count -ge 70 ] || { echo "only $count programs"; exit 1; }
[ $failures -eq 0 ]
