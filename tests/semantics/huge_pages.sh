#!/bin/sh
# HAKMEM_HUGE_PAGES: from N SuperSlabs on, new ones ask for huge pages, and only those; 0: none does. Of which a part was
# purged, it does so no more, or the kernel would fill that part again; until it is full again. One with many large blocks asks for none.
set -eu
BUILD_DIR=${BUILD_DIR:-$(cd "$(dirname "$0")/../.." && pwd)/build}
[ -e /sys/kernel/mm/transparent_hugepage/enabled ] || { echo "the kernel has no transparent huge pages"; exit 77; }

# KiB of mappings with the flag hg, in a program that holds 40 MB of small blocks: $1 the option, $2 the number of blocks.
asked_for() {
  LD_PRELOAD="$BUILD_DIR/lib/libhakmem.so" HAKMEM_HUGE_PAGES="$1" lua5.4 - "$2" <<'LUA'
    local keep = {}
    for i = 1, tonumber(arg[1]) do keep[i] = ("x"):rep(900) .. i end
    local size, total = 0, 0
    for line in io.lines("/proc/self/smaps") do
      size = tonumber(line:match("^Size: *(%d+)")) or size
      if line:match("^VmFlags:.* hg") then total = total + size end
    end
    print(total)
LUA
}

command -v lua5.4 >/dev/null || { echo "lua5.4 is not installed"; exit 77; }
some=$(asked_for 4 40000) none=$(asked_for 0 40000) few=$(asked_for 4 4000)
[ "$some" -ge 16384 ] || { echo "40 MB of blocks: only $some KiB ask for huge pages"; exit 1; }
[ "$none" -eq 0 ] || { echo "HAKMEM_HUGE_PAGES=0: $none KiB ask for huge pages"; exit 1; }
[ "$few" -eq 0 ] || { echo "4 MB of blocks, fewer than 4 SuperSlabs: $few KiB ask for huge pages"; exit 1; }

LD_PRELOAD="$BUILD_DIR/lib/libhakmem.so" "$BUILD_DIR/tests/semantics/huge_again" | {
  read -r full; read -r trimmed; read -r again
  [ "$full" -ge 16384 ] || { echo "40 MB of blocks in C: only $full KiB ask for huge pages"; exit 1; }
  [ "$trimmed" -eq 0 ] || { echo "all but a few blocks freed and trimmed: still $trimmed KiB ask for huge pages"; exit 1; }
  [ "$again" -ge 16384 ] || { echo "40 MB of blocks again: only $again KiB ask for huge pages"; exit 1; }
}

# A large block that fills a SuperSlab again and again does not turn its huge pages on and off each time.
calls() {
  HAKMEM_STATS_INTERVAL=0 HAKMEM_RELEASE_DELAY=1000000 LD_PRELOAD= "$BUILD_DIR/tests/speed/system_calls" /usr/bin/env LD_PRELOAD="$BUILD_DIR/lib/libhakmem.so" \
    "$BUILD_DIR/tests/semantics/huge_turns" "$1"
}
once=$(calls 1) || { [ $? -eq 77 ] && { echo "ptrace is not allowed here: no system calls were counted"; exit 0; }; echo "no count of system calls"; exit 1; }
often=$(calls 21)
[ $((often - once)) -le 20 ] || { echo "3400 further large blocks made $((often - once)) system calls"; exit 1; }
