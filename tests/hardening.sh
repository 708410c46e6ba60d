#!/bin/sh
# What is built holds what compilers and linkers can do against attackers, by hardening-check of Debian's devscripts: position independence, stack
# protection, checked functions of the C library, tables that are read-only after the start.
set -u
BUILD_DIR=${BUILD_DIR:-$PWD/build}
command -v hardening-check >/dev/null || { echo "hardening-check is not installed (package devscripts)"; exit 77; }
! grep -q '^HAKMEM_SANITIZE:STRING=.' "$BUILD_DIR/CMakeCache.txt" || { echo "a build with a sanitizer is not hardened"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-hardening.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
bad=0
# Branch tracking would cost malloc an instruction. Newer versions ask for it by two names, also on processors that have only one.
untracked=--nocfprotection
! hardening-check --help 2>&1 | grep -q nobranchprotection || untracked="$untracked --nobranchprotection"
for file in "$BUILD_DIR"/bin/hakmem "$BUILD_DIR"/lib/libhakmem.so "$BUILD_DIR"/lib/libhakmem-tracepoints.so "$BUILD_DIR"/lib/hakmem/*.so; do
  [ -e "$file" ] || continue
  fortify= # a small part may call nothing that can be checked
  case $file in */lib/hakmem/*) fortify=--nofortify ;; esac
  # shellcheck disable=SC2086 # a list of words
  hardening-check --nopie $untracked $fortify "$file" >"$work/said" 2>&1 || { cat "$work/said"; bad=1; }
  case $(readelf -h "$file") in *'Type: '*DYN*) ;; *) echo "$file is not position independent"; bad=1 ;; esac
  readelf -n "$file" | grep -q 'Build ID: [0-9a-f]\{40\}' || { echo "$file has no build id"; bad=1; }
done
exit $bad
