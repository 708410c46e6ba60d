#!/bin/sh
# Two builds of the same sources in different folders are the same, byte for byte: the libraries, the program with its parts, the manual pages.
# long
# slow
# timeout: 1800
set -u
SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/.." && pwd)}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-reproducible.XXXXXX") || exit 1
trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT TERM
built() { cd "$1" && find lib bin man share -type f | LC_ALL=C sort; }

# A cache of the compiler's would hide what a folder's name does.
build() { # FOLDER
  tar -C "$SOURCE_DIR" -cf - CMakeLists.txt LICENSE src instrumentation tracepoints tools | { mkdir -p "$1/sources" && tar -C "$1/sources" -xf -; } &&
    env -u CMAKE_C_COMPILER_LAUNCHER -u CMAKE_CXX_COMPILER_LAUNCHER cmake -S "$1/sources" -B "$2" -DHAKMEM_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/usr &&
    cmake --build "$2" -j 2
}
build "$place/a" "$place/a/sources/build" >"$place/log" 2>&1 || { tail -n 20 "$place/log"; echo "the first build failed"; exit 1; }
build "$place/somewhere/else" "$place/elsewhere" >"$place/log" 2>&1 || { tail -n 20 "$place/log"; echo "the second build failed"; exit 1; }
(built "$place/a/sources/build") >"$place/first"
(built "$place/elsewhere") >"$place/second"
cmp -s "$place/first" "$place/second" || { diff "$place/first" "$place/second"; echo "the builds have not the same files"; exit 1; }
[ "$(wc -l <"$place/first")" -ge 20 ] || { cat "$place/first"; echo "too few files were compared"; exit 1; }
bad=0
while read -r file; do
  cmp "$place/a/sources/build/$file" "$place/elsewhere/$file" || bad=1
done <"$place/first"
exit $bad
