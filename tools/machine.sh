#!/bin/sh
# Says which file systems are missing here that recordings and tests need, and how to mount them:   sh tools/machine.sh
# A bare chroot has none of them. Exit codes: 0 all there, 1 some are not.
missing=0
need() { # NAME CONDITION COMMAND
  eval "$2" && return
  echo "$1 is missing on this machine; as root: $3" >&2
  missing=1
}
need /dev/null '[ -c /dev/null ]' 'mount -t devtmpfs dev /dev'
need /dev/shm '[ -d /dev/shm ] && [ -w /dev/shm ]' 'mkdir -p /dev/shm && mount -t tmpfs -o mode=1777 tmpfs /dev/shm'
need /dev/pts '[ -e /dev/pts/ptmx ]' 'mkdir -p /dev/pts && mount -t devpts -o ptmxmode=666 devpts /dev/pts'
need /proc '[ -r /proc/self/maps ]' 'mount -t proc proc /proc'
exit $missing
