#!/bin/sh
# Programs that replace some forms of operator new and delete: each form that they do not replace calls the one that the C++ standard says, as it does
# without hakmem. Compared is how often each replaced form was called; and nothing may be said, also where hakmem knows who made a block.
. "$(dirname "$0")/common.sh"
here=$(dirname "$0")
command -v g++ >/dev/null || skip "g++ is not installed"

# same PROGRAM ARGUMENTS...: says the same in every mode, and nothing else, as without hakmem.
same() {
  "$@" >"$place/expected" 2>&1 || { cat "$place/expected"; fail "$*: fails without hakmem"; }
  for mode in "" HAKMEM_TRACE=full HAKMEM_SECURE=1 HAKMEM_DEBUG=1 HAKMEM_GUARD=1; do
    for library in "$DEFAULT" "$PLAIN"; do
      [ "$library" = "$DEFAULT" ] || [ -z "$mode" ] || continue
      env $mode LD_PRELOAD="$library" "$@" >"$place/out" 2>&1
      status=$?
      [ $status -eq 0 ] && cmp -s "$place/expected" "$place/out" || {
        diff "$place/expected" "$place/out" | head -n 20
        fail "$*, ${mode:-default} with $(basename "$library"): exit status $status, or another output"
      }
    done
  done
}

for forms in b a ba B A baBA s baBAs n baBAsnt; do
  flags=$(echo "$forms" | sed 's/./ -DREPLACE_&/g')
  # shellcheck disable=SC2086 # a list of words
  g++ -std=c++17 -O0 -fno-builtin -w $flags -DFORMS="\"$forms\"" "$here/operators.cc" -o "$place/operators-$forms" || fail "operators.cc does not compile"
  same "$place/operators-$forms"
done

# The C++ library inside the program: its other forms call the program's.
if g++ -static-libstdc++ -std=c++17 -O0 -fno-builtin -w -DREPLACE_b -DREPLACE_A "$here/operators.cc" -o "$place/static" 2>"$place/out"; then
  same "$place/static"
fi

# The same where the program is linked to hakmem.
g++ -std=c++17 -O0 -fno-builtin -w -DREPLACE_b -DREPLACE_B -DFORMS='"bB"' "$here/operators.cc" -o "$place/linked" -Wl,--no-as-needed \
  "$DEFAULT" -Wl,-rpath,"$BUILD_DIR/lib" || fail "operators.cc does not link to hakmem"
g++ -std=c++17 -O0 -fno-builtin -w -DREPLACE_b -DREPLACE_B -DFORMS='"bB"' "$here/operators.cc" -o "$place/not-linked" || fail "operators.cc does not compile"
"$place/not-linked" >"$place/expected" 2>&1
"$place/linked" >"$place/out" 2>&1
cmp -s "$place/expected" "$place/out" || { cat "$place/out"; fail "a program that is linked to hakmem"; }

# A library with operators of its own that comes later, opened by a program in C and by one in C++, for itself or for all: whatever it gets, it is of one kind.
g++ -std=c++17 -O0 -fno-builtin -w -shared -fPIC -DREPLACE_b -DREPLACE_a -Dmain=library_main "$here/operators.cc" -o "$place/library.so" || fail "library.so"
cat >"$place/host.c" <<'END'
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  free(malloc(10));
  void *library = dlopen(argv[1], RTLD_NOW | (argc > 2 ? RTLD_GLOBAL : RTLD_LOCAL));
  int (*run)(void) = library ? (int (*)(void))dlsym(library, "_Z12library_mainv") : 0;
  if (!run) return puts(dlerror()), 1;
  freopen("/dev/null", "w", stdout); /* whose operators count there is a matter of the order in which names are looked for */
  return run();
}
END
gcc -w "$place/host.c" -o "$place/host" -ldl && g++ -w -x c++ "$place/host.c" -o "$place/host-cxx" -ldl || fail "host.c does not compile"
same "$place/host" "$place/library.so"
same "$place/host-cxx" "$place/library.so"
same "$place/host" "$place/library.so" global
same "$place/host-cxx" "$place/library.so" global
