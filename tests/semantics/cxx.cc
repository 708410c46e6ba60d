// C++'s operator new and delete, in all forms, with the standard's semantics; and an exception's way through it all.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static int wrong;
#define CHECK(condition) \
  do { \
    if (!(condition)) { \
      std::fprintf(stderr, "cxx.cc:%d: not so: %s\n", __LINE__, #condition); \
      wrong = 1; \
    } \
  } while (0)

static int handler_calls;
static void handler() {
  if (++handler_calls == 3) std::set_new_handler(nullptr);
}
[[noreturn]] static void throwing_handler() { throw std::runtime_error("from the handler"); }

static volatile std::size_t too_much = std::numeric_limits<std::size_t>::max() / 2 + 100;

struct alignas(128) Wide {
  char data[300];
};
struct Throws {
  Throws() { throw 42; }
  std::string text[100];
};

static void forms() {
  for (std::size_t size = 0; size < 3000000; size = size * 3 / 2 + 1) {
    void *p = ::operator new(size);
    CHECK(p != nullptr && reinterpret_cast<std::uintptr_t>(p) % 16 == 0);
    ::operator delete(p);
    ::operator delete(::operator new(size), size);
    ::operator delete[](::operator new[](size));
    ::operator delete[](::operator new[](size), size);
    ::operator delete(::operator new(size, std::nothrow), std::nothrow);
    ::operator delete[](::operator new[](size, std::nothrow), std::nothrow);
    for (std::size_t align = 1; align <= 1u << 21; align *= 4) {
      const std::align_val_t a{align};
      p = ::operator new(size, a);
      CHECK(p != nullptr && reinterpret_cast<std::uintptr_t>(p) % align == 0);
      ::operator delete(p, a);
      ::operator delete(::operator new(size, a), size, a);
      ::operator delete[](::operator new[](size, a), a);
      ::operator delete[](::operator new[](size, a), size, a);
      ::operator delete(::operator new(size, a, std::nothrow), a, std::nothrow);
      ::operator delete[](::operator new[](size, a, std::nothrow), a, std::nothrow);
    }
  }
  ::operator delete(nullptr);
  ::operator delete[](nullptr);
  std::unique_ptr<Wide> wide(new Wide);
  CHECK(reinterpret_cast<std::uintptr_t>(wide.get()) % 128 == 0);
  std::vector<Wide> many(77);
  CHECK(reinterpret_cast<std::uintptr_t>(many.data()) % 128 == 0);
}

static void failures() {
  bool thrown = false;
  try {
    ::operator delete(::operator new(too_much));
  } catch (const std::bad_alloc &) {
    thrown = true;
  }
  CHECK(thrown);
  CHECK(::operator new(too_much, std::nothrow) == nullptr);
  CHECK(::operator new[](too_much, std::align_val_t{256}, std::nothrow) == nullptr);
  std::set_new_handler(handler);
  thrown = false;
  try {
    ::operator delete(::operator new(too_much));
  } catch (const std::bad_alloc &) {
    thrown = true;
  }
  CHECK(thrown && handler_calls == 3);
  std::set_new_handler(throwing_handler);
  thrown = false;
  try {
    ::operator delete(::operator new (too_much, std::align_val_t{64}));
  } catch (const std::runtime_error &) {
    thrown = true;
  }
  CHECK(thrown);
  std::set_new_handler(nullptr);
}

static int deep(int n, const std::string &text) {
  std::string copy = text + std::to_string(n);
  std::vector<std::string> more(static_cast<std::size_t>(n % 7), copy);
  if (n == 0) throw std::logic_error(copy);
  return deep(n - 1, copy) + static_cast<int>(more.size());
}

static void exceptions() {
  int caught = 0;
  for (int i = 0; i < 200; i++) {
    try {
      deep(60, "text");
    } catch (const std::logic_error &e) {
      caught += std::string(e.what()).size() > 60;
    }
    try {
      delete new Throws;
    } catch (int x) {
      caught += x == 42;
    }
  }
  CHECK(caught == 400);
}

int main() {
  forms();
  failures();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) threads.emplace_back(exceptions);
  for (auto &t : threads) t.join();
  std::map<std::string, std::vector<int>> map;
  for (int i = 0; i < 20000; i++) map[std::to_string(i * 7919 % 5000)].push_back(i);
  CHECK(map.size() == 5000);
  return wrong;
}
