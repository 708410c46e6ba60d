#!/bin/sh
# clang: a generated C++ file with much of the standard library, and templates of its own, -O2; the compiled program is run afterwards.
. "$(dirname "$0")/common.sh"
need clang clang++
need g++ g++ # the standard library's headers

functions=12
awk -v functions=$functions 'BEGIN {
  print "#include <algorithm>\n#include <functional>\n#include <iostream>\n#include <map>\n#include <memory>\n#include <string>\n#include <unordered_map>\n#include <vector>\n"
  print "template <int N, class T> struct chain { T value; chain<N - 1, T> rest; unsigned sum() const { return unsigned(value) + rest.sum(); } };"
  print "template <class T> struct chain<0, T> { unsigned sum() const { return 0; } };\n"
  for (i = 0; i < functions; i++) {
    printf "static unsigned f%d(unsigned seed) {\n", i
    printf "  std::map<std::string, std::vector<unsigned>> m; std::unordered_map<unsigned, std::string> names;\n"
    printf "  for (unsigned i = 0; i < %d; i++) { m[\"k\" + std::to_string((seed + i) %% %d)].push_back(i * seed); names[i %% %d] += char(97 + i %% 26); }\n", 50 + i, 7 + i % 5, 11 + i % 7
    printf "  unsigned sum = 0; std::function<void(unsigned)> add = [&](unsigned x) { sum = sum * 31 + x; };\n"
    printf "  for (auto &e : m) { std::sort(e.second.begin(), e.second.end(), [](unsigned a, unsigned b) { return a %% %d < b %% %d || (a %% %d == b %% %d && a < b); }); for (unsigned x : e.second) add(x); }\n", i + 3, i + 3, i + 3, i + 3
    printf "  for (unsigned i = 0; i < %d; i++) add(unsigned(names[i].size()));\n", 11 + i % 7
    printf "  auto c = std::make_unique<chain<%d, %s>>(); return sum + c->sum();\n}\n", 20 + i, i % 2 ? "int" : "long"
  }
  print "int main() { unsigned sum = 0;"
  for (i = 0; i < functions; i++) printf "  sum = sum * 7 + f%d(%du);\n", i, i * 13 + 1
  print "  std::cout << sum << \"\\n\"; }"
}' >work.cc
measured clang++ -w -std=c++17 -O2 -g -c -o work.o work.cc 2>err || { head -n 5 err >&2; fail "clang++ failed"; }
clang++ -o work work.o || fail "the object of clang++ cannot be linked"
./work >out || fail "the program of clang++ fails"
same_sum 795432730 out
report $functions
