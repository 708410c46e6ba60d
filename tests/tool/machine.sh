#!/bin/sh
# What a bare chroot lacks is named at once, with the command that mends it. quickstart and the run of all tests end then, if nothing can run;
# a test that needs what is missing is skipped.
set -u
SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-machine.XXXXXX") || exit 1
trap 'rm -rf "$place"' EXIT
unshare -m true 2>"$place/why" || { echo "no mount namespace can be had: $(cat "$place/why")"; exit 77; }

# without PATHS COMMAND...: runs the command with an empty file system over each path, which cannot be written to; its output is in $place/out
without() {
  export paths="$1"
  shift
  unshare -m sh -c 'for path in $paths; do mount -t tmpfs -o mode=755,ro tmpfs "$path" || exit 99; done; exec "$@"' sh "$@" >"$place/out" 2>&1
  status=$?
  [ $status -ne 99 ] || { echo "a file system cannot be mounted here: $(tail -n 1 "$place/out")"; exit 77; }
}
expect() { # STATUS LINES
  [ $status -eq "$1" ] && [ "$(grep -c ' is missing on this machine; as root: ' "$place/out")" -eq "$2" ] && return
  cat "$place/out"
  echo "exit status $status instead of $1, or not $2 file systems: without $paths"
  exit 1
}

cd "$SOURCE_DIR" || exit 1
without '' sh tools/machine.sh
expect 0 0
without /proc sh tools/machine.sh
expect 1 1
without /dev sh tools/machine.sh
expect 1 3
without '/proc /dev' sh tools/machine.sh
expect 1 4
for command in tests/run.sh tools/quickstart.sh; do
  without /proc sh $command
  expect 1 1
done

# A name alone; a test that needs it, and one that does not.
without /dev/shm sh tools/machine.sh /proc /dev/null
expect 0 0
without /dev/shm sh tools/machine.sh /proc /dev/shm
expect 1 1
without /dev/shm sh tests/one.sh unit/clock
expect 77 1
without /dev/pts sh tests/one.sh unit/clock
expect 0 0
