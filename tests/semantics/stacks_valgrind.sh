#!/bin/sh
# Under Valgrind, taking a stack is no error of the program's; the program's own errors are reported, before it and after it.
. "$(dirname "$0")/common.sh"
command -v valgrind >/dev/null 2>&1 || skip "valgrind is not installed"
cat >"$place/wrong.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((noinline)) static int read_freed(size_t size) {
  int *volatile block = malloc(size);
  block[2] = 7;
  free(block);
  return block[2]; /* the error */
}

int main(void) {
  int sum = read_freed(40);
  void *volatile block = malloc(100);
  free(block);
  free(block); /* hakmem's report, with a stack, and memcheck's */
  sum += read_freed(60);
  return sum > 1000000;
}
END
gcc -O0 -g -w -o "$place/wrong" "$place/wrong.c" || fail "wrong.c does not compile"
for how in off auto fp unwind; do
  HAKMEM_STACKS=$how LD_PRELOAD=$DEFAULT timeout 120 valgrind -q --soname-synonyms=somalloc=nouserintercepts "$place/wrong" >"$place/out" 2>&1
  grep -q 'verdict=double_free' "$place/out" || { cat "$place/out"; fail "no report of the double free, HAKMEM_STACKS=$how"; }
  errors=$(grep -c '^==[0-9]*== [A-Z]' "$place/out")
  reads=$(grep -c 'Invalid read of size 4' "$place/out")
  frees=$(grep -c 'Invalid free' "$place/out")
  [ "$errors" -eq 3 ] && [ "$reads" -eq 2 ] && [ "$frees" -eq 1 ] || { cat "$place/out"; fail "$errors errors, not the program's 3, HAKMEM_STACKS=$how"; }
done
