#!/bin/sh
# libhakmem.so exports the names of src/names/exports.map, with a version, those of src/names/interposed.txt, without one, and no other;
# libhakmem-plain.so exports the same but for those that only the instrumentation needs. The code marks the same names EXPORT.
set -u
export LC_ALL=C
SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/.." && pwd)}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
work=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-exports.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
bad=0

# The names of (a part of) exports.map, each with its version, and of interposed.txt; one a line.
versioned() {
  tr '\n' ' ' | sed 's|/\*[^*]*\(\*[^/][^*]*\)*\*/||g; s/global:/ /g; s/local:/; local /g; s/\(HAKMEM_[0-9.]*\) *{/VERSION \1;/g' | tr ';' '\n' |
    awk '$1 == "VERSION" { version = $2; next } $1 != "local" && $1 !~ /}/ && NF { print $1 "@@" version }'
}
interposed() { sed 's/#.*//' | tr ' ' '\n' | grep .; }

# same WHAT EXPECTED FOUND: says what one list has and the other has not.
same() {
  cmp -s "$2" "$3" && return
  comm -23 "$2" "$3" | sed "s|^|$1: missing: |"
  comm -13 "$2" "$3" | sed "s|^|$1: not in src/names: |"
  bad=1
}

names=$SOURCE_DIR/src/names
{ versioned <"$names/exports.map"; interposed <"$names/interposed.txt"; } | sort >"$work/all"
[ "$(wc -l <"$work/all")" -ge 70 ] || { echo "src/names has too few names"; exit 1; }
[ -z "$(uniq -d "$work/all")" ] || { echo "src/names has a name twice: $(uniq -d "$work/all")"; exit 1; }
{
  sed '1,/Of libhakmem.so alone/d' "$names/exports.map" | versioned | sed 's/@@.*//; s/$/@@HAKMEM_0.2/'
  sed '1,/Of libhakmem.so alone/d' "$names/interposed.txt" | interposed
} | sort >"$work/alone"
comm -23 "$work/all" "$work/alone" >"$work/plain"

for library in hakmem hakmem-plain; do
  expected=$work/all
  { [ $library = hakmem-plain ] || grep -q '^HAKMEM_EVENTS:BOOL=OFF' "$BUILD_DIR/CMakeCache.txt"; } && expected=$work/plain
  nm -D --defined-only --with-symbol-versions "$BUILD_DIR/lib/lib$library.so" | awk '$2 != "A" { print $3 }' | sort >"$work/library"
  same "lib$library.so" "$expected" "$work/library"
  find "$BUILD_DIR/CMakeFiles/$library.dir" -name '*.o' -exec readelf -Ws {} + |
    awk '($5 == "GLOBAL" || $5 == "WEAK") && $6 == "DEFAULT" && $7 != "UND" { print $8 }' | sort -u >"$work/objects"
  sed 's/@@.*//' "$expected" | sort >"$work/names"
  same "what the code of $library marks EXPORT" "$work/names" "$work/objects"
done
exit $bad
