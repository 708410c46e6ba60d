#!/bin/sh
# libhakmem.so exports the names of src/names/exports.map and no other, without a version; libhakmem-plain.so exports the same but for those that
# only the instrumentation needs. No function is marked EXPORT in the code and missing from the list: the linker would hide it without a word.
set -u
export LC_ALL=C
SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/.." && pwd)}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
work=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-exports.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
bad=0

# The names of (a part of) a version script, one a line.
names() { tr '\n' ' ' | sed 's|/\*[^*]*\(\*[^/][^*]*\)*\*/||g; s/.*global://; s/local:.*//' | tr -d ' ' | tr ';' '\n' | grep . | sort; }

# same WHAT EXPECTED FOUND: says what one list has and the other has not.
same() {
  cmp -s "$2" "$3" && return
  comm -23 "$2" "$3" | sed "s|^|$1: missing: |"
  comm -13 "$2" "$3" | sed "s|^|$1: not in src/names/exports.map: |"
  bad=1
}

map=$SOURCE_DIR/src/names/exports.map
names <"$map" >"$work/all"
[ "$(wc -l <"$work/all")" -ge 70 ] || { echo "src/names/exports.map has too few names"; exit 1; }
[ -z "$(uniq -d "$work/all")" ] || { echo "src/names/exports.map has a name twice: $(uniq -d "$work/all")"; exit 1; }
sed '1,/Of libhakmem.so alone/d' "$map" | names >"$work/alone"
comm -23 "$work/all" "$work/alone" >"$work/plain"

for library in hakmem hakmem-plain; do
  expected=$work/all
  { [ $library = hakmem-plain ] || grep -q '^HAKMEM_EVENTS:BOOL=OFF' "$BUILD_DIR/CMakeCache.txt"; } && expected=$work/plain
  # A version would stand behind an @.
  nm -D --defined-only "$BUILD_DIR/lib/lib$library.so" | awk '{ print $3 }' | sort >"$work/library"
  same "lib$library.so" "$expected" "$work/library"
  find "$BUILD_DIR/CMakeFiles/$library.dir" -name '*.o' -exec readelf -Ws {} + |
    awk '($5 == "GLOBAL" || $5 == "WEAK") && $6 == "DEFAULT" && $7 != "UND" { print $8 }' | sort -u >"$work/objects"
  same "what the code of $library marks EXPORT" "$expected" "$work/objects"
done
exit $bad
