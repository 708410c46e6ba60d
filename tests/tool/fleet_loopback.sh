# hakmem record --to without namespaces and without rights: the test of three hosts, as a user who has only loopback addresses to tell them apart.
# timeout: 240
# slow
. "$(dirname "$0")/common.sh"
export FLEET_TEST=loopback
[ "$(id -u)" -eq 0 ] || exec sh "$SOURCE_DIR/tests/tool/fleet.sh"
command -v setpriv >/dev/null 2>&1 || skip "setpriv is not installed"
$nobody test -r "$SOURCE_DIR/tests/tool/fleet.sh" -a -x "$hakmem" || skip "another user cannot read this tree"
chmod a+x "${TMPDIR:-/tmp}" "$place"
mkdir own && chown 65534:65534 own
run="$nobody env TMPDIR=$place/own HOME=$place/own sh $SOURCE_DIR/tests/tool/fleet.sh"
# If it can be, the session daemons of root are hidden from it.
if mkdir -p /run/lttng && unshare -m mount -t tmpfs tmpfs /run/lttng 2>/dev/null; then
  unshare -m sh -c "mount -t tmpfs -o mode=755 tmpfs /run/lttng && exec $run"
else
  $run
fi
