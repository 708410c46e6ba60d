#!/bin/sh
# Under memcheck every byte outside of a block is reported, with the block's stacks, and none inside.
. "$(dirname "$0")/common.sh"
need_valgrind
export HAKMEM_RELEASE_DELAY=1000000 # ms: what the programs touch behind a free is still mapped, however slow the machine is
build borders.c
check -q --error-limit=no "$place/borders" || fail "borders: exit status $?"

# A block that should move to shrink, while no memory can be had: realloc fails, and nothing of hakmem's own work is reported.
cat >"$place/shrinks.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
int main(void) {
  char *const p = memset(malloc(64 << 20), 7, 64 << 20);
  FILE *const f = fopen("/proc/self/statm", "r");
  unsigned long pages;
  if (f == NULL || fscanf(f, "%lu", &pages) != 1) return 2;
  const struct rlimit full = {pages * (unsigned long)sysconf(_SC_PAGESIZE) + (1 << 20), RLIM_INFINITY};
  if (setrlimit(RLIMIT_AS, &full) != 0) return 3;
  if (realloc(p, 20 << 20) != NULL) return 4;
  return p[(64 << 20) - 1] == 7 ? 0 : 5;
}
END
gcc -g -O1 -fno-builtin -w -o "$place/shrinks" "$place/shrinks.c" || fail "shrinks.c does not compile"
check "$place/shrinks" || fail "shrinks: exit status $?"
[ "$(errors)" -eq 0 ] || fail "shrinks: $(errors) errors"

# What is said, word for word, and whose stacks.
cat >"$place/said.c" <<'END'
#include <stdlib.h>
static char *volatile p;
__attribute__((noinline)) static void make_it(size_t size) { p = malloc(size); p[0] = 1; }
__attribute__((noinline)) static void free_it(void) { free(p); p += 0; }
__attribute__((noinline)) static void touch_it(long at) { p[at] = 2; }
int main(int argc, char **argv) {
  const size_t size = (size_t)atol(argv[1]);
  make_it(size);
  touch_it((long)size);
  touch_it(-1);
  free_it();
  touch_it((long)size / 2);
  free_it();
  return 0;
}
END
gcc -g -O1 -fno-builtin -w -o "$place/said" "$place/said.c" || fail "said.c does not compile"
for size in 20 3000 50000 5000000; do
  check "$place/said" $size || fail "said $size: exit status $?"
  grouped=$(printf '%s' $size | sed ':a;s/\([0-9]\)\([0-9]\{3\}\)\($\|,\)/\1,\2\3/;ta')
  half=$(printf '%s' $((size / 2)) | sed ':a;s/\([0-9]\)\([0-9]\{3\}\)\($\|,\)/\1,\2\3/;ta')
  grep -q "is 0 bytes after a block of size $grouped alloc'd" "$place/report" || fail "said $size: no overflow"
  grep -q "is 1 bytes before a block of size $grouped alloc'd" "$place/report" || fail "said $size: no underflow"
  grep -q "is $half bytes inside a block of size $grouped free'd" "$place/report" || fail "said $size: no use after free"
  [ "$(grep -c 'Invalid free() / delete' "$place/report")" -eq 1 ] || fail "said $size: no double free"
  [ "$(grep -c "Block was alloc'd at" "$place/report")" -eq 2 ] || fail "said $size: where the freed block was allocated is not said twice"
  [ "$(grep -c 'by 0x[0-9A-F]*: make_it (said.c:3)' "$place/report")" -eq 4 ] || fail "said $size: allocation stacks"
  [ "$(grep -c 'by 0x[0-9A-F]*: free_it (said.c:4)' "$place/report")" -eq 3 ] || fail "said $size: free stacks"
  [ "$(errors)" -eq 4 ] || fail "said $size: $(errors) errors, not 4"
done
