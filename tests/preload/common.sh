# What the preload tests share: a real program does the same work without hakmem and with it, and everything that it said or
# made must be equal, byte for byte. A script defines `work` and calls
#
#   need PROGRAM...            skips the test if one is not installed
#   used PROGRAM ARGUMENTS...  makes sure that the library really is in the program
#   compare work               runs `work` without hakmem and in every mode, and compares
#   stop_server                ends the server whose process id is in $server, if there is one; so does the end of the script
#
# `work` runs in an empty directory; it starts the program that is tested as `under PROGRAM ARGUMENTS...`. Compared are its standard
# output, its standard error (so that a header reset, or any other word of hakmem's, fails the test), its
# exit status, and what it leaves in the folder out/.
set -u

SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILD_DIR=${BUILD_DIR:-$SOURCE_DIR/build}
export LC_ALL=C TZ=UTC
PLAIN=${PLAIN:-$BUILD_DIR/lib/libhakmem-plain.so}
DEFAULT=${DEFAULT:-$BUILD_DIR/lib/libhakmem.so}
MODES=${MODES:-plain default full}

place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-preload.XXXXXX") || exit 1
server= # the process id of a server that a script has started
stop_server() {
  [ -n "$server" ] || return 0
  kill "$server" 2>/dev/null
  wait "$server" 2>/dev/null
  server=
}
trap 'stop_server; rm -rf "$place"' EXIT
trap 'exit 130' INT TERM

skip() { echo "$*"; exit 77; }
fail() { echo "$*"; exit 1; }

need() {
  for program in "$@"; do
    command -v "$program" >/dev/null 2>&1 || skip "$program is not installed"
  done
}

mode=none
under() { (become "$@"); }

# The same in place of this shell: for `become PROGRAM ARGUMENTS... &`, whose $! is then the program's own.
become() {
  case $mode in
    none) exec "$@" ;;
    plain) exec env LD_PRELOAD="$PLAIN" "$@" ;;
    default) exec env LD_PRELOAD="$DEFAULT" "$@" ;;
    full) exec env LD_PRELOAD="$DEFAULT" HAKMEM_TRACE=full "$@" ;;
    debug) exec env LD_PRELOAD="$DEFAULT" HAKMEM_DEBUG=1 "$@" ;;
    guard) exec env LD_PRELOAD="$DEFAULT" HAKMEM_GUARD=1 "$@" ;;
    sample) exec env LD_PRELOAD="$DEFAULT" HAKMEM_GUARD=100 "$@" ;;
  esac
}

used() {
  for mode in $MODES; do
    HAKMEM_HELP=1 under "$@" </dev/null 2>&1 | grep -a 'hakmem options' >/dev/null ||
      fail "$1 ran without the library in mode $mode"
  done
  mode=none
}

run_in_mode() {
  mode=$1
  mkdir -p "$place/$mode/room/out"
  (cd "$place/$mode/room" && "$2") >"$place/$mode/stdout" 2>"$place/$mode/stderr"
  echo $? >"$place/$mode/status"
}

compare() {
  run_in_mode none "$1"
  [ "$(cat "$place/none/status")" -eq 0 ] || {
    tail -n 20 "$place/none/stderr"
    fail "the program fails without hakmem, too; nothing to compare"
  }
  [ -s "$place/none/stdout" ] || [ -n "$(ls "$place/none/room/out")" ] || fail "the program said nothing: nothing to compare"
  for mode in $MODES; do
    run_in_mode "$mode" "$1"
    for what in status stderr stdout room/out; do
      diff -r "$place/none/$what" "$place/$mode/$what" >"$place/diff" 2>&1 && continue
      echo "mode $mode: $what differs from a run without hakmem:"
      head -n 30 "$place/diff" | cut -c 1-300
      [ "$what" = status ] && tail -n 20 "$place/$mode/stderr"
      exit 1
    done
    rm -rf "${place:?}/$mode"
  done
  mode=none
}
