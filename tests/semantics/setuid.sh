#!/bin/sh
# A set-uid program takes no options from the user who starts it.
. "$(dirname "$0")/common.sh"
[ "$(id -u)" -eq 0 ] || skip "only root can make a set-uid program of another user"
id nobody >/dev/null 2>&1 || skip "there is no user nobody"
open=$(mktemp -d /tmp/hakmem-setuid.XXXXXX) || exit 1 # where another user may look
trap 'rm -rf "$open" "$place"' EXIT
chmod 755 "$open"
cp "$BUILD_DIR"/lib/libhakmem.so* "$open"
cat >"$place/secure.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
int main(void) {
  void *volatile p = malloc(100);
  free(p);
  puts(getauxval(AT_SECURE) ? "secure" : "not secure");
  return 0;
}
C
gcc "$place/secure.c" -o "$open/secure" -Wl,--no-as-needed -L"$open" -lhakmem -Wl,-rpath,"$open" || fail "cannot build"
[ "$("$open/secure")" = 'not secure' ] || fail "the program does not run"
HAKMEM_HELP=1 "$open/secure" 2>&1 | grep -q 'hakmem options' || fail "the program runs without hakmem"
chown nobody "$open/secure"
chmod 4755 "$open/secure"
[ "$("$open/secure")" = secure ] || skip "the set-uid bit has no effect here (file system mounted nosuid, or no_new_privs)"
HAKMEM_HELP=1 HAKMEM_NONSENSE=1 HAKMEM_STATS=1 HAKMEM_TRACE=full HAKMEM_LOG=all HAKMEM_STATS_FILE="$place/stats" "$open/secure" >"$place/out" 2>&1
[ "$(cat "$place/out")" = secure ] || { cat "$place/out"; fail "a set-uid program listened to its environment"; }
[ ! -e "$place/stats" ] || fail "a set-uid program wrote a statistics file"
