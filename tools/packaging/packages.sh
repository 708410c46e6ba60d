#!/bin/sh
# Builds the packages into DIRECTORY, three for Debian and an archive for any other Linux:   sh tools/packaging/packages.sh DIRECTORY [BUILD_DIR]
#
# The build is one of its own, in BUILD_DIR (DIRECTORY/build if none is given), because an installed program knows its prefix. HAKMEM_PACKAGES_CMAKE
# can hold more arguments for cmake. Exit codes: 0 done, 1 a step failed, 2 bad usage.
set -u
[ $# -ge 1 ] && [ $# -le 2 ] || { echo "usage: sh tools/packaging/packages.sh DIRECTORY [BUILD_DIR]" >&2; exit 2; }
source=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
mkdir -p "$1" && out=$(cd "$1" && pwd) || exit 1
build=${2-$out/build}

step() {
  "$@" >"$out/step.log" 2>&1 && return
  tail -n 40 "$out/step.log" >&2
  echo "packages.sh: failed: $*" >&2
  exit 1
}

# All times in the packages are that of the last change, so that the same sources make the same packages.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$source" log -1 --format=%ct 2>/dev/null || stat -c %Y "$source/CHANGELOG.md")}
export SOURCE_DATE_EPOCH
# shellcheck disable=SC2086 # a list of words
step cmake -S "$source" -B "$build" -DCMAKE_INSTALL_PREFIX=/usr -DHAKMEM_TOOLS=ON -DHAKMEM_TRACEPOINTS=ON -DHAKMEM_BACKTRACE=ON \
  -DHAKMEM_VALGRIND=ON -DHAKMEM_PPROF=ON -DHAKMEM_LISTEN=ON -DHAKMEM_PAGE=ON -DHAKMEM_TESTS=OFF ${HAKMEM_PACKAGES_CMAKE-}
step cmake --build "$build" -j "$(nproc)"
umask 022
step cpack --config "$build/CPackConfig.cmake" -B "$out"

# The archive has the same files. Its folder is named by version and processor; unpacked anywhere, it works.
name=$(sed -n 's/^set(CPACK_PACKAGE_VERSION "\(.*\)")$/hakmem-\1/p' "$build/CPackConfig.cmake")-linux-$(uname -m)
step cmake --install "$build" --prefix "$out/$name" --strip
step tar -C "$out" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -czf "$out/$name.tar.gz" "$name"
rm -rf "$out/_CPack_Packages" "$out/step.log" "${out:?}/$name"
ls "$out"/*.deb "$out"/*.tar.gz
