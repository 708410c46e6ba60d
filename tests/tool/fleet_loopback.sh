# hakmem record --to without namespaces and without rights: the test of three hosts, as a user who has only loopback addresses to tell them apart.
# timeout: 240
# slow
. "$(dirname "$0")/common.sh"
export FLEET_TEST=loopback
[ "$(id -u)" -eq 0 ] || exec sh "$SOURCE_DIR/tests/tool/fleet.sh"
command -v setpriv >/dev/null 2>&1 || skip "setpriv is not installed"
id nobody >/dev/null 2>&1 || skip "there is no user nobody"
as_nobody() { setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups "$@"; }
as_nobody test -r "$SOURCE_DIR/tests/tool/fleet.sh" -a -x "$hakmem" || skip "the user nobody cannot read this tree"
chmod 711 "${TMPDIR:-/tmp}" "$place"
mkdir own && chown nobody own
run="setpriv --reuid nobody --regid $(id -g nobody) --clear-groups env TMPDIR=$place/own HOME=$place/own sh $SOURCE_DIR/tests/tool/fleet.sh"
# If it can be, the session daemons of root are hidden from it.
if mkdir -p /run/lttng && unshare -m mount -t tmpfs tmpfs /run/lttng 2>/dev/null; then
  unshare -m sh -c "mount -t tmpfs -o mode=755 tmpfs /run/lttng && exec $run"
else
  $run
fi
