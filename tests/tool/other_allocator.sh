# An allocator beside hakmem, and libraries that would have had another malloc: hakmem explain names them, from statistics and from a trace.
# needs: /dev/shm
. "$(dirname "$0")/common.sh"

echo 'int nothing_of_importance;  int do_nothing(void) { return nothing_of_importance; }' >empty.c
cat >program.c <<'END'
#include <dlfcn.h>
#include <stdlib.h>
int do_nothing(void);
int main(int argc, char **argv) {
  free(malloc(100));
  if (argc > 1 && dlopen(argv[1], RTLD_NOW) == 0) return 3;
  if (argc > 2 && dlopen(argv[2], RTLD_NOW | RTLD_DEEPBIND) == 0) return 4;
  return do_nothing();
}
END
mkdir apart
cc -w -shared -fPIC empty.c -o libmimalloc.so.2 -Wl,-soname,libmimalloc.so.2 && cc -w -shared -fPIC empty.c -o apart/libtcmalloc_minimal.so.4 &&
  cc -w -shared -fPIC empty.c -o libsound.so && cc -w program.c -o linked "$place/libmimalloc.so.2" -Wl,-rpath,"$place" -ldl &&
  cc -w program.c -o sound "$place/libsound.so" -Wl,-rpath,"$place" -ldl || fail "does not compile"

# findings DIRECTORY RULE: what each says.
findings() { "$hakmem" explain --json "$1" | jq -r ".findings[] | select(.rule == \"$2\") | .kind + \": \" + .what + \" \" + .evidence[0]"; }

"$hakmem" run -o none -- ./sound >out 2>err || fail "run: $(cat err)"
equal "another allocator where there is none" "" "$(findings none other_allocator)$(findings none deepbind)"
"$hakmem" run -o one -- ./linked >out 2>err || fail "run: $(cat err)"
equal "an allocator that the program is linked to" "note: Another allocator is loaded beside hakmem: mimalloc. $place/libmimalloc.so.2" "$(findings one other_allocator)"
"$hakmem" run -o two -- ./sound "$place/apart/libtcmalloc_minimal.so.4" ./libsound.so >out 2>err || fail "run: $(cat err)"
equal "an allocator that was opened" "note: Another allocator is loaded beside hakmem: tcmalloc. $place/apart/libtcmalloc_minimal.so.4" "$(findings two other_allocator)"
equal "a library that was opened with RTLD_DEEPBIND" "note: The program opens libraries with RTLD_DEEPBIND: hakmem left the flag out. 1 time (HAKMEM_LOG=hdr names each library)" \
  "$(findings two deepbind)"
"$hakmem" explain two >text || fail "explain"
grep -q "Another allocator is loaded beside hakmem: tcmalloc" text || { cat text; fail "not in the text"; }
equal "the counter" 1 "$("$hakmem" report --json two | jq .stats.counters.deepbind)"

# A program with a malloc of its own, which the loader prefers to hakmem's. Said in the text that the program itself prints, in report and explain, and by check.
cat >own.c <<'END'
#include <stdlib.h>
#include <string.h>
static char memory[16 << 20], *next = memory;
void *aligned_alloc(size_t align, size_t size) {
  char *const p = (char *)(((size_t)next + 16 + align) & -align); /* the size stands before the block */
  next = p + size;
  *(size_t *)(p - 16) = size;
  return p;
}
void *malloc(size_t size) { return aligned_alloc(16, size); }
void free(void *p) { (void)p; }
void *calloc(size_t n, size_t size) { return malloc(n * size); }
void *realloc(void *p, size_t size) {
  void *const new = malloc(size);
  const size_t old = p != NULL ? *(size_t *)((char *)p - 16) : 0;
  return memcpy(new, p != NULL ? p : new, old < size ? old : size);
}
void *memalign(size_t align, size_t size) { return aligned_alloc(align, size); }
int posix_memalign(void **out, size_t align, size_t size) { return *out = aligned_alloc(align, size), 0; }
#ifndef LIBRARY
int main(void) { return malloc(100) == NULL; }
#endif
END
echo '#include <stdlib.h>
int main(void) { void *(*volatile take)(size_t) = malloc; free(take(100)); return 0; }' >without.c
cc -w -O1 -fno-builtin own.c -o own && cc -w -O1 -fno-builtin -DLIBRARY -shared -fPIC own.c -o libown.so && cc -w -O1 -fno-pie -no-pie without.c -o without ||
  fail "does not compile"
# own_malloc DIRECTORY PATH HOW MANY: the finding and what check says. No PATH: there is no finding.
own_malloc() {
  equal "$1: whose malloc" "$2" "$("$hakmem" explain --json "$1" | jq -r '.findings[] | select(.rule == "own_malloc") | .evidence[0]' | sed 's/ defines malloc;.*//')"
  "$hakmem" check "$1" >text
  equal "$1: check" "$([ "$3" -eq 0 ] && echo ok || echo FAIL) own_malloc > 0 own_malloc = $3" "$(grep own_malloc text | tr -s ' ')"
}
"$hakmem" run -o own_data -- ./own >out 2>err || fail "run: $(cat err)"
own_malloc own_data "$place/own" 1
"$hakmem" report --summary own_data | grep -q '1. own does not use hakmem.s malloc, but one of its own' || fail "not on the first screen"
HAKMEM_STATS=1 LD_PRELOAD="$BUILD_DIR/lib/libhakmem.so" ./own 2>&1 | grep -qF "The program calls the malloc of $place/own: " || fail "not in the text"
HAKMEM_STATS_FILE=$PWD/first.hak LD_PRELOAD="$PWD/libown.so $BUILD_DIR/lib/libhakmem.so" ./without
own_malloc first.hak "$place/libown.so" 1
# Not so if hakmem comes first. A program that takes malloc's address, and lies at a fixed place, has a symbol malloc with a value, and does not define it.
HAKMEM_STATS_FILE=$PWD/second.hak LD_PRELOAD="$BUILD_DIR/lib/libhakmem.so $PWD/libown.so" ./without
own_malloc second.hak "" 0
HAKMEM_STATS=1 LD_PRELOAD="$BUILD_DIR/lib/libhakmem.so" ./without 2>&1 | grep -F "The program calls the malloc" && fail "this program calls hakmem's malloc, but its text names another one"
# Nor of a malloc that hands each call on to hakmem's.
cat >wrapper.c <<'END'
#include <dlfcn.h>
#include <stdlib.h>
void *malloc(size_t size) {
  static void *(*next)(size_t);
  if (next == NULL) next = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
  return next(size);
}
int main(void) {
  for (int i = 0; i < 2000; i++) free(malloc(100));
  return 0;
}
END
cc -w -O1 -fno-builtin -D_GNU_SOURCE wrapper.c -o wrapper -ldl || fail "does not compile"
"$hakmem" run -o wrapped -- ./wrapper >out 2>err || fail "run: $(cat err)"
own_malloc wrapped "" 0
"$hakmem" run -o three -- sh -c './own; ./without; ./own' >out 2>err || fail "run: $(cat err)"
own_malloc three "$place/own" 2

# Two processes with the same are one finding.
"$hakmem" run -o both -- sh -c './linked; ./linked' >out 2>err || fail "run: $(cat err)"
equal "findings of two processes" 1 "$(findings both other_allocator | wc -l)"

command -v lttng >/dev/null 2>&1 && [ -e "$BUILD_DIR/lib/libhakmem-tracepoints.so" ] || exit 0
"$hakmem" record -o own_trace -- ./own >out 2>err || fail "record: $(cat err)"
rm -f own_trace/*.hak own_trace/*/*.hak
own_malloc own_trace "$place/own" 1
"$hakmem" record -o trace -- ./linked "$place/apart/libtcmalloc_minimal.so.4" ./libsound.so >out 2>err || fail "record: $(cat err)"
rm -f trace/*.hak trace/*/*.hak # the trace alone
[ "$(find trace -name '*.hak' | wc -l)" -eq 0 ] || fail "statistics are left"
equal "allocators, from a trace" 2 "$(findings trace other_allocator | wc -l)"
equal "RTLD_DEEPBIND, from a trace" 1 "$(findings trace deepbind | wc -l)"
