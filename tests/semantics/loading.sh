#!/bin/sh
# malloc before main and after it; libraries that come and go; a plugin linked to libhakmem.so in a program that knows nothing of it.
. "$(dirname "$0")/common.sh"
here=$SOURCE_DIR/tests/semantics
build() { gcc -D_GNU_SOURCE -O1 -g -fPIC -shared -pthread -I"$SOURCE_DIR" -I"$SOURCE_DIR/src" -I"$SOURCE_DIR/src/names" "$@" || fail "cannot build: $*"; }
build "$here/early.c" -o "$place/early.so"
build "$here/plugin.c" -o "$place/plugin.so"
build -DPLUGIN_HAK "$here/plugin.c" -o "$place/plugin-hak.so" -L"$BUILD_DIR/lib" -lhakmem -Wl,-rpath,"$BUILD_DIR/lib"

# Whichever of the two the loader starts first.
for library in "$PLAIN" "$DEFAULT"; do
  for order in "$place/early.so:$library" "$library:$place/early.so"; do
    for trace in off full; do
      HAKMEM_TRACE=$trace HAKMEM_STATS_FILE="$place/%p" LD_PRELOAD=$order "$programs/threads" small >"$place/out" 2>&1 ||
        { status=$?; cat "$place/out"; fail "exit status $status with LD_PRELOAD=$order"; }
      grep -qx 'early: ended' "$place/out" || fail "the destructor of early.so did not run with LD_PRELOAD=$order"
    done
  done
done

everywhere "$programs/open" "$place/plugin.so" 100

"$programs/open" "$place/plugin-hak.so" 100 >"$place/out" 2>&1 ||
  { status=$?; cat "$place/out"; fail "exit status $status of a program that opens a plugin linked to libhakmem.so"; }
everywhere "$programs/open" "$place/plugin-hak.so" 20

# Linked by name, without being preloaded: malloc is hakmem's then, too.
gcc -D_GNU_SOURCE -O1 -fno-builtin "$here/names.c" -o "$place/linked" -Wl,--no-as-needed -L"$BUILD_DIR/lib" -lhakmem -Wl,-rpath,"$BUILD_DIR/lib" \
  2>"$place/out" || { cat "$place/out"; fail "cannot link to libhakmem.so"; }
"$place/linked" || fail "a program linked to libhakmem.so"
