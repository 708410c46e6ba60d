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
# same HOW MESSAGE ARGUMENTS...: the report on leaks is the same as with Valgrind's own malloc, as far as HOW prints it; on_hakmem runs the check.
# Any number that stands in memory just then, such as ld.so's random ones, can look like a pointer into a large block, which makes that
# block `possibly lost`, with either malloc. A number of hakmem's own does so every time.
same() {
  how=$1 message=$2
  shift 2
  for attempt in 1 2 3 4 5; do
    native --leak-check=full --show-leak-kinds=all "$place/leaks" "$@"
    $how >"$place/expected"
    [ "$(wc -l <"$place/expected")" -ge 2 ] && grep -q 'indirectly lost: [1-9]' "$place/report" || fail "no leaks with Valgrind's own malloc"
    on_hakmem --leak-check=full --show-leak-kinds=all "$place/leaks" "$@" || fail "leaks: exit status $?"
    $how >"$place/got"
    diff "$place/expected" "$place/got" >"$place/difference" && return
  done
  mv "$place/difference" "$place/out"
  fail "$message, $attempt times:"
}
lost() { sed -n 's/^==[0-9]*== *\(definitely\|possibly\) lost:/\1/p' "$place/report"; }

on_hakmem() { check "$@"; }
same essence "another leak check than with Valgrind's own malloc"
[ "$(wc -l <"$place/expected")" -gt 20 ] || fail "no places of leaks with Valgrind's own malloc"

# hakmem's tables hold times. None of them looks like a pointer into a block, also while the clock says what that block's address is.
seconds=$(($(tail -n 1 "$place/out") - $(cut -d . -f 1 /proc/uptime)))
at_that_time() { LD_PRELOAD= unshare --time --monotonic $seconds --fork "$@"; }
if at_that_time true 2>/dev/null; then
  on_hakmem() { at_that_time env LD_PRELOAD="$DEFAULT" valgrind $own --log-file="$place/report" "$@" >"$place/out" 2>&1; }
  same lost "a time looks like a pointer"
else
  echo "no namespace of time can be had"
fi

# Nor does a number in the statistics block: the program makes one of its counts as large as the address of a lost block.
on_hakmem() { check "$@"; }
same lost "a count looks like a pointer" count

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
