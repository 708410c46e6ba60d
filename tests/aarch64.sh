#!/bin/sh
# Builds hakmem for aarch64 with Debian's cross compiler, and runs the unit tests and the model tests on an emulated processor.
#
# The libraries of the other architecture are unpacked below the test's own folder; nothing is installed. Criterion starts its tests by
# execve. So binfmt_misc, in a user namespace of the test's own, makes the kernel start programs for aarch64 by the emulator.
# needs: user-namespaces
# long
# timeout: 1500
set -u
SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/.." && pwd)}
fail() { echo "$*"; exit 1; }
skip() { echo "$*"; exit 77; }
for program in aarch64-linux-gnu-gcc qemu-aarch64 mmdebstrap cmake unshare; do
  command -v $program >/dev/null || skip "$program is not installed (tools/packages.txt, section aarch64)"
done

if [ "${1-}" = --inside ]; then # root of a namespace of its own; $2: the folder
  place=$2
  mount -t binfmt_misc none /proc/sys/fs/binfmt_misc || exit 77
  magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
  mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
  printf %s ":hakmem-test:M::$magic:$mask:$(command -v qemu-aarch64):" >/proc/sys/fs/binfmt_misc/register || exit 77
  export QEMU_LD_PREFIX="$place/sysroot"
  [ "${3-}" = try ] && exec "$place/build/tests/unit/message"

  # What the emulator lacks: it has no process_vm_readv, does not hold RLIMIT_AS, and does not tell which pages can be read.
  for test in "$place"/build/tests/unit/*; do
    name=$(basename "$test") filter=
    case $name in
      reclaim) echo "not run: unit/reclaim sets limits on address space"; continue ;;
      audit | guard | maps | reach | seals | view) echo "not run: unit/$name reads its own memory by process_vm_readv"; continue ;;
      legacy) filter='--filter=!(*/kept_memory_makes_place_for_what_no_piece_of_it_can_hold)' ;;
      settings) filter='--filter=!(*/guard_needs_address_space)' ;;
      unwind_fp) filter='--filter=!(*/a_thread_without_files_knows_where_its_stack_begins)' ;;
      shared_fail) filter='--filter=!(*/by_the_system)' ;;
    esac
    timeout 300 "$test" ${filter:+"$filter"} >"$place/out" 2>&1 || fail "unit/$name: exit status $?
$(tail -n 20 "$place/out")"
    grep -q 'Synthesis: Tested: [1-9]' "$place/out" || fail "unit/$name ran nothing"
  done

  # model ENVIRONMENT... PROGRAM ARGUMENTS...
  model() { timeout 600 env "$@" >"$place/out" 2>&1 || fail "$*: exit status $?
$(tail -n 20 "$place/out")"; }
  seed=${TEST_SEED:-29}
  for options in '' HAKMEM_TRACE=full HAKMEM_LOOKUP=hash HAKMEM_SS_LIMIT=1 'HAKMEM_DRAIN_INTERVAL=1 HAKMEM_RELEASE_DELAY=0'; do
    # shellcheck disable=SC2086 # a list of words
    model $options "$place/build/tests/fuzz/model-core" -s "$seed" -t 4 -n 20000
    # shellcheck disable=SC2086
    model $options LD_PRELOAD="$place/build/lib/libhakmem.so" "$place/build/tests/fuzz/model-malloc" -s "$seed" -n 5000
  done
  model "$place/build/tests/fuzz/model-core-plain" -s "$seed" -n 20000
  exit 0
fi

# Before anything is fetched or built.
tried=$(unshare -Urm true 2>&1) || skip "no user namespaces here: $tried"
tried=$(unshare -Urm sh -c 'mount -t binfmt_misc none /proc/sys/fs/binfmt_misc && [ -w /proc/sys/fs/binfmt_misc/register ]' 2>&1) ||
  skip "no binfmt_misc in a user namespace here (Linux 6.7 has it): $tried"

place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-aarch64.XXXXXX") || exit 1
trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT TERM
release=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
mmdebstrap --arch=arm64 --variant=extract --include=libc6-dev,libcriterion-dev,libunwind-dev "$release" "$place/sysroot" >"$place/log" 2>&1 ||
  skip "the packages for arm64 could not be had: $(tail -n 1 "$place/log")"
[ -e "$place/sysroot/lib" ] || ln -s usr/lib "$place/sysroot/lib" # Debian 13's packages have all libraries below usr

cat >"$place/toolchain.cmake" <<EOF
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_SYSROOT $place/sysroot)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
EOF
export PKG_CONFIG_SYSROOT_DIR="$place/sysroot"
export PKG_CONFIG_LIBDIR="$place/sysroot/usr/lib/aarch64-linux-gnu/pkgconfig:$place/sysroot/usr/share/pkgconfig"
env -u CC -u CXX cmake -S "$SOURCE_DIR" -B "$place/build" -DCMAKE_TOOLCHAIN_FILE="$place/toolchain.cmake" -DCMAKE_C_FLAGS=-Werror \
  -DHAKMEM_TESTS=ON -DHAKMEM_BACKTRACE=ON -DHAKMEM_TOOLS=OFF -DHAKMEM_TRACEPOINTS=OFF -DHAKMEM_VALGRIND=OFF >"$place/log" 2>&1 ||
  fail "cmake: $(tail -n 20 "$place/log")"
cmake --build "$place/build" -j "$(nproc)" >"$place/log" 2>&1 || fail "the build: $(grep -E -B 2 -A 5 'error|Error' "$place/log" | head -n 40)"
[ -s "$place/build/man/libhakmem.7" ] || fail "no manual page was made"

unshare -Urm sh "$0" --inside "$place" try >"$place/log" 2>&1 ||
  skip "a program for aarch64 cannot be started in a user namespace: $(tail -n 1 "$place/log")"
unshare -Urm sh "$0" --inside "$place"
