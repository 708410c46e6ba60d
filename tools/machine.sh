#!/bin/sh
# Says what this machine lacks for recordings and tests, and how to get it. A bare chroot or container lacks some of it.
#
#   sh tools/machine.sh           the file systems that a recording needs
#   sh tools/machine.sh NAME...   only these: /dev/null /dev/shm /dev/pts /proc user-namespaces
#
# Exit codes: 0 all there, 1 some are missing.
missing=0
[ $# -gt 0 ] || set -- /dev/null /dev/shm /dev/pts /proc
need() { # NAME CONDITION COMMAND
  case " $wanted " in *" $1 "*) ;; *) return ;; esac
  eval "$2" && return
  echo "$1 is missing on this machine; as root: $3" >&2
  missing=1
}
wanted=$*
need /dev/null '[ -c /dev/null ]' 'mount -t devtmpfs dev /dev'
need /dev/shm '[ -d /dev/shm ] && [ -w /dev/shm ]' 'mkdir -p /dev/shm && mount -t tmpfs -o mode=1777 tmpfs /dev/shm'
need /dev/pts '[ -e /dev/pts/ptmx ]' 'mkdir -p /dev/pts && mount -t devpts -o ptmxmode=666 devpts /dev/pts'
need /proc '[ -r /proc/self/maps ]' 'mount -t proc proc /proc'
need user-namespaces 'unshare -Urm true 2>/dev/null' 'sysctl -w user.max_user_namespaces=10000 kernel.unprivileged_userns_clone=1'
exit $missing
