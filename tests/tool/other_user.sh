# Only the user who runs a process, and root, may read or set it: set, dump, trim, report, explain and top of another user's process are refused.
. "$(dirname "$0")/common.sh"
[ "$(id -u)" = 0 ] && command -v setpriv >/dev/null || skip "needs root and setpriv"
chmod 755 "$place"
$nobody test -x "$hakmem" || skip "another user cannot run $hakmem"

LD_PRELOAD=$BUILD_DIR/lib/libhakmem.so HAKMEM_STATS_FILE=$place/stats sleep 60 &
process=$!
for try in $(seq 100); do
  "$hakmem" report $process >text 2>err && break
  sleep 0.1
done
[ "$try" -lt 100 ] || { cat err; fail "root cannot read its own process"; }

refused() {
  $nobody timeout 30 "$hakmem" "$@" >out 2>err </dev/null
  code=$?
  [ $code -eq 1 ] && [ -s err ] || { cat out err; fail "exit status $code instead of 1: another user, hakmem $*"; }
}
refused report $process
refused report --json $process
refused explain $process
refused set $process PROFILE=512K
refused dump $process
refused trim $process
refused top --batch 1 $process
refused report "$place/stats"
kill -0 $process || fail "the process was ended"
kill $process
