#!/bin/sh
# The provider where something is missing: one line that says so, and a program that does what it always does. And it
# exports nothing, needs no libhakmem.so, and stays where it is.
. "$(dirname "$0")/common.sh"

provider=$place/libhakmem-tracepoints.so

# says LIBRARIES PATTERN: the program works, and its standard error is one line that matches, or nothing where there
# is no pattern.
says() {
  LD_PRELOAD=$1 sh -c 'exec ls /' >"$place/out" 2>"$place/err" || fail "preloading $1: exit status $?"
  diff "$place/wanted" "$place/out" >/dev/null || fail "preloading $1: other output"
  if [ -z "$2" ]; then
    [ ! -s "$place/err" ] || { cat "$place/err"; fail "preloading $1: not silent"; }
  else
    grep -qE "^hakmem: $2" "$place/err" || { cat "$place/err"; fail "preloading $1: no such line: $2"; }
  fi
}
ls / >"$place/wanted"
says "$provider" 'libhakmem.so is not loaded, so there is nothing to trace '
says "$BUILD_DIR/lib/libhakmem-plain.so:$provider" 'libhakmem.so is not loaded, so there is nothing to trace '
says "$hakmem:$provider" ''
says "$provider:$hakmem" ''

# Another version of the library, and one that has a tracer already.
for answer in EINVAL EBUSY; do
  printf '#include <errno.h>\nint hak_event_sink_attach(const void *sink) { return sink ? %s : 0; }\n' $answer |
    cc -shared -fPIC -o "$place/$answer.so" -x c - || fail "no $answer.so"
done
says "$place/EINVAL.so:$provider" 'libhakmem.so is of another version, so nothing is traced '
says "$place/EBUSY.so:$provider" 'another tracer is attached to libhakmem.so already'

# Started without standard error, which another library's file is then: nothing is said in that.
cat >"$place/opens.c" <<'EOF'
#include <fcntl.h>
#include "instrumentation/base/sink.h"
static const struct hak_event_sink sink = {.version = HAK_EVENT_SINK_VERSION, .size = sizeof(sink)};
__attribute__((constructor)) static void start(void) {
  if (open("own", O_RDWR | O_CREAT | O_TRUNC, 0600) == 2) hak_event_sink_attach(&sink); /* the provider comes second */
}
EOF
cc -D_GNU_SOURCE -DHAKMEM_EVENTS=1 -std=gnu11 -shared -fPIC -I"$SOURCE_DIR" -I"$SOURCE_DIR/src" -o "$place/opens.so" "$place/opens.c" || fail "no opens.so"
(cd "$place" && LD_PRELOAD="$hakmem:$provider:$place/opens.so" /bin/true 2>&-)
[ -f "$place/own" ] && [ ! -s "$place/own" ] || { cat "$place/own"; fail "the provider's words are in a file of the program's"; }

command -v readelf >/dev/null 2>&1 || skip "readelf is not installed"
exported=$(readelf --dyn-syms -W "$provider" | awk '$5 != "LOCAL" && $7 != "UND" && $8 != "" && $1 ~ /:/ && $1 != "Num:" { print $8 }')
for name in $exported; do
  case $name in close | close_range | closefrom | dup2 | dup3 | lttng_ust_add_fd_to_tracker | lttng_ust_delete_fd_from_tracker) ;;
    *) fail "the provider exports $name" ;;
  esac
done
[ -n "$exported" ] || fail "the provider keeps no descriptors apart"
readelf -dW "$provider" | grep NEEDED | grep -q hakmem && fail "the provider needs libhakmem.so"
readelf -dW "$provider" | grep -q NODELETE || fail "the provider can be unloaded"
readelf -dW "$hakmem" | grep NEEDED | grep -q lttng && fail "libhakmem.so needs LTTng"
exit 0
