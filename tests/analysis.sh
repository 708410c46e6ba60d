#!/bin/sh
# long
# slow
# timeout: 3600
# Static analysis has nothing to say of src/, instrumentation/ and tools/ but what analysis.txt answers: clang-tidy (with .clang-tidy), cppcheck, and gcc
# with -fanalyzer. Each answer must still be needed. And each header compiles alone.
#
#   sh tests/analysis.sh [headers|tidy|cppcheck|gcc]...    without a name, all; takes minutes
set -u
cd "$(dirname "$0")/.." || exit 2
BUILD_DIR=${BUILD_DIR:-$PWD/build}
place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-analysis.XXXXXX") || exit 1
trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT TERM

# Other versions find other things.
need() { "$1" --version 2>/dev/null | grep -q "$2" || { echo "not $1 $2 (Debian 12)"; exit 77; }; }
[ -e "$BUILD_DIR/compile_commands.json" ] || { echo "no $BUILD_DIR/compile_commands.json: build first"; exit 2; }
[ $# -gt 0 ] || set -- headers tidy cppcheck gcc

# Each prints "FILE: ID: message" for what it finds.
run_headers() {
  find src instrumentation tools -name '*.h' ! -path '*/cxx/*' | while read -r header; do
    gcc -fsyntax-only -std=gnu11 -D_GNU_SOURCE -DHAKMEM_EVENTS=1 -I. -Isrc -Iinstrumentation -Itools -Isrc/names -include "$header" -x c /dev/null \
      >"$place/log" 2>&1 || echo "$header: alone: $(grep -m 1 error: "$place/log")"
  done
}
run_tidy() {
  need clang-tidy 'version 14\.'
  sh tests/style.sh --tidy | sed -nE "s|^$PWD/([^:]*):[0-9:]* [a-z]*: (.*) \[([a-z0-9.-]*)[],].*|\1: \3: \2|p"
}
run_cppcheck() {
  need cppcheck '2\.10'
  cppcheck -j "$(nproc)" --quiet --std=c11 --language=c --enable=warning,performance,portability --template='{file}: {id}: {message}' \
    -D_GNU_SOURCE -D__x86_64__ -DHAKMEM_EVENTS=1 -DHAVE_VALGRIND=0 '-DHAKMEM_VERSION="0"' -I. -Isrc -Iinstrumentation -Itools \
    -i tools/workloads src instrumentation tools 2>&1 | grep -v -e "^nofile:" -e ": ctu" # workloads: programs that are measured. ctu...: what it finds
  # between files depends on which of its processes read which file
}
run_gcc() {
  need gcc ' 12\.'
  # Once for each source, and not those with assertions, which the tests' own build of the core has.
  jq -r '.[] | select(.file | test("/(src|instrumentation|tools)/") and (test("/tools/workloads/") | not)) | select(.command | contains("-UNDEBUG") | not)
    | [.file, "cd \(.directory) && \(.command) -fanalyzer -fdiagnostics-path-format=none -fno-diagnostics-show-caret -o /dev/null"] | @tsv' \
    "$BUILD_DIR/compile_commands.json" | sort -u -t "$(printf '\t')" -k 1,1 | cut -f 2 | tr '\n' '\0' |
    xargs -0 -P "$(nproc)" -n 1 sh -c 2>&1 | sed -nE "s|^($PWD/)?([^:]*):[0-9:]* warning: (.*) \[(CWE.*)?-W(analyzer[a-z-]*)\]|\2: \5: \3|p"
}

failed=0
for tool in "$@"; do
  "run_$tool" >"$place/$tool" || exit $?
  sort -u "$place/$tool" >"$place/found"
  # An answer: "tool file id" and the reason.
  while read -r file id rest; do
    grep -qF "$tool ${file%:} ${id%:} " tests/analysis.txt && continue
    echo "$tool: $file $id $rest"
    failed=1
  done <"$place/found"
  while read -r by file id rest; do
    [ "$by" = "$tool" ] && ! grep -qF "$file: $id: " "$place/found" && echo "tests/analysis.txt: $by has nothing to say of $id in $file any more" && failed=1
  done <tests/analysis.txt
  echo "$tool: $(wc -l <"$place/found") found, $(grep -c "^$tool " tests/analysis.txt) answered"
done
exit $failed
