// Programs in C++: objects of many sizes by new and delete, and the containers of the standard library. Each checks what it stored.
#include <array>
#include <cstddef>
#include <cstring>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../../harness.h"
#include "steps.h"

namespace {

uint64_t draw(uint64_t *random) { return *random = next_random(*random); }

// ---- Objects: a class for each size, so that the compiler passes the size to delete. ----

constexpr unsigned kinds = 16, places = 2500;

template <unsigned size> struct object { unsigned char bytes[size]; };

template <unsigned size> void *make(unsigned char content) {
  auto *const o = new object<size>;
  o->bytes[0] = o->bytes[size - 1] = content;
  return o;
}

template <unsigned size> void unmake(void *p, unsigned char content) {
  auto *const o = static_cast<object<size> *>(p);
  if (o->bytes[0] != content || o->bytes[size - 1] != content) bench_wrong("an object of new");
  delete o;
}

struct kind {
  void *(*make)(unsigned char);
  void (*unmake)(void *, unsigned char);
};

template <std::size_t... i> constexpr std::array<kind, kinds> all_kinds(std::index_sequence<i...>) { return {{{make<16 * (i + 1)>, unmake<16 * (i + 1)>}...}}; }
constexpr auto table = all_kinds(std::make_index_sequence<kinds>{});

struct objects {
  void *at[places] = {};
  unsigned char kind[places] = {};
  void clear(unsigned place) {
    if (at[place] != nullptr) table[kind[place]].unmake(at[place], static_cast<unsigned char>(place));
  }
  ~objects() {
    for (unsigned i = 0; i < places; i++) clear(i);
  }
};

// ---- Maps: the keys of a ring; the oldest one is taken out for each new one. ----

constexpr unsigned keys = 4000, turns = 64;

template <typename map> struct ring {
  map content;
  std::vector<uint64_t> order = std::vector<uint64_t>(keys);
  unsigned next = 0;

  uint64_t step(uint64_t *random) {
    for (unsigned i = 0; i < turns; i++, next = (next + 1) % keys) {
      const auto old = content.find(order[next]);
      if (old != content.end()) {
        if (old->second != ~old->first) bench_wrong("a map");
        content.erase(old);
      }
      order[next] = draw(random);
      content.emplace(order[next], ~order[next]);
    }
    return turns;
  }
};

using ordered = ring<std::map<uint64_t, uint64_t>>;
using unordered = ring<std::unordered_map<uint64_t, uint64_t>>;

// ---- Vectors and strings: some at a time; the one that is built anew is checked when its turn comes again. ----

struct numbers {
  std::vector<uint64_t> at[32];
};

struct texts {
  std::string at[1000];
};

} // namespace

void *new_delete_create(void) { return new objects; }
void new_delete_destroy(void *own) { delete static_cast<objects *>(own); }

uint64_t new_delete_step(void *own, uint64_t *random) {
  auto *const o = static_cast<objects *>(own);
  for (unsigned i = 0; i < turns; i++) {
    const uint64_t x = draw(random);
    const auto place = static_cast<unsigned>(below(static_cast<uint32_t>(x), places));
    o->clear(place);
    o->kind[place] = static_cast<unsigned char>(below(x >> 32, kinds));
    o->at[place] = table[o->kind[place]].make(static_cast<unsigned char>(place));
  }
  return turns;
}

void *maps_create(void) { return new ordered; }
void maps_destroy(void *own) { delete static_cast<ordered *>(own); }
uint64_t maps_step(void *own, uint64_t *random) { return static_cast<ordered *>(own)->step(random); }

void *unordered_maps_create(void) { return new unordered; }
void unordered_maps_destroy(void *own) { delete static_cast<unordered *>(own); }
uint64_t unordered_maps_step(void *own, uint64_t *random) { return static_cast<unordered *>(own)->step(random); }

void *vectors_create(void) { return new numbers; }
void vectors_destroy(void *own) { delete static_cast<numbers *>(own); }

uint64_t vectors_step(void *own, uint64_t *random) {
  const uint64_t x = draw(random), count = 8 + below(x >> 32, 2993);
  auto &v = static_cast<numbers *>(own)->at[x % 32];
  if (!v.empty() && (v.back() != v.front() + v.size() - 1 || v[v.size() / 2] != v.front() + v.size() / 2)) bench_wrong("a vector");
  v = {};
  for (uint64_t i = 0; i < count; i++) v.push_back(x + i);
  return count;
}

void *strings_create(void) { return new texts; }
void strings_destroy(void *own) { delete static_cast<texts *>(own); }

// The characters of a text are the alphabet, over and over, in whatever pieces it was built.
uint64_t strings_step(void *own, uint64_t *random) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
  const uint64_t x = draw(random), piece = 5 + (x & 15), most = 16 + below(x >> 32, 285);
  auto &text = static_cast<texts *>(own)->at[below(static_cast<uint32_t>(x), 1000)];
  if (!text.empty() && (text.front() != 'a' || text.back() != letters[(text.size() - 1) % 26])) bench_wrong("a string");
  text = std::string();
  while (text.size() < most) text.append(letters + text.size() % 26, piece);
  return 1;
}
