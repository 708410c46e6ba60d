#!/bin/sh
# A program that is linked statically with libhakmem.a, the C library included: malloc's family is hakmem's, in every mode; fork, threads and C++'s exceptions
# work; the statistics can be read; nothing is said.
. "$(dirname "$0")/common.sh"
library=$BUILD_DIR/lib/libhakmem.a
printf 'int main(void) { return 0; }\n' >"$place/empty.c"
${CC:-cc} -static -o "$place/empty" "$place/empty.c" 2>/dev/null || skip "no program can be linked statically here"

${CC:-cc} -static -O1 -fno-builtin -w -D_GNU_SOURCE -o "$place/model" "$SOURCE_DIR/tests/fuzz/model.c" -L"$BUILD_DIR/lib" -Wl,-u,malloc -lhakmem -pthread \
  >"$place/out" 2>&1 || { cat "$place/out"; fail "the model test does not link"; }
[ ! -s "$place/out" ] || { cat "$place/out"; fail "the linker says something"; }
for options in HAKMEM_DEBUG=0 HAKMEM_DEBUG=1 HAKMEM_SECURE=1 HAKMEM_GUARD=5 HAKMEM_TRACE=full; do
  env $options HAKMEM_STATS_FILE="$place/stats" "$place/model" -s 29 -t 3 -r 1 -n 800 >"$place/out" 2>"$place/err" || { cat "$place/err"; fail "exit status $? with $options"; }
  [ ! -s "$place/err" ] || { cat "$place/err"; fail "it says something with $options"; }
done
[ -s "$place/stats" ] || fail "there are no statistics"
hakmem=$BUILD_DIR/bin/hakmem
[ ! -x "$hakmem" ] || "$hakmem" report "$place/stats" >/dev/null || fail "the statistics cannot be read"

cat >"$place/errors.cc" <<'END'
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
int main() {
  try {
    char *volatile all = new char[static_cast<size_t>(-1) / 4];
    return all != nullptr ? 1 : 2;
  } catch (const std::bad_alloc &) {
  }
  std::string text(3000, 'x');
  const pid_t child = fork();
  if (child == 0) _exit(std::string(5000, 'y').size() == 5000 ? 7 : 1);
  int status;
  if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7) return 3;
  char *volatile copy = strdup("hakmem's");
  free(copy);
  free(copy);
  return 0;
}
END
command -v "${CXX:-c++}" >/dev/null || exit 0
${CXX:-c++} -static -O1 -fno-builtin -w -o "$place/errors" "$place/errors.cc" -L"$BUILD_DIR/lib" -Wl,-u,malloc -lhakmem || fail "a C++ program does not link"
"$place/errors" 2>"$place/err" || fail "exit status $? of a C++ program"
grep -q 'verdict=double_free' "$place/err" || { cat "$place/err"; fail "a double free is not reported: malloc is not hakmem's"; }
