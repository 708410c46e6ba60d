#!/bin/sh
# Libraries that are opened with RTLD_DEEPBIND share blocks with the program and the C library; and what else dlopen and dlmopen promise stays as it is:
# a RUNPATH is the caller's, a namespace of its own has a C library of its own.
. "$(dirname "$0")/common.sh"

cat >"$place/blocks.c" <<'END'
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int name(void) { return 1; }
int its_name(void) { return name(); }
static char *at_start;
__attribute__((constructor)) static void start(void) { at_start = strdup("made by the constructor"); }
char *take_start(void) { return at_start; }
char *duplicate(const char *s) { return strdup(s); }
char *printed(int n) { char *s; return asprintf(&s, "%d", n) < 0 ? 0 : s; }
void *grow(void *p, size_t n) { return realloc(p, n); }
void give(void *p) { free(p); }
int lines(void) {
  char *line = 0;
  size_t size = 0;
  FILE *f = fopen("/proc/self/status", "r");
  int n = 0;
  while (getline(&line, &size, f) > 0) n++;
  fclose(f);
  free(line);
  return n > 0;
}
END
# Opens the library inner.so, which only its own RUNPATH leads to.
cat >"$place/opener.c" <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
void *open_inner(int flags) { return dlopen("inner.so", flags); }
void *open_inner_in(long space, int flags) { return dlmopen(space, "inner.so", flags); }
END
cat >"$place/program.c" <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define CHECK(c) do { if (!(c)) printf("line %d: not so: %s (%s)\n", __LINE__, #c, dlerror()), wrong = 1; } while (0)
static int wrong;
static void exchange(void *library) {
  char *(*duplicate)(const char *) = dlsym(library, "duplicate"), *(*printed)(int) = dlsym(library, "printed"), *(*take_start)(void) = dlsym(library, "take_start");
  void *(*grow)(void *, size_t) = dlsym(library, "grow");
  void (*give)(void *) = dlsym(library, "give");
  int (*lines)(void) = dlsym(library, "lines"), (*its_name)(void) = dlsym(library, "its_name");
  CHECK(lines() && its_name() == 1);
  free(take_start());
  for (size_t size = 1; size < 3000000; size *= 3) {
    char *p = malloc(size);
    strcpy(p, "");
    p = grow(p, size * 2 + 10);
    p = realloc(strcpy(p, "grown"), size + 7);
    CHECK(strcmp(p, "grown") == 0);
    give(p);
  }
  char *s = duplicate("text"), *n = printed(42);
  CHECK(strcmp(s, "text") == 0 && strcmp(n, "42") == 0);
  free(s), free(n);
}
int main(void) {
  void *library = dlopen("./blocks.so", RTLD_NOW | RTLD_DEEPBIND);
  CHECK(library != 0);
  exchange(library);
  dlclose(library);
  library = dlmopen(LM_ID_BASE, "./blocks.so", RTLD_LAZY | RTLD_DEEPBIND | RTLD_GLOBAL);
  CHECK(library != 0);
  exchange(library);
  void *opener = dlopen("./opener.so", RTLD_NOW);
  void *(*open_inner)(int) = dlsym(opener, "open_inner"), *(*open_inner_in)(long, int) = dlsym(opener, "open_inner_in");
  CHECK(dlopen("inner.so", RTLD_NOW) == 0); /* not on this program's path */
  CHECK(open_inner(RTLD_NOW) != 0 && open_inner(RTLD_NOW | RTLD_DEEPBIND) != 0 && open_inner_in(LM_ID_BASE, RTLD_NOW | RTLD_DEEPBIND) != 0);
  void *apart = dlmopen(LM_ID_NEWLM, "./blocks.so", RTLD_NOW | RTLD_DEEPBIND);
  if (apart != 0) {
    int (*lines)(void) = dlsym(apart, "lines");
    void (*give)(void *) = dlsym(apart, "give");
    char *(*duplicate)(const char *) = dlsym(apart, "duplicate");
    CHECK(lines());
    give(duplicate("its own"));
  }
  CHECK(dlopen(0, RTLD_NOW | RTLD_DEEPBIND) != 0 && dlopen("./no-such-file.so", RTLD_NOW | RTLD_DEEPBIND) == 0 && dlerror() != 0);
  puts(wrong ? "wrong" : "right");
  return wrong;
}
END
cd "$place" || exit 1
mkdir below
gcc -w -shared -fPIC -fno-builtin blocks.c -o blocks.so && gcc -w -shared -fPIC -fno-builtin blocks.c -o below/inner.so &&
  gcc -w -shared -fPIC opener.c -o opener.so -ldl -Wl,--enable-new-dtags,-rpath,"\$ORIGIN/below" && gcc -w -fno-builtin program.c -o program -ldl ||
  fail "the program does not compile"
./program >out 2>&1 || { cat out; fail "fails without hakmem"; }
everywhere "$place/program"
for mode in HAKMEM_DEBUG=1 HAKMEM_GUARD=1; do
  [ "$(env $mode LD_PRELOAD="$DEFAULT" ./program 2>&1)" = right ] || fail "with $mode"
done

# A log line says what was done, whichever lines were asked for.
for lines in hdr ss drain; do
  HAKMEM_LOG=$lines LD_PRELOAD=$DEFAULT ./program 2>&1 | grep -a 'DLOPEN' >out
  grep -qF '[DLOPEN] without RTLD_DEEPBIND, which would give the library another malloc: ./blocks.so' out || { cat out; fail "no log line with HAKMEM_LOG=$lines"; }
  [ "$(wc -l <out)" -eq 6 ] || { cat out; fail "not a line for each time"; }
done
