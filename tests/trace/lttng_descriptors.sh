#!/bin/sh
# Programs that close all descriptors, or put their own files in the place of others: LTTng writes nothing into the program's files, and the session goes on.
# needs: /dev/shm
. "$(dirname "$0")/common.sh"
program descriptors
mkdir "$place/room"
[ -z "$as" ] || chown 65534:65534 "$place/room"
cd "$place/room" || exit 1

for how in close close_range closefrom dup2 dup3; do
  session $how --num-subbuf=16
  traced HAKMEM_TRACE=full HAKMEM_STATS_FILE="$place/$how.hak" "$place/descriptors" $how >"$place/$how.out" 2>&1 ||
    { status=$?; cat "$place/$how.out"; fail "exit status $status of a program that closes descriptors by $how"; }
  [ ! -s "$place/$how.out" ] || { head -n 5 "$place/$how.out"; fail "a word about $how"; }
  [ -z "$(find . -name 'own*' -size +0)" ] || fail "$how: the program's own files were written to"
  lttng_do destroy $how
  # Events may have been dropped for want of room, but those at the end came after the descriptors were closed.
  babeltrace2 "$place/$how" 2>/dev/null | grep -F ' hakmem:alloc: ' | grep -c 'size = 7777,' >"$place/count"
  [ "$(cat "$place/count")" -eq 10 ] || fail "$how: $(cat "$place/count") of 10 events after the descriptors were closed"
  rm -f own*
done

# A descriptor that the program does not close is not held: one that it closes is closed, and an unknown number is EBADF.
cat >"$place/plain.c" <<'EOF'
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
int main(void) {
  const int fd = open("/dev/null", O_RDONLY), to = fd + 50;
  if (fd < 0 || dup2(fd, to) != to || close(to) != 0 || close(to) != -1 || errno != EBADF) return 1;
  if (dup3(fd, to, 0) != to || close_range((unsigned)to, (unsigned)to, 0) != 0 || close(to) != -1) return 2;
  if (dup2(fd, fd) != fd || dup3(fd, fd, 0) != -1 || errno != EINVAL) return 3;
  closefrom(fd);
  return close(fd) == -1 ? 0 : 4;
}
EOF
cc -D_GNU_SOURCE -o "$place/plain" "$place/plain.c" || fail "plain.c does not compile"
session ordinary
traced "$place/plain" || fail "exit status $? of a program that closes its own descriptors"
finish ordinary
