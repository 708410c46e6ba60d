#!/bin/sh
# Programs in odd company and odd places: beside AddressSanitizer's library and fakeroot's, in a chroot without /proc, and with files on disks that are
# full or can only be read. The program does what it does without hakmem; that a file cannot be written is said once.
# needs: user-namespaces
. "$(dirname "$0")/common.sh"
printf 'b\na\n' >"$place/lines"
sorted=$(printf 'a\nb')

# sorts WHAT COMMAND...: the command writes the sorted lines, and hakmem reports nothing.
sorts() {
  what=$1
  shift
  out=$("$@" 2>"$place/errors") || fail "$what: exit status $?: $(cat "$place/errors")"
  [ "$out" = "$sorted" ] || fail "$what: wrote '$out' $(cat "$place/errors")"
  ! grep -q 'TLS_SLL_HDR_RESET\|AddressSanitizer' "$place/errors" || fail "$what: $(cat "$place/errors")"
}

# ---- Other libraries that stand in front of malloc's functions. ----
asan=$(${CC:-gcc} -print-file-name=libasan.so)
case $asan in
  /*) asan=$(readlink -f "$asan") ;;
  *) asan= ;;
esac
if [ -n "$asan" ] && file -L "$asan" 2>/dev/null | grep -q 'shared object'; then
  for library in "$PLAIN" "$DEFAULT"; do
    sorts "libasan before $library" env ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD="$asan:$library" sort "$place/lines"
    sorts "libasan behind $library" env ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0 LD_PRELOAD="$library:$asan" sort "$place/lines"
  done
fi
if command -v fakeroot >/dev/null 2>&1; then
  for mode in HAKMEM_DEBUG=0 HAKMEM_DEBUG=1 HAKMEM_TRACE=full; do
    # fakeroot sets LD_PRELOAD: hakmem is put before it, and behind it.
    for order in "$DEFAULT:\$LD_PRELOAD" "\$LD_PRELOAD:$DEFAULT"; do
      owner=$(env $mode timeout 60 fakeroot sh -c "LD_PRELOAD=$order sh -c ': >$place/owned && chown 5:6 $place/owned && stat -c %u:%g $place/owned'" 2>"$place/errors")
      [ "$owner" = 5:6 ] && [ ! -s "$place/errors" ] || fail "fakeroot, $mode, $order: '$owner' $(cat "$place/errors")"
    done
  done
else
  echo "without fakeroot, which is not installed"
fi

# ---- A chroot with a program and its libraries alone. ----
unshare -r true 2>/dev/null || skip "no user namespaces: no chroot, no disk of our own"
root=$place/root
mkdir -p "$root/tmp" # the libraries lie where they lie outside, so that LD_PRELOAD serves chroot itself as well
for file in "$programs/threads" "$DEFAULT" "$PLAIN" $(ldd "$programs/threads" "$DEFAULT" | grep -o '/[^ ]*[^: ]' | sort -u); do
  mkdir -p "$root$(dirname "$file")" && cp -L "$file" "$root$file" || fail "no copy of $file"
done
for options in "LD_PRELOAD=$PLAIN" HAKMEM_DEBUG=0 HAKMEM_DEBUG=1 HAKMEM_GUARD=1 HAKMEM_TRACE=full HAKMEM_LEAKS=1 HAKMEM_SOFT_LIMIT=auto \
  'HAKMEM_STATS_FILE=/tmp/%p HAKMEM_FLIGHT_FILE=/tmp/f%p'; do
  # shellcheck disable=SC2086 # a list of words
  unshare -r env LD_PRELOAD="$DEFAULT" $options chroot "$root" "$programs/threads" small >"$place/out" 2>&1
  status=$?
  [ $status -eq 0 ] || fail "exit status $status in a chroot with $options: $(cat "$place/out")"
  ! grep -q 'TLS_SLL_HDR_RESET' "$place/out" || fail "in a chroot with $options: $(cat "$place/out")"
done

# ---- Disks. ----
mkdir "$place/full" "$place/fixed"
cat >"$place/on_disks" <<'END'
# on_disks PLACE COMMAND...: with one disk of 128 KiB, of which FILLED bytes are filled, and one that can only be read.
place=$1
shift
mount -t tmpfs -o size=128k tmpfs "$place/full" && mount -t tmpfs -o size=64k tmpfs "$place/fixed" && mount -o remount,ro "$place/fixed" || exit 77
[ -z "$FILLED" ] || head -c "$FILLED" /dev/zero >"$place/full/filled" 2>/dev/null || [ "$FILLED" = 131072 ] || exit 77
exec "$@"
END
on_disks() { unshare -rm sh "$place/on_disks" "$place" "$@"; }
FILLED='' on_disks true || skip "no disk of our own can be mounted"
for disk in full nearly_full fixed; do
  for option in HAKMEM_STATS_FILE HAKMEM_LOG_FILE HAKMEM_FLIGHT_FILE; do
    FILLED=$(case $disk in full) echo 131072 ;; nearly_full) echo 65536 ;; esac)
    export FILLED
    what="$option on a disk that is $disk"
    file=$place/${disk#nearly_}/f.%p
    sorts "$what" on_disks env HAKMEM_LOG=all HAKMEM_STATS_INTERVAL=1 $option="$file" LD_PRELOAD="$DEFAULT" sort "$place/lines"
    on_disks env HAKMEM_LOG=all HAKMEM_STATS_INTERVAL=1 $option="$file" LD_PRELOAD="$DEFAULT" "$programs/threads" hand >"$place/out" 2>"$place/errors" ||
      fail "exit status $?: $what: $(cat "$place/errors")"
    said=$(grep -c "$option: cannot " "$place/errors")
    [ "$said" -le 1 ] || fail "$what: said more than once: $(cat "$place/errors")"
    [ $disk = nearly_full ] || [ "$said" -eq 1 ] || fail "$what: not said: $(cat "$place/errors")"
  done
done
