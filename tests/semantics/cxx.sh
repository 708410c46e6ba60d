#!/bin/sh
# C++: new and delete in all forms, new_handler, exceptions through threads; also with a header reset's stack taken before the first throw.
. "$(dirname "$0")/common.sh"
command -v g++ >/dev/null || skip "g++ is not installed"
g++ -std=c++17 -O1 -g -fno-builtin -Wall -Wextra -pthread "$(dirname "$0")/cxx.cc" -o "$place/cxx" || fail "cxx.cc does not compile"
everywhere "$place/cxx"
# libunwind is loaded here for the shared_fails' stacks; the program's exceptions must not run through it.
HAKMEM_SS_LIMIT=1 HAKMEM_STACKS=unwind LD_PRELOAD=$DEFAULT "$place/cxx" || fail "with HAKMEM_STACKS=unwind: exit status $?"
