#!/bin/sh
# Every C source has the form that .clang-format says, as clang-format 14 makes it. (Other versions make another.)
#
#   sh tests/style.sh                    the test: names the files that differ, with the first differing lines
#   sh tests/style.sh --fix              rewrites them
#   sh tests/style.sh --tidy [FILE...]   clang-tidy with the checks of .clang-tidy over these, or all; takes minutes
set -u
cd "$(dirname "$0")/.." || exit 2
BUILD_DIR=${BUILD_DIR:-$PWD/build}
need() { command -v "$1" >/dev/null || { echo "$1 is not installed (package $1)"; exit 77; }; }

if [ "${1-}" = --tidy ]; then
  shift
  need clang-tidy
  [ -e "$BUILD_DIR/compile_commands.json" ] || { echo "no $BUILD_DIR/compile_commands.json: build first"; exit 2; }
  [ $# -gt 0 ] || set -- $(find src instrumentation tracepoints tools -name '*.c' | sort)
  printf '%s\n' "$@" | xargs -P "$(nproc)" -n 4 clang-tidy -p "$BUILD_DIR" --quiet --warnings-as-errors='*' 2>/dev/null
  exit
fi

need clang-format
clang-format --version | grep -q 'version 14\.' || { echo "not clang-format 14: $(clang-format --version)"; exit 77; }
sources() { find src instrumentation tracepoints tools tests -name '*.c' -o -name '*.h' -o -name '*.cc' | sort; }

case ${1-} in
  --fix) sources | xargs clang-format -i ;;
  '')
    place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-style.XXXXXX") || exit 1
    trap 'rm -rf "$place"' EXIT
    differ=0
    for file in $(sources); do
      clang-format "$file" >"$place/formatted" || exit 1
      cmp -s "$place/formatted" "$file" && continue
      diff "$file" "$place/formatted" | head -n 6
      echo "$file: is not as .clang-format says; to write it so: sh tests/style.sh --fix"
      differ=1
    done
    exit $differ
    ;;
  *) echo "usage: sh tests/style.sh [--fix | --tidy [FILE...]]" >&2; exit 2 ;;
esac
