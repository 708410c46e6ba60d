# What the scripts here share:
#
#   build NAME.c [ARGUMENTS...]   compiles a program of this folder to $place/NAME
#   check ARGUMENTS...            runs a program under memcheck and libhakmem.so, its report in $place/report, its output in $place/out
#   native ARGUMENTS...           the same with Valgrind's own malloc in the place of the C library's
set -u
SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
DEFAULT=$BUILD_DIR/lib/libhakmem.so
export LC_ALL=C

place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-checkers.XXXXXX") || exit 1
trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT TERM

skip() { echo "$*"; exit 77; }
fail() {
  for file in "$place/report" "$place/out"; do
    [ -s "$file" ] && head -n 60 "$file"
  done
  echo "$*" # last, because a run shows the end of the output
  exit 1
}

need_valgrind() {
  command -v valgrind >/dev/null 2>&1 || skip "valgrind is not installed"
  grep -q '^VALGRIND_HEADER:INTERNAL=1' "$BUILD_DIR/CMakeCache.txt" || skip "built without valgrind/memcheck.h"
}

build() {
  source=$1
  shift
  gcc -g -O1 -fno-builtin -w -pthread -o "$place/${source%.c}" "$SOURCE_DIR/tests/checkers/$source" "$@" >"$place/out" 2>&1 || fail "$source does not compile"
}

own=--soname-synonyms=somalloc=nouserintercepts
check() { LD_PRELOAD=$DEFAULT valgrind $own --log-file="$place/report" "$@" >"$place/out" 2>&1; }
native() { valgrind --log-file="$place/report" "$@" >"$place/out" 2>&1; }

# The number of errors in the report.
errors() { sed -n 's/^.*ERROR SUMMARY: \([0-9,]*\) errors.*/\1/p' "$place/report" | tr -d ,; }
