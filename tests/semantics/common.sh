# What the scripts here share: where things are, a place that is deleted at the end, and one way to fail.
set -u
SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
PLAIN=$BUILD_DIR/lib/libhakmem-plain.so
DEFAULT=$BUILD_DIR/lib/libhakmem.so
programs=$BUILD_DIR/tests/semantics
export LC_ALL=C

place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-semantics.XXXXXX") || exit 1
trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT TERM

skip() { echo "$*"; exit 77; }
fail() { echo "$*"; exit 1; }

# Runs a program in every mode, and in each it must end well and hakmem must have nothing to say:   everywhere PROGRAM ARGUMENTS...
everywhere() {
  for mode in plain default full; do
    case $mode in
      plain) options="LD_PRELOAD=$PLAIN" ;;
      default) options="LD_PRELOAD=$DEFAULT" ;;
      full) options="LD_PRELOAD=$DEFAULT HAKMEM_TRACE=full" ;;
    esac
    # shellcheck disable=SC2086 # a list of words
    env $options "$@" >"$place/out" 2>&1
    status=$?
    if [ $status -ne 0 ] || grep -aqE 'hakmem|\[TLS_SLL|\[SS_BACKEND' "$place/out"; then
      tail -n 30 "$place/out"
      fail "exit status $status in mode $mode: $*"
    fi
  done
}
