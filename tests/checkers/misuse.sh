#!/bin/sh
# slow
# timeout: 900
# Each program of tests/misuse under memcheck: what is reported there, by memcheck or, where it cannot know, by hakmem. No other error, and the
# program goes on.
. "$(dirname "$0")/common.sh"

expected_of() { sed -n '1s/.*| valgrind=\([^ :]*\).*/\1/p' "$SOURCE_DIR/tests/misuse/$1.c" | tr _ ' '; }

need_valgrind
failures=0 count=0
wrong() {
  echo "$*"
  head -n 30 "$place/report" "$place/out" | sed 's/^/    /'
  failures=$((failures + 1))
}

for file in "$SOURCE_DIR"/tests/misuse/*.c; do
  name=$(basename "$file" .c)
  expected=$(expected_of "$name")
  [ -n "$expected" ] || { echo "$name: nothing is known of its verdict under memcheck"; failures=$((failures + 1)); continue; }
  count=$((count + 1))
  HAKMEM_STACKS=off check -q "$BUILD_DIR/tests/misuse/$name"
  status=$?
  [ $status -eq 0 ] && grep -qx 'went on' "$place/out" || wrong "$name: did not go on, exit status $status"
  kinds=$(sed -n 's/^==[0-9]*== \([A-Z][a-z]* [a-z]*\)[ (].*/\1/p' "$place/report" | sort -u | paste -sd+)
  case $expected in
    nothing) [ -z "$kinds" ] && ! grep -q verdict= "$place/out" || wrong "$name: something was said" ;;
    Invalid*) [ "$kinds" = "$expected" ] || wrong "$name: memcheck says '$kinds', not '$expected'" ;;
    *) [ -z "$kinds" ] && grep -Eq "verdict=$(echo "$expected" | tr ' ' _)( |\$)" "$place/out" || wrong "$name: not reported as $expected" ;;
  esac
done
[ $count -ge 70 ] || { echo "only $count programs"; exit 1; }
[ $failures -eq 0 ]
