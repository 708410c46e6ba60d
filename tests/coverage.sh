#!/bin/sh
# How much of src/ and instrumentation/ the tests run:
#
#   sh tests/coverage.sh [--fail-under LINES BRANCHES] [--add | --report] [PATTERN...]
#
# Builds into build-coverage with clang, so that each library and each test program counts, and runs the tests whose names contain a PATTERN. Without one
# these are unit/, misuse/, semantics/, fuzz/model, fuzz/faults, fuzz/replay, preload/, tool/, trace/ and checkers/, which takes longer than the suite.
#
#   --fail-under    ends with 1 if less than LINES or BRANCHES per cent ran; 92 and 80 without it
#   --add           keeps what was counted before
#   --report        runs no test, and says what was counted before
#
# A test that fails is named, and does not matter here: such a build is slower and larger. tests/coverage/report.py says what is counted.
set -u
cd "$(dirname "$0")/.." || exit 2
SOURCE_DIR=$PWD
build=$SOURCE_DIR/build-coverage

bad_call() {
  echo "coverage.sh: $1; usage: sh tests/coverage.sh [--fail-under LINES BRANCHES] [--add | --report] [PATTERN...]" >&2
  exit 2
}

lines=92 branches=80 keep='' report=''
while [ $# -gt 0 ]; do
  case $1 in
    --fail-under)
      [ $# -ge 3 ] || bad_call "--fail-under needs two numbers"
      case $2$3 in *[!0-9.]*) bad_call "--fail-under needs two numbers" ;; esac
      lines=$2 branches=$3
      shift 2
      ;;
    --add) keep=yes ;;
    --report) keep=yes report=yes ;;
    -*) bad_call "there is no option $1" ;;
    *) break ;;
  esac
  shift
done
[ $# -gt 0 ] || set -- unit/ misuse/ semantics/ fuzz/model fuzz/faults fuzz/replay preload/ tool/ trace/ checkers/

for tool in clang llvm-cov llvm-profdata python3; do
  command -v $tool >/dev/null || { echo "$tool is missing; sh tools/packages.sh test coverage installs it"; exit 77; }
done
clang --version | grep -q 'version 14\.' || { echo "not clang 14, whose files of counts tests/coverage/counters.c writes: $(clang --version | head -n 1)"; exit 77; }

mkdir -p "$build/counters"
chmod 1777 "$build/counters" # for tests that run as another user
[ -n "$keep" ] || rm -f "$build"/counters/*.profraw
if [ -z "$report" ]; then
  # Valgrind of Debian 12 reads no DWARF 5 of clang's.
  CC=clang CXX=clang++ cmake -S . -B "$build" -DHAKMEM_COVERAGE="$build/counters" -DCMAKE_C_FLAGS=-gdwarf-4 -DCMAKE_CXX_FLAGS=-gdwarf-4 >/dev/null || exit 2
  for pattern; do BUILD_DIR=$build sh tests/run.sh --no-install "$pattern"; done
fi

set -- "$build"/counters/*.profraw
[ -e "$1" ] || { echo "nothing was counted"; exit 1; }
llvm-profdata merge -sparse "$@" -o "$build/profile" || exit 1
# Functions that differ from build to build have one name, and llvm-cov would take the first alone: so each way to build the core is read for itself.
rm -f "$build"/export-*
# export_of NAME FILE...: what ran of the core that these libraries or programs hold
export_of() {
  name=$1
  shift
  for file; do
    shift
    [ ! -x "$file" ] || set -- "$@" --object "$file"
  done
  [ $# -eq 0 ] || llvm-cov export --instr-profile="$build/profile" "$@" >"$build/export-$name.json"
}
export_of library "$build/lib/libhakmem.so" && export_of plain "$build/lib/libhakmem-plain.so" && export_of fault-library "$build/tests/libhakmem-fault.so" &&
  export_of core "$build"/tests/unit/* "$build/tests/fuzz/model-core" "$build"/tests/fuzz/targets/* && export_of core-plain "$build/tests/fuzz/model-core-plain" &&
  export_of core-fault "$build/tests/fuzz/model-fault" && export_of core-plain-fault "$build/tests/fuzz/model-fault-plain" || exit 1
python3 tests/coverage/report.py "$SOURCE_DIR" "$build/missed.txt" "$lines" "$branches" "$build"/export-*.json
