// Calls operator new and delete in all forms, of which the build replaces some, and prints how often each of these was called. The replaced forms
// keep a word of their own before each block: a block that went past its partner ends the program. FORMS has a letter for each group that is replaced:
//   b new and delete   a new[] and delete[]   B, A the same, aligned   s sized delete   n new nothrow   t delete nothrow
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#ifndef FORMS
#define FORMS ""
#endif

static int one, gone, array, array_gone, wide, wide_gone, wide_array, wide_array_gone, sized, quiet, quiet_gone;
static const std::size_t too_much = static_cast<std::size_t>(1) << 40; // the replaced forms refuse so much

[[maybe_unused]] static void *take(std::size_t size, std::size_t align, std::uint64_t word, int &count) {
  count++;
  if (size >= too_much) throw std::bad_alloc();
  char *p = static_cast<char *>(std::aligned_alloc(align, (size + 2 * align - 1) / align * align));
  if (p == nullptr) throw std::bad_alloc();
  std::memcpy(p, &word, sizeof word);
  return p + align;
}

[[maybe_unused]] static void give(void *p, std::size_t align, std::uint64_t word, int &count) {
  count++;
  if (p == nullptr) return;
  char *base = static_cast<char *>(p) - align;
  if (std::memcmp(base, &word, sizeof word) != 0) {
    std::fprintf(stderr, "a block came to a delete that is not its partner\n");
    std::_Exit(3);
  }
  std::free(base);
}

#ifdef REPLACE_b
void *operator new(std::size_t size) { return take(size, 16, 1, one); }
void operator delete(void *p) noexcept { give(p, 16, 1, gone); }
#endif
#ifdef REPLACE_a
void *operator new[](std::size_t size) { return take(size, 16, 2, array); }
void operator delete[](void *p) noexcept { give(p, 16, 2, array_gone); }
#endif
#ifdef REPLACE_B
void *operator new(std::size_t size, std::align_val_t a) { return take(size, static_cast<std::size_t>(a), 3, wide); }
void operator delete(void *p, std::align_val_t a) noexcept { give(p, static_cast<std::size_t>(a), 3, wide_gone); }
#endif
#ifdef REPLACE_A
void *operator new[](std::size_t size, std::align_val_t a) { return take(size, static_cast<std::size_t>(a), 4, wide_array); }
void operator delete[](void *p, std::align_val_t a) noexcept { give(p, static_cast<std::size_t>(a), 4, wide_array_gone); }
#endif
#ifdef REPLACE_s
void operator delete(void *p, std::size_t) noexcept { sized++, ::operator delete(p); }
void operator delete[](void *p, std::size_t) noexcept { sized++, ::operator delete[](p); }
#endif
#ifdef REPLACE_n
void *operator new(std::size_t size, const std::nothrow_t &) noexcept {
  quiet++;
  try {
    return ::operator new(size);
  } catch (...) {
    return nullptr;
  }
}
#endif
#ifdef REPLACE_t
void operator delete(void *p, const std::nothrow_t &) noexcept { quiet_gone++, ::operator delete(p); }
#endif

struct alignas(64) Wide {
  char data[100];
};

static void all_forms(std::size_t size) {
  const std::align_val_t a{128};
  void *volatile p; // the compiler may leave a pair of new and delete out
#define PAIR(made, given) p = made, std::memset(p, 1, size), given
  PAIR(::operator new(size), ::operator delete(p));
  PAIR(::operator new(size), ::operator delete(p, size));
  PAIR(::operator new(size), ::operator delete(p, std::nothrow));
  PAIR(::operator new(size, std::nothrow), ::operator delete(p));
  PAIR(::operator new[](size), ::operator delete[](p));
  PAIR(::operator new[](size), ::operator delete[](p, size));
  PAIR(::operator new[](size), ::operator delete[](p, std::nothrow));
  PAIR(::operator new[](size, std::nothrow), ::operator delete[](p, std::nothrow));
  PAIR(::operator new(size, a), ::operator delete(p, a));
  PAIR(::operator new(size, a), ::operator delete(p, size, a));
  PAIR(::operator new(size, a), ::operator delete(p, a, std::nothrow));
  PAIR(::operator new(size, a, std::nothrow), ::operator delete(p, a));
  PAIR(::operator new[](size, a), ::operator delete[](p, a));
  PAIR(::operator new[](size, a), ::operator delete[](p, size, a));
  PAIR(::operator new[](size, a), ::operator delete[](p, a, std::nothrow));
  PAIR(::operator new[](size, a, std::nothrow), ::operator delete[](p, a, std::nothrow));
  ::operator delete(nullptr);
  ::operator delete[](nullptr, std::nothrow);
}

int main() {
  for (std::size_t size = 1; size < 300000; size = size * 3 + 1) all_forms(size);
  volatile std::size_t much = ~too_much; // more than any form gives
  int caught = 0;
  try {
    ::operator delete[](::operator new[](much));
  } catch (const std::bad_alloc &) {
    caught++;
  }
  try {
    ::operator delete[](::operator new[](much, std::align_val_t{64}), std::align_val_t{64});
  } catch (const std::bad_alloc &) {
    caught++;
  }
  const bool given = ::operator new(much, std::nothrow) || ::operator new[](much, std::nothrow) || ::operator new[](much, std::align_val_t{64}, std::nothrow);
  std::printf("caught %d, given %d\n", caught, given);
  std::vector<std::string> texts;
  for (int i = 0; i < 1000; i++) texts.push_back(std::string(50, 'x'));
  std::vector<Wide> wides(33);
  std::unique_ptr<Wide[]> more(new Wide[7]);
  std::unique_ptr<int[]> numbers(new (std::nothrow) int[70]);
  texts.clear(), texts.shrink_to_fit(), wides.clear(), wides.shrink_to_fit(), more.reset(), numbers.reset();
  std::printf(FORMS ": one %d %d array %d %d wide %d %d wide array %d %d sized %d quiet %d %d\n", one, gone, array, array_gone, wide, wide_gone, wide_array,
              wide_array_gone, sized, quiet, quiet_gone);
  return 0;
}
