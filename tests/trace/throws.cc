// throws.cc: C++ exceptions by every road: through frames with destructors, rethrown, from a constructor, bad_alloc,
// across threads, from and through an object that is opened while the program runs, and out of a thread that ends.
// Prints what it saw.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static int destroyed;

struct Guard {
  std::string text = std::string(100, 'x');
  ~Guard() { destroyed++; }
};

static void deep(int depth) {
  Guard guard;
  if (depth == 0) throw std::runtime_error("from the bottom: " + guard.text.substr(0, 3));
  deep(depth - 1);
}

struct Half {
  Guard first;
  Half() { throw std::logic_error("half made"); }
};

static void rethrow() {
  try {
    deep(5);
  } catch (const std::exception &) {
    Guard guard;
    throw;
  }
}

static void thread_throws() {
  std::exception_ptr caught;
  std::thread thread([&] {
    try {
      deep(20);
    } catch (...) {
      caught = std::current_exception();
    }
  });
  thread.join();
  std::rethrow_exception(caught);
}

static void no_memory() {
  static volatile size_t much = ~size_t(0) / 4;
  std::unique_ptr<char[]> p(new char[much]);
}

static void plugin(const char *path) {
  void *opened = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) throw std::runtime_error(dlerror());
  auto run = reinterpret_cast<void (*)(void (*)())>(dlsym(opened, "plugin_run"));
  Guard guard;
  try {
    run([] { deep(3); });
  } catch (...) {
    dlclose(opened);
    throw;
  }
}

template <typename F> static void report(const char *name, F f) {
  destroyed = 0;
  try {
    f();
    std::printf("%s: nothing\n", name);
  } catch (const std::bad_alloc &) {
    std::printf("%s: bad_alloc, %d destroyed\n", name, destroyed);
  } catch (const std::exception &e) {
    std::printf("%s: %s, %d destroyed\n", name, e.what(), destroyed);
  } catch (int i) {
    std::printf("%s: %d, %d destroyed\n", name, i, destroyed);
  }
}

int main(int, char **argument) {
  for (int i = 0; i < 60; i++) {
    report("deep", [] { deep(50); });
    report("half", [] { Half half; });
    report("rethrow", rethrow);
    report("thread", thread_throws);
    report("no memory", no_memory);
    report("int", [] { throw 42; });
    report("plugin", [&] { plugin(argument[1]); });
  }
  std::set_terminate([] {
    std::puts("terminate");
    std::fflush(stdout);
    std::_Exit(3);
  });
  deep(1); // no handler catches it
}
