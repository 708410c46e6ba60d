#!/bin/sh
# massif and DHAT see the blocks by the place that allocated them: with their own malloc in hakmem's place, which is the default, and massif
# also with hakmem's.
. "$(dirname "$0")/common.sh"
need_valgrind
cat >"$place/sites.c" <<'END'
#include <stdlib.h>
#include <string.h>
__attribute__((noinline)) static char *site_small(void) { return malloc(100); }
__attribute__((noinline)) static char *site_large(void) { return calloc(1, 400000); }
__attribute__((noinline)) static char *site_grown(char *p) { return realloc(p, 30000); }
int main(void) {
  char *volatile p[1000];
  for (int i = 0; i < 1000; i++) memset(p[i] = site_small(), 1, 100);
  for (int i = 0; i < 3; i++) site_large()[1] = 1;
  for (int i = 0; i < 10; i++) p[i] = site_grown(p[i]);
  for (int i = 0; i < 1000; i++) free(p[i]);
  return 0;
}
END
gcc -g -O1 -fno-builtin -w -o "$place/sites" "$place/sites.c" || fail "sites.c does not compile"

# At the peak live 990 or 991 blocks of 100 bytes, 3 of 400,000 and 10 of 30,000.
massif() {
  rm -f "$place/massif"
  LD_PRELOAD=$DEFAULT valgrind --tool=massif "$@" --peak-inaccuracy=0 --threshold=0.1 --massif-out-file="$place/massif" "$place/sites" >"$place/out" 2>&1 ||
    fail "massif $*: exit status $?"
  ms_print --threshold=0.1 "$place/massif" >"$place/out" 2>&1 || fail "massif $*: no output"
  most=$(sed -n 's/^mem_heap_B=//p' "$place/massif" | sort -n | tail -n 1)
  [ "$most" -ge 1599000 ] && [ "$most" -le 1602000 ] || fail "massif $*: $most bytes at the peak, not 1,599,000"
  for site in 1,200,000B:site_large 300,000B:site_grown 99,[01]00B:site_small; do
    grep -q "(${site%%:*}).*${site#*:} (sites.c" "$place/out" || fail "massif $*: not ${site%%:*} from ${site#*:}"
  done
}
massif
massif $own

LD_PRELOAD=$DEFAULT valgrind --tool=dhat --dhat-out-file="$place/dhat" "$place/sites" >"$place/out" 2>&1 || fail "dhat: exit status $?"
grep -q 'Total: *1,6[0-9][0-9],[0-9]* bytes in 1,013 blocks' "$place/out" || fail "dhat: other totals"
for site in site_small site_large; do # what realloc made counts for the place that had made it first
  grep -q "$site (sites.c" "$place/dhat" || fail "dhat: nothing from $site"
done
