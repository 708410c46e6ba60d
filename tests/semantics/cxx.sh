#!/bin/sh
# C++: new and delete in all forms, new_handler, exceptions through threads; also with a header reset's stack taken before the first throw.
. "$(dirname "$0")/common.sh"
command -v g++ >/dev/null || skip "g++ is not installed"
g++ -std=c++17 -O1 -g -fno-builtin -Wall -Wextra -pthread "$(dirname "$0")/cxx.cc" -o "$place/cxx" || fail "cxx.cc does not compile"
everywhere "$place/cxx"
# libunwind is loaded here for the shared_fails' stacks; the program's exceptions must not run through it.
HAKMEM_SS_LIMIT=1 HAKMEM_STACKS=unwind LD_PRELOAD=$DEFAULT "$place/cxx" || fail "with HAKMEM_STACKS=unwind: exit status $?"

# The debugging mode knows who made what, and has nothing to say of a program that is right, nor of one that brings some operators of its own.
HAKMEM_DEBUG=1 LD_PRELOAD=$DEFAULT "$place/cxx" >"$place/out" 2>&1 || { status=$?; cat "$place/out"; fail "with HAKMEM_DEBUG=1: exit status $status"; }
[ -s "$place/out" ] && { cat "$place/out"; fail "with HAKMEM_DEBUG=1 it says something"; }
cat >"$place/own.cc" <<'END'
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
static int calls;
void *operator new(std::size_t size) {
  calls++;
  void *p = std::malloc(size);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
int main() {
  int *volatile number = new int(7);
  delete number;
  std::string text(1000, 'x');
  std::printf("%s\n", calls >= 2 ? "own" : "not its own");
}
END
g++ -std=c++17 -O1 -fno-builtin -w "$place/own.cc" -o "$place/own" || fail "own.cc does not compile"
for mode in HAKMEM_DEBUG=0 HAKMEM_SECURE=1 HAKMEM_DEBUG=1 HAKMEM_GUARD=1; do
  env $mode LD_PRELOAD="$DEFAULT" "$place/own" >"$place/out" 2>&1
  [ "$(cat "$place/out")" = own ] || { cat "$place/out"; fail "a program with an operator of its own, $mode"; }
done

# A library has operators of its own, and uses them itself. The program deletes what the library made, and is bound to hakmem's. It is linked with the library,
# or opens it; with `while`, it deletes while another thread keeps the loader's lists from being read.
cat >"$place/made.cc" <<'END'
#include <cstdlib>
#include <new>
#ifdef ARRAY
void *operator new[](std::size_t size) { return std::malloc(size); }
void operator delete[](void *p) noexcept { std::free(p); }
#else
void *operator new(std::size_t size) { return std::malloc(size); }
void operator delete(void *p) noexcept { std::free(p); }
#endif
extern "C" void *make() {
#ifdef ARRAY
  return new int[7];
#else
  return new int(7);
#endif
}
END
cat >"$place/deletes.cc" <<'END'
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
static int inside, over; /* atomic */
static int stay(struct dl_phdr_info *, size_t, void *) {
  __atomic_store_n(&inside, 1, __ATOMIC_SEQ_CST);
  while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {}
  return 1;
}
static void *walk(void *) {
  dl_iterate_phdr(stay, nullptr);
  return nullptr;
}
int main(int, char **argv) {
  void *library = dlopen(argv[2], RTLD_NOW);
  void *(*make)() = library ? (void *(*)())dlsym(library, "make") : nullptr;
  if (!make) return std::puts(dlerror()), 1;
  const bool during = std::strcmp(argv[1], "while") == 0;
  pthread_t walker;
  if (during) pthread_create(&walker, nullptr, walk, nullptr);
  while (during && !__atomic_load_n(&inside, __ATOMIC_SEQ_CST)) {}
  if (std::strcmp(argv[1], "array") == 0) delete[] (int *)make();
  else delete (int *)make();
  __atomic_store_n(&over, 1, __ATOMIC_SEQ_CST);
  if (during) pthread_join(walker, nullptr);
  std::puts("deleted");
}
END
echo 'V1 { *; };' >"$place/made.map"
made() { g++ -std=c++17 -O1 -fno-builtin -w -shared -fPIC -Wl,-Bsymbolic -Wl,--version-script="$place/made.map" "$place/made.cc" "$@"; }
deletes() { g++ -std=c++17 -O1 -fno-builtin -w -pthread "$place/deletes.cc" -o "$@"; }
made -o "$place/libmade.so" && made -Wl,--hash-style=sysv -o "$place/libsysv.so" && made -DARRAY -o "$place/libarray.so" && deletes "$place/opens" -ldl &&
  deletes "$place/linked" -ldl -L"$place" -Wl,--no-as-needed -lmade -Wl,-rpath,"$place" || fail "the library with operators does not compile"
for mode in HAKMEM_DEBUG=0 HAKMEM_SECURE=1 HAKMEM_DEBUG=1 HAKMEM_GUARD=1; do
  for call in 'linked one libmade.so' 'opens one libmade.so' 'opens while libmade.so' 'opens one libsysv.so' 'opens array libarray.so'; do
    # shellcheck disable=SC2086 # a list of words
    set -- $call
    env $mode LD_PRELOAD="$DEFAULT" timeout 60 "$place/$1" "$2" "$place/$3" >"$place/out" 2>&1
    [ "$(cat "$place/out")" = deleted ] || { cat "$place/out"; fail "a library with operators of its own, $mode: $call"; }
  done
done

# A function of the wrong family is found, but not beside a library that exports the C++ library's operators as its own.
cat >"$place/frees.cc" <<'END'
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
int main(int count, char **argv) {
  if (count > 1 && !dlopen(argv[1], RTLD_NOW)) return std::puts(dlerror()), 1;
  std::free(new int(7));
  std::puts("freed");
}
END
g++ -std=c++17 -O1 -fno-builtin -w "$place/frees.cc" -o "$place/frees" -ldl || fail "frees.cc does not compile"
for mode in HAKMEM_SECURE=1 HAKMEM_DEBUG=1; do
  env $mode LD_PRELOAD="$DEFAULT" "$place/frees" >"$place/out" 2>&1 && fail "free of what new made is not found, $mode"
  grep -q 'verdict=mismatched_free' "$place/out" || { cat "$place/out"; fail "free of what new made, $mode"; }
done
echo 'void remake(int *&p) { delete p, p = new int(7); }' >"$place/whole.cc"
if g++ -O1 -fno-builtin -shared -fPIC -static-libstdc++ "$place/whole.cc" -o "$place/libwhole.so" 2>"$place/out"; then
  [ "$(HAKMEM_SECURE=1 LD_PRELOAD=$DEFAULT "$place/frees" "$place/libwhole.so" 2>&1)" = freed ] || fail "beside a library with the C++ library inside"
else
  cat "$place/out"
  echo "no static C++ library: one inside of a library is not tested"
fi

# A program in C opens a library in C++ that runs out of memory: its exception is the C++ library's, which is not among the objects that all others see.
cat >"$place/plugin.cc" <<'END'
#include <new>
extern "C" int runs_out(unsigned long size) {
  int caught = 0;
  try { ::operator delete(::operator new(size)); } catch (const std::bad_alloc &) { caught++; }
  try { ::operator delete[](::operator new[](size, std::align_val_t{64}), std::align_val_t{64}); } catch (const std::bad_alloc &) { caught++; }
  return caught == 2 && ::operator new(size, std::nothrow) == nullptr;
}
END
cat >"$place/host.c" <<'END'
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv) {
  void *library = dlopen(argv[argc - 1], RTLD_NOW | RTLD_LOCAL);
  int (*runs_out)(unsigned long) = library ? (int (*)(unsigned long))dlsym(library, "runs_out") : 0;
  puts(!runs_out ? dlerror() : runs_out(~0ul / 2 + 100) ? "caught" : "not caught");
  return 0;
}
END
g++ -std=c++17 -O1 -fno-builtin -w -shared -fPIC "$place/plugin.cc" -o "$place/plugin.so" && gcc "$place/host.c" -o "$place/host" -ldl ||
  fail "the program with a plugin does not compile"
for mode in HAKMEM_DEBUG=0 HAKMEM_SECURE=1 HAKMEM_DEBUG=1; do
  [ "$(env $mode LD_PRELOAD="$DEFAULT" "$place/host" "$place/plugin.so" 2>&1)" = caught ] || fail "a C++ library in a program in C, $mode"
done

# An exception may leave a callback of dl_iterate_phdr, and its thread may end then.
cat >"$place/throws.cc" <<'END'
#include <cstdio>
#include <cstring>
#include <link.h>
#include <pthread.h>
static int throws(dl_phdr_info *, size_t, void *) { throw 1; }
static int returns(dl_phdr_info *, size_t, void *) { return 7; }
static void write_over_the_stack() {
  volatile char bytes[20000];
  memset((void *)bytes, 0x5a, sizeof bytes);
}
static char *volatile lost;
static void *leak(void *) {
  for (int i = 0; i < 5; i++) lost = new char[1000 + i];
  lost = nullptr;
  return nullptr;
}
static void *run(void *) {
  try { dl_iterate_phdr(throws, nullptr); } catch (int) {}
  pthread_t thread; // this one is out of the loader, so the other one's stacks are known
  delete new int(1);
  pthread_create(&thread, nullptr, leak, nullptr);
  pthread_join(thread, nullptr);
  write_over_the_stack();
  if (dl_iterate_phdr(returns, nullptr) == 7) pthread_exit(nullptr);
  return nullptr;
}
int main() {
  pthread_t thread;
  pthread_create(&thread, nullptr, run, nullptr);
  pthread_join(thread, nullptr);
  delete new int(1);
  puts("joined");
}
END
g++ -O1 -fno-builtin -pthread "$place/throws.cc" -o "$place/throws" || fail "the program whose callback throws does not compile"
for mode in HAKMEM_DEBUG=0 HAKMEM_DEBUG=1; do
  [ "$(env $mode LD_PRELOAD="$DEFAULT" "$place/throws" 2>&1)" = joined ] || fail "a callback of dl_iterate_phdr that throws, $mode"
done
HAKMEM_LEAKS=1 LD_PRELOAD=$DEFAULT "$place/throws" >"$place/out" 2>&1
grep -q 'lost: .* allocated at stack' "$place/out" && ! grep -q 'lost: .* no stack is known' "$place/out" ||
  { cat "$place/out"; fail "stacks behind a callback that threw"; }
