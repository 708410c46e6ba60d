# What the tests with a real LTTng session share. A script starts with
#
#   . "$(dirname "$0")/common.sh"      goes on with $place, an empty directory, and a session daemon of its own
#   program NAME                       builds NAME.c from this directory into $place/NAME
#   session NAME [CHANNEL OPTION...]   a session that writes to $place/NAME, all events of hakmem, tracing started
#   traced [NAME=VALUE...] COMMAND...  runs it under hakmem and the provider, with a time limit
#   start [NAME=VALUE...] COMMAND...   the same in the background
#   finish NAME                        ends the session; its events are in $place/NAME.text, and none may be missing
#   events FILE EVENT, values FIELD    the lines of one event; of lines, the values of one field
#
# Whether a session daemon can be private depends on the user. Others than root have theirs under $LTTNG_HOME. Root's
# sockets are always in /run/lttng: there, this script runs itself again with a /run/lttng of its own (a mount
# namespace). If that is not allowed, daemon, client and programs run as `nobody`.
set -u

SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILD_DIR=${BUILD_DIR:-${BUILD:-$SOURCE_DIR/build}}
export LC_ALL=C

skip() { echo "$*"; exit 77; }
fail() { echo "FAIL: $*"; exit 1; }
for tool in lttng lttng-sessiond babeltrace2 cc; do
  command -v $tool >/dev/null 2>&1 || skip "$tool is not installed"
done
[ -e "$BUILD_DIR/lib/libhakmem.so" ] || fail "no build in $BUILD_DIR"
[ -e "$BUILD_DIR/lib/libhakmem-tracepoints.so" ] || skip "built without the provider (HAKMEM_TRACEPOINTS)"

as=
if [ "$(id -u)" -eq 0 ]; then
  if [ "${TRACE_TEST_NAMESPACE:-}" = own ]; then
    mount -t tmpfs -o mode=755 tmpfs /run/lttng || fail "no /run/lttng of its own"
  elif mkdir -p /run/lttng && unshare -m mount -t tmpfs tmpfs /run/lttng 2>/dev/null; then
    TRACE_TEST_NAMESPACE=own exec unshare -m sh "$0"
  else
    command -v setpriv >/dev/null 2>&1 || skip "root cannot have a session daemon of its own here"
    as="setpriv --reuid=65534 --regid=65534 --clear-groups"
    TMPDIR=/tmp # that of the runner may be root's alone
  fi
fi

place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-trace.XXXXXX") || exit 1
cp "$BUILD_DIR"/lib/libhakmem.so "$BUILD_DIR"/lib/libhakmem-tracepoints.so "$place" || exit 1
[ -z "$as" ] || chown -R 65534:65534 "$place"
export LTTNG_HOME="$place"
export LTTNG_UST_REGISTER_TIMEOUT=20000 # of a busy machine
hakmem=$place/libhakmem.so
preload=$hakmem:$place/libhakmem-tracepoints.so

# Processes that were started with our LTTNG_HOME.
left() {
  for file in /proc/[0-9]*/environ; do
    tr '\0' '\n' <"$file" 2>/dev/null | grep -qxF "LTTNG_HOME=$place" || continue
    pid=${file#/proc/}
    echo "${pid%/environ}"
  done 2>/dev/null
}

daemon_end() {
  [ -e "$place/daemon.pid" ] || return 0
  daemon=$(cat "$place/daemon.pid")
  kill "$daemon" 2>/dev/null || return 0
  for _ in $(seq 200); do
    [ -e "$place/daemon.pid" ] || return 0
    sleep 0.05
  done
  return 1
}

# Whatever happened, nothing stays behind.
clean_up() {
  status=$?
  trap - EXIT
  trap '' INT TERM
  daemon_end || status=1
  for _ in $(seq 20); do # the daemon and its helpers end shortly after its pid file
    [ -n "$(left)" ] || break
    sleep 0.1
  done
  for pid in $(left); do
    echo "left running: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
    kill -9 "$pid"
    status=1
  done
  rm -rf "$place"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

$as lttng-sessiond --background --no-kernel --pidfile="$place/daemon.pid" 2>"$place/daemon.errors" || {
  cat "$place/daemon.errors"
  fail "lttng-sessiond does not start"
}

lttng_do() {
  $as timeout 60 lttng --no-sessiond "$@" >"$place/lttng.out" 2>&1 || {
    cat "$place/lttng.out"
    fail "lttng $*"
  }
}

program() {
  cc -std=gnu11 -O1 -g -fno-builtin -fno-omit-frame-pointer -Wall -Wextra -D_GNU_SOURCE -pthread \
    -I"$SOURCE_DIR" -I"$SOURCE_DIR/src" -I"$SOURCE_DIR/src/names" -I"$SOURCE_DIR/instrumentation" -o "$place/$1" "$SOURCE_DIR/tests/trace/$1.c" -ldl || fail "$1.c does not compile"
}

session() {
  name=$1
  shift
  lttng_do create "$name" --output="$place/$name"
  lttng_do enable-channel --userspace --buffers-pid --subbuf-size=1M --num-subbuf=4 "$@" hakmem
  lttng_do enable-event --userspace --channel=hakmem 'hakmem:*'
  lttng_do add-context --userspace --channel=hakmem --type=vpid --type=vtid --type=procname
  lttng_do start
}

traced() { $as timeout 250 env LD_PRELOAD="$preload" "$@"; }

# The same in the background; its process id is $!. There is no time limit but clean_up's.
start() { $as env LD_PRELOAD="$preload" "$@" & }

finish() {
  lttng_do destroy "$1"
  babeltrace2 "$place/$1" >"$place/$1.text" 2>"$place/$1.errors" || {
    cat "$place/$1.errors"
    fail "the trace $1 cannot be read"
  }
  [ ! -s "$place/$1.errors" ] || {
    head -n 5 "$place/$1.errors"
    fail "the trace $1 is not whole"
  }
}

events() { grep -F " hakmem:$2: " "$1"; }
count() { events "$1" "$2" | wc -l; }
values() { sed -nE "s/.*[{ ]$1 = (\( \"([^\"]*)\" : container = [0-9]+ \)|\"([^\"]*)\"|([^ ,]+)).*/\2\3\4/p"; }
