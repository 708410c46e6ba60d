#!/bin/sh
# gcc: a generated C file of 2700 lines, -O2; the compiled program is run afterwards.
. "$(dirname "$0")/common.sh"
need gcc gcc

functions=150
awk -v functions=$functions 'BEGIN {
  print "#include <stdio.h>\n#include <string.h>\n#include <stdlib.h>\n"
  print "struct point { int x, y; double weight; char name[24]; };\n"
  for (i = 0; i < functions; i++) {
    printf "static unsigned f%d(unsigned a, struct point *p) {\n", i
    printf "  unsigned table[%d] = {", i % 13 + 4
    for (k = 0; k < i % 13 + 4; k++) printf "%d, ", (i * 31 + k * 17) % 251
    print "};"
    printf "  for (unsigned i = 0; i < %d; i++) {\n", i % 7 + 3
    printf "    switch ((a + i) %% %d) {\n", i % 5 + 4
    for (k = 0; k < i % 5 + 3; k++) printf "      case %d: a = a * %d + table[(a >> %d) %% %d]; p->x += (int)(a & %d); break;\n", k, k * 2 + 3, k + 1, i % 13 + 4, i % 127 + 1
    printf "      default: a ^= a >> %d; p->weight *= 1.0 + (double)(a %% 3) / %d; break;\n    }\n  }\n", i % 11 + 2, i % 17 + 5
    printf "  if (strlen(p->name) > %d) p->name[0] = (char)(97 + a %% 26);\n", i % 20
    if (i > 2) printf "  if (a & 1) a += f%d(a / 3, p) ^ f%d(a >> 2, p);\n", int(i / 2), int(i / 3)
    print "  return a;\n}\n"
  }
  print "int main(void) {\n  struct point p = {1, 2, 1.0, \"a point\"};\n  unsigned sum = 0;"
  for (i = 0; i < functions; i++) printf "  sum = sum * 31 + f%d(%du, &p);\n", i, i * 7 + 1
  print "  printf(\"%u %d %s\\n\", sum, p.x, p.name);\n  return 0;\n}"
}' >work.c
measured gcc -w -std=c11 -O2 -g -c -o work.o work.c 2>err || { head -n 5 err >&2; fail "gcc failed"; }
gcc -o work work.o || fail "the object of gcc cannot be linked"
./work >out || fail "the program of gcc fails"
same_sum 3554935626 out
report $functions
