#!/bin/sh
# What happens before the tracer attaches, in the constructor of a library, is replayed to it: that a library was opened without RTLD_DEEPBIND, and which.
# needs: /dev/shm
. "$(dirname "$0")/common.sh"
cat >"$place/opens.c" <<'EOF'
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
__attribute__((constructor)) static void start(void) {
  char path[32];
  strcpy(path, "libm.so.6"); /* is gone when the event is replayed */
  if (dlopen(path, RTLD_NOW | RTLD_DEEPBIND) == NULL) puts("libm.so.6 cannot be opened");
  memset(path, '?', sizeof(path) - 1);
}
EOF
cc -D_GNU_SOURCE -shared -fPIC -o "$place/libopens.so" "$place/opens.c" || fail "no libopens.so"
echo 'int main(void) { return 0; }' | cc -x c - -x none -o "$place/early" -Wl,--no-as-needed "$place/libopens.so" || fail "no program"
session deepbind
traced "$place/early" || fail "exit status $?"
finish deepbind
[ "$(events "$place/deepbind.text" deepbind | values path)" = libm.so.6 ] || { events "$place/deepbind.text" deepbind; fail "not one deepbind event with its path"; }
[ "$(events "$place/deepbind.text" early | values replayed | head -n 1)" -gt 0 ] || fail "nothing was replayed"
