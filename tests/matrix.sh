#!/bin/sh
# slow
# timeout: 900
# Everything off and everything on, with gcc and with clang, builds without a warning; what comes out runs. The tests' own programs are clang's
# here: gcc builds them for every run.
set -u
SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/.." && pwd)}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-matrix.XXXXXX") || exit 1
trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT TERM

# one COMPILER EVENTS FEATURES TESTS
one() {
  dir=$place/$1-$2-$3
  env CC="$1" CXX=g++ cmake -S "$SOURCE_DIR" -B "$dir" -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS=-Werror -DHAKMEM_EVENTS="$2" -DHAKMEM_TRACEPOINTS="$3" \
    -DHAKMEM_BACKTRACE="$3" -DHAKMEM_VALGRIND="$3" -DHAKMEM_TOOLS="$3" -DHAKMEM_TESTS="$4" >"$place/log" 2>&1 &&
    cmake --build "$dir" -j 2 >>"$place/log" 2>&1 || {
    grep -E 'warning|error|Error' "$place/log" | head -n 30
    tail -n 5 "$place/log"
    echo "$1 with HAKMEM_EVENTS=$2 and the others $3: does not build"
    exit 1
  }
  for library in "$dir"/lib/libhakmem.so "$dir"/lib/libhakmem-plain.so; do
    said=$(LD_PRELOAD=$library "$BUILD_DIR/tests/semantics/names" 2>&1) || {
      echo "$said"
      echo "$library of $1 with HAKMEM_EVENTS=$2 and the others $3 does not work"
      exit 1
    }
  done
  [ "$3" = OFF ] || [ -e "$dir/lib/libhakmem-tracepoints.so" ] || { echo "$1: no libhakmem-tracepoints.so"; exit 1; }
  rm -rf "$dir"
  echo "$1, HAKMEM_EVENTS=$2, the others $3: built without a warning"
}

one gcc OFF OFF OFF
one gcc ON ON OFF
command -v clang >/dev/null 2>&1 || { echo "clang is not installed"; exit 77; }
one clang OFF OFF OFF
one clang ON ON ON
one clang ON OFF OFF

# What cannot be had is said in words that help.
if cmake -S "$SOURCE_DIR" -B "$place/none" -DPKG_CONFIG_EXECUTABLE=/bin/false -DHAKMEM_TRACEPOINTS=ON >"$place/log" 2>&1; then
  echo "HAKMEM_TRACEPOINTS=ON without lttng-ust was accepted"
  exit 1
fi
grep -q 'HAKMEM_TRACEPOINTS=ON needs lttng-ust' "$place/log" || { tail "$place/log"; echo "the message does not name what is missing"; exit 1; }
