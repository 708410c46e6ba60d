#!/bin/sh
# gcc: the assembler text of a large generated file.
. "$(dirname "$0")/common.sh"
need gcc

awk 'BEGIN {
  print "#include <stdio.h>\n#include <string.h>\n#include <stdlib.h>"
  for (f = 0; f < 60; f++) {
    printf "struct s%d { int a[%d]; const char *name; double d; };\n", f, f % 17 + 1
    printf "static int helper%d(struct s%d *s, int n) {\n  int sum = 0;\n  for (int i = 0; i < n; i++) {\n", f, f
    for (k = 0; k < 12; k++) printf "    if ((i ^ %d) %% %d == %d) sum += s->a[i %% %d] * %d; else s->d += sum / %d.0;\n", k * f, k + 3, k % 3, f % 17 + 1, f + k, k + 2
    print "    switch (sum & 7) {"
    for (k = 0; k < 8; k++) printf "      case %d: sum ^= %d + i; break;\n", k, (f * 31 + k) % 1000
    printf "    }\n  }\n  return sum + (int)strlen(s->name);\n}\n"
    printf "int function%d(int n) { struct s%d s = {.name = \"text of function %d\"}; return helper%d(&s, n) + helper%d(&s, n / 2); }\n", f, f, f, f, f
  }
}' >"$place/large.c"

work() {
  under gcc -O2 -S -o out/large.s "$place/large.c"
  under gcc -O0 -g0 -c -o large.o "$place/large.c" && nm large.o
}

used gcc --version
compare work
