#!/bin/sh
# timeout: 600
# A C++ program that throws does the same without hakmem, with hakmem and an idle provider, and in a session in full
# tracing with stacks: neither LTTng nor libunwind may come between it and libgcc's unwinder. It opens and closes an
# object that throws, too.
# needs: /dev/shm
. "$(dirname "$0")/common.sh"
command -v g++ >/dev/null 2>&1 || skip "g++ is not installed"

g++ -O1 -g -fno-builtin -Wall -Wextra -pthread -o "$place/throws" "$SOURCE_DIR/tests/trace/throws.cc" -ldl || fail "throws.cc does not compile"
g++ -O1 -g -fPIC -shared -o "$place/plugin.so" "$SOURCE_DIR/tests/trace/plugin.cc" || fail "plugin.cc does not compile"

# under NAME COMMAND...: runs the program by it
under() {
  name=$1
  shift
  "$@" "$place/throws" "$place/plugin.so" >"$place/$name.out" 2>"$place/$name.err"
  echo "exit status $?" >>"$place/$name.out"
}
same() {
  diff "$place/without.out" "$place/$1.out" >"$place/diff" && diff "$place/without.err" "$place/$1.err" >>"$place/diff" && return
  head -n 10 "$place/diff"
  fail "the program does not do the same ($1)"
}

under without env
grep -qx 'exit status 3' "$place/without.out" || fail "the program does not work without hakmem"
[ "$(wc -l <"$place/without.out")" -eq 422 ] || fail "the program does not do its work"

under idle traced HAKMEM_STACKS=unwind
same idle
session full
under full traced HAKMEM_STACKS=unwind HAKMEM_TRACE=full
same full
lttng_do destroy full
babeltrace2 "$place/full" >"$place/full.text" 2>/dev/null # on a slow machine, some events find no room
[ "$(count "$place/full.text" stack)" -gt 10 ] || fail "no stacks were taken"
