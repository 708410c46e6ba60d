#!/bin/sh
# memcheck's leak check says the same of hakmem's blocks as of those of its own malloc: numbers, bytes, kinds and places.
. "$(dirname "$0")/common.sh"
need_valgrind
build leaks.c

# The summary, and the lost blocks with the program's frames; without addresses and process ids.
essence() {
  sed -n 's/^==[0-9]*== *//p' "$place/report" | grep -E 'definitely lost|indirectly lost|possibly lost|still reachable|in use at exit|leaks\.c' |
    sed 's/0x[0-9A-F]*/ADDRESS/; s/ in loss record .*//; s/^at ADDRESS/by ADDRESS/' | sort
}
# Any number that stands in memory just then can look like a pointer into the largest block, which makes it `possibly lost`, with either malloc.
for attempt in 1 2 3 4 5; do
  native --leak-check=full --show-leak-kinds=all "$place/leaks"
  essence >"$place/expected"
  [ "$(wc -l <"$place/expected")" -gt 20 ] && grep -q 'indirectly lost: [1-9]' "$place/expected" || fail "no leaks with Valgrind's own malloc"
  check --leak-check=full --show-leak-kinds=all "$place/leaks" || fail "leaks: exit status $?"
  essence >"$place/got"
  diff "$place/expected" "$place/got" >"$place/difference" && break
done
[ ! -s "$place/difference" ] || { mv "$place/difference" "$place/out"; fail "another leak check than with Valgrind's own malloc, $attempt times:"; }

lost() { sed -n 's/^==[0-9]*== *\(definitely\|possibly\) lost:/\1/p' "$place/report"; }
# as_expected MESSAGE COMMAND...: the command's report has the expected losses.
as_expected() {
  message=$1
  shift
  "$@" >"$place/out" 2>&1 || fail "leaks: exit status $?"
  lost | diff "$place/expected" - >"$place/difference" || { mv "$place/difference" "$place/out"; fail "$message"; }
}
memcheck="valgrind $own --log-file=$place/report --leak-check=full $place/leaks"

# hakmem's tables hold times. None of them looks like a pointer into a block, also while the clock says what that block's address is.
lost >"$place/expected"
seconds=$(($(tail -n 1 "$place/out") - $(cut -d . -f 1 /proc/uptime)))
at_that_time() { LD_PRELOAD= unshare --time --monotonic $seconds --fork "$@"; }
if at_that_time true 2>/dev/null; then
  as_expected "a time looks like a pointer" at_that_time env LD_PRELOAD="$DEFAULT" $memcheck
else
  echo "no namespace of time can be had"
fi

# Nor does a number in the statistics block: the program makes one of its counts as large as the address of a lost block.
native --leak-check=full "$place/leaks" count
lost >"$place/expected"
as_expected "a count looks like a pointer" env LD_PRELOAD="$DEFAULT" $memcheck count

# Of a program that leaks nothing, that is what the report says. Descriptors that hakmem closes meanwhile are no errors of the program.
cat >"$place/none.c" <<'END'
#include <stdlib.h>
int main(void) {
  void *volatile p[100];
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 100; i++) p[i] = malloc((size_t)i * i * i / 3);
    for (int i = 0; i < 100; i++) p[i] = realloc(p[i], (size_t)i * 2000 + 1);
    for (int i = 0; i < 100; i++) free(p[i]);
  }
  return 0;
}
END
gcc -g -O1 -fno-builtin -w -o "$place/none" "$place/none.c" || fail "none.c does not compile"
check --leak-check=full --show-leak-kinds=all "$place/none" || fail "none: exit status $?"
grep -q 'All heap blocks were freed -- no leaks are possible' "$place/report" && [ "$(errors)" -eq 0 ] || fail "none: leaks or errors"
