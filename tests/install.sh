#!/bin/sh
# What is installed is complete: in a directory that is moved afterwards, programs find it by CMake and by pkg-config, in C and in
# C++, and the companion program finds its libraries.
set -eu
BUILD_DIR=${BUILD_DIR:-$PWD/build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v cmake >/dev/null && command -v pkg-config >/dev/null || { echo "cmake or pkg-config is not installed"; exit 77; }
fail() { echo "FAIL: $*"; exit 1; }

cmake --install "$BUILD_DIR" --prefix "$work/first" >"$work/log" || { cat "$work/log"; fail "cmake --install"; }
mv "$work/first" "$work/moved"
prefix=$work/moved
libdir=$(dirname "$(find "$prefix" -name libhakmem.so)")
! grep -rIl "$work/first" "$prefix" || fail "the files above name the place of the installation"

# ---- The program: uses the interface by its own names, and says which library it got. ----
mkdir "$work/program"
cat >"$work/program/main.c" <<'END'
#include <hakmem.h>
#include <stdio.h>
#include <string.h>

/* Names that the library has inside, too. */
int config = 1, registry = 2;
void directory_lookup(void) {}

int main(void) {
  struct hak_stats stats;
  char *p = (char *)hak_malloc(100);
  if (p == NULL || hak_usable_size(p) < 100) return 1;
  memset(p, 1, 100);
  p = (char *)hak_realloc(p, 5000);
  if (p == NULL || p[99] != 1) return 2;
  hak_free(p);
  if (hak_stats_read(&stats, sizeof(stats)) == 0 && stats.allocs == 0) return 3;
  char expected[32];
  snprintf(expected, sizeof(expected), "%d.%d.%d", HAK_VERSION_MAJOR, HAK_VERSION_MINOR, HAK_VERSION_PATCH);
  if (strcmp(hak_version(), expected) != 0) return 4;
  puts(hak_version());
  return 0;
}
END
version=$(PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config --modversion hakmem)

# expect WHAT COMMAND...: the command prints the version.
expect() {
  what=$1
  shift
  said=$("$@") || fail "$what: exit status $?"
  [ "$said" = "$version" ] || fail "$what: it says '$said', pkg-config says '$version'"
}

# ---- By CMake, and not where another version is wanted. ----
cat >"$work/program/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.20)
project(consumer C)
find_package(hakmem ${WANTED} REQUIRED)
add_executable(consumer main.c)
target_link_libraries(consumer PRIVATE hakmem::hakmem)
add_executable(consumer-api main.c)
target_link_libraries(consumer-api PRIVATE hakmem::api)
if(STATIC)
  add_executable(consumer-static main.c)
  target_link_libraries(consumer-static PRIVATE hakmem::static -static)
endif()
END
echo 'int main(void) { return 0; }' >"$work/empty.c"
static=OFF
! ${CC:-cc} -static -o "$work/empty" "$work/empty.c" 2>/dev/null || static=ON
configure() { cmake -DSTATIC=$static -S "$work/program" -B "$work/$1" -DWANTED="$1" -DCMAKE_PREFIX_PATH="$prefix" >"$work/log" 2>&1; }
configure "$version" || { cat "$work/log"; fail "find_package(hakmem $version)"; }
cmake --build "$work/$version" >"$work/log" 2>&1 || { cat "$work/log"; fail "building with hakmem::hakmem and hakmem::api"; }
expect "built by CMake" "$work/$version/consumer"
expect "built by CMake with hakmem::api" "$work/$version/consumer-api"
[ $static = OFF ] || expect "built by CMake with hakmem::static" "$work/$version/consumer-static"
! nm "$work/$version/consumer-api" | grep ' [TtWw] malloc$' || fail "hakmem::api has a malloc"
! ldd "$work/$version/consumer-api" | grep hakmem || fail "hakmem::api needs a library of hakmem at run time"
! configure 99.0 || fail "find_package(hakmem 99.0) takes version $version"
grep -q 99.0 "$work/log" || { cat "$work/log"; fail "find_package(hakmem 99.0) fails for another reason"; }

# ---- By pkg-config, in C and in C++. ----
for package in hakmem hakmem-api; do
  flags=$(PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config --cflags --libs $package)
  # shellcheck disable=SC2086 # $flags is a list
  ${CC:-cc} -std=c11 -Wall -Wextra -Wpedantic -Werror -o "$work/$package" "$work/program/main.c" $flags
  expect "built by pkg-config $package" env LD_LIBRARY_PATH="$libdir" "$work/$package"
  command -v "${CXX:-c++}" >/dev/null || continue
  # shellcheck disable=SC2086
  ${CXX:-c++} -Wall -Wextra -Werror -x c++ -o "$work/$package-c++" "$work/program/main.c" -x none $flags
  expect "built by pkg-config $package, C++" env LD_LIBRARY_PATH="$libdir" "$work/$package-c++"
done
if [ $static = ON ]; then
  # shellcheck disable=SC2046 # a list
  ${CC:-cc} -static -o "$work/static" "$work/program/main.c" $(PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config --static --cflags --libs hakmem)
  expect "built by pkg-config --static hakmem" "$work/static"
fi
! LD_LIBRARY_PATH=$libdir ldd "$work/hakmem" | grep -E 'lttng|unwind' || fail "a program that links libhakmem depends on the above, too"

# ---- The rest. ----
[ -e "$libdir/libhakmem-plain.so" ] || fail "libhakmem-plain.so is not installed"
source=$(cd "$(dirname "$0")/.." && pwd)
for template in "$source"/tools/man/*.in; do
  page=$(basename "$template" .in)
  page=man${page##*.}/$page
  case $page in man1/*) [ -e "$prefix/bin/hakmem" ] || continue ;; esac
  [ -s "$prefix/share/man/$page" ] || fail "there is no manual page $page"
  command -v groff >/dev/null || continue
  said=$(groff -man -Tutf8 -ww -z "$prefix/share/man/$page" 2>&1)
  [ -z "$said" ] || fail "groff on $page: $said"
done
for kind in report explain since diff check; do
  [ -s "$prefix/share/hakmem/$kind.schema.json" ] || fail "the schema $kind.schema.json is not installed"
done
for name in $(sed -n 's/^ *\(NUMBER\|CHOICE\|TEXT\|BYTES\)([a-z_]*, \([A-Z_]*\),.*/\2/p' "$source/src/platform/config.h"); do
  grep -q "HAKMEM_$name" "$prefix/share/man/man7/libhakmem.7" || fail "libhakmem(7) has nothing about HAKMEM_$name"
done
grep -q '^full: every operation' "$prefix/share/man/man7/libhakmem.7" || fail "libhakmem(7) writes a value of HAKMEM_TRACE in another way than it must be given"

[ -e "$prefix/bin/hakmem" ] || { echo "The companion program is not built (HAKMEM_TOOLS)."; exit 0; }
HAKMEM_LOG=drain "$prefix/bin/hakmem" run -o "$work/run" -- true 2>"$work/log" || { cat "$work/log"; fail "the installed hakmem run"; }
grep -q 'TLS_SLL_DRAIN' "$work/log" || { cat "$work/log"; fail "the installed hakmem did not preload libhakmem.so"; }
"$prefix/bin/hakmem" report "$work/run" >/dev/null || fail "the installed hakmem report"
"$prefix/bin/hakmem" bench threads --rounds 1 --ops 100 --workloads larson --allocators hakmem,hakmem-plain >"$work/out" 2>"$work/log" ||
  { cat "$work/log"; fail "the installed hakmem bench threads"; }
"$prefix/bin/hakmem" bench programs --rounds 1 --workloads lua5.4 --allocators glibc >"$work/out" 2>"$work/log" ||
  { cat "$work/log"; fail "the installed hakmem bench programs"; }
