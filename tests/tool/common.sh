# What the tests of the companion program share. A script starts with
#
#   . "$(dirname "$0")/common.sh"      goes on in $place, an empty directory, with $hakmem, the companion program
#   program NAME                       builds NAME.c from this directory into $place/NAME
#   fails EXIT TEXT COMMAND...         the command must end with this exit code and say exactly one line, with TEXT in it
#   equal WHAT EXPECTED ACTUAL         the two must be the same
#   plain FILE                         no control character but the end of a line may be in the file
#   $nobody COMMAND...                 runs it as another user, if the test runs as root and setpriv is installed
#   random_bytes COUNT                 writes COUNT bytes to the standard output, the same ones with the same seed (run.sh --seed)
set -u

SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILD_DIR=${BUILD_DIR:-${BUILD:-$SOURCE_DIR/build}}
hakmem=$BUILD_DIR/bin/hakmem
export LC_ALL=C.UTF-8
export COLUMNS=1000 # so that a line which a test looks for is not broken; tests of the width unset it
for option in $(env | sed -n 's/^\(HAKMEM_[A-Za-z0-9_]*\)=.*/\1/p'); do unset "$option"; done

skip() { echo "$*"; exit 77; }
fail() { echo "FAIL: $*"; exit 1; }
[ -x "$hakmem" ] || skip "built without the companion program (HAKMEM_TOOLS)"
for tool in cc jq; do command -v $tool >/dev/null 2>&1 || skip "$tool is not installed"; done

place=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-tool.XXXXXX") || exit 1
place=$(cd "$place" && pwd -P)
# A test that fails leaves no process behind.
end_jobs() {
  jobs -p >"$place/jobs" 2>/dev/null
  while read -r job; do kill "$job" 2>/dev/null; done <"$place/jobs"
}
trap 'end_jobs; cd /; rm -rf "$place"' EXIT
trap 'exit 130' INT TERM HUP
cd "$place" || exit 1

program() {
  cc -std=gnu11 -O1 -g -fno-builtin -Wall -Wextra -D_GNU_SOURCE -pthread -I"$SOURCE_DIR/instrumentation" -I"$SOURCE_DIR" -I"$SOURCE_DIR/src" -I"$SOURCE_DIR/src/names" \
    -o "$place/$1" "$SOURCE_DIR/tests/tool/$1.c" || fail "$1.c does not compile"
}

nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'

random_bytes() { LC_ALL=C awk -v seed="${TEST_SEED:-29}" -v count="$1" 'BEGIN { srand(seed); while (count-- > 0) printf "%c", rand() * 256 }'; }

plain() {
  if LC_ALL=C grep -n '[[:cntrl:]]' "$1" >"$place/control"; then
    cat -v "$place/control"
    fail "control characters in $1"
  fi
}

fails() {
  expected=$1 text=$2
  shift 2
  timeout 60 "$@" >"$place/out" 2>"$place/err" </dev/null
  code=$?
  [ $code -eq "$expected" ] || { cat "$place/err"; fail "exit code $code instead of $expected: $*"; }
  grep -qF -- "$text" "$place/err" || { cat "$place/err"; fail "does not say '$text': $*"; }
  [ "$expected" -eq 2 ] || [ "$(wc -l <"$place/err")" -eq 1 ] || { cat "$place/err"; fail "says more than one line: $*"; }
  plain "$place/err"
}

equal() { [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"; }
