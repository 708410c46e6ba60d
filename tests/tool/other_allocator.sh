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

# Two processes with the same are one finding.
"$hakmem" run -o both -- sh -c './linked; ./linked' >out 2>err || fail "run: $(cat err)"
equal "findings of two processes" 1 "$(findings both other_allocator | wc -l)"

command -v lttng >/dev/null 2>&1 && [ -e "$BUILD_DIR/lib/libhakmem-tracepoints.so" ] || exit 0
"$hakmem" record -o trace -- ./linked "$place/apart/libtcmalloc_minimal.so.4" ./libsound.so >out 2>err || fail "record: $(cat err)"
rm -f trace/*.hak trace/*/*.hak # the trace alone
[ "$(find trace -name '*.hak' | wc -l)" -eq 0 ] || fail "statistics are left"
equal "allocators, from a trace" 2 "$(findings trace other_allocator | wc -l)"
equal "RTLD_DEEPBIND, from a trace" 1 "$(findings trace deepbind | wc -l)"
