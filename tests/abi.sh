#!/bin/sh
# The interface of libhakmem.so is that of the last release, or more: abidiff compares it with tests/libhakmem.abi, by the types of hakmem.h and the names
# that are exported. For a new release:   sh tests/abi.sh --dump
set -u
SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/.." && pwd)}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
dump=$SOURCE_DIR/tests/libhakmem.abi
library=$BUILD_DIR/lib/libhakmem.so
for tool in abidw abidiff; do command -v $tool >/dev/null || { echo "$tool is not installed (package abigail-tools)"; exit 77; }; done
[ "$(uname -m)" = x86_64 ] || { echo "the dump is of x86-64"; exit 77; }
! grep -q '^HAKMEM_EVENTS:BOOL=OFF' "$BUILD_DIR/CMakeCache.txt" || { echo "a build without events exports less"; exit 77; }
if [ "${1-}" = --dump ]; then
  abidw --headers-dir "$SOURCE_DIR/src/names" --drop-private-types --exported-interfaces-only --no-show-locs --no-corpus-path --no-comp-dir-path \
    --no-elf-needed --type-id-style hash --short-locs --out-file "$dump" "$library"
  exit
fi
abidiff --headers-dir2 "$SOURCE_DIR/src/names" --drop-private-types --exported-interfaces-only --no-added-syms "$dump" "$library" && exit 0
status=$?
echo "libhakmem.so has not the interface of the last release (abidiff: $status); a program that was linked with that one may not work"
exit 1
