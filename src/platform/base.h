/*
 * base.h: the macros and small functions that every file uses. Includes nothing of ours.
 */
#ifndef HAKMEM_BASE_H
#define HAKMEM_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef HAKMEM_EVENTS
#define HAKMEM_EVENTS 1 /* 0: the plain build, without headers, events and modes */
#endif

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define NOINLINE __attribute__((noinline))
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* A function that reads other threads' plain words without synchronising, for statistics. It must stay safe with any value that it reads. */
#ifdef __SANITIZE_THREAD__
#define READS_RACILY __attribute__((no_sanitize("thread"), noipa)) /* gcc checks its reads after all if they move into the caller */
#else
#define READS_RACILY
#endif

/* The compiler guards every access for AddressSanitizer. */
#if defined(__SANITIZE_ADDRESS__)
#define BUILT_WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BUILT_WITH_ASAN 1
#endif
#endif

#if BUILT_WITH_ASAN || defined(__SANITIZE_THREAD__)
#define BUILT_WITH_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define BUILT_WITH_SANITIZER 1
#endif
#endif

/* A small inline function that touches memory which is closed to the program; see checker_hooks.h. */
#if BUILT_WITH_ASAN && defined(__clang__)
#define UNCHECKED __attribute__((noinline, unused, no_sanitize("address"))) static
#elif BUILT_WITH_ASAN
#define UNCHECKED __attribute__((noipa, unused, no_sanitize("address"))) static /* gcc moves the access to the caller otherwise */
#else
#define UNCHECKED ALWAYS_INLINE
#endif

/* Symbols are hidden by default (CMake sets -fvisibility=hidden); these are the exceptions. */
#define EXPORT __attribute__((visibility("default")))
/* Starts the function at a cache line. Otherwise its place depends on the code before it, which changes a loop of malloc and free by 3 %. */
#define HOT EXPORT __attribute__((aligned(64)))

/* Keeps `x`, which the function returns, in the register of results. Otherwise the compiler may end a fast path with a copy. */
#if defined(__x86_64__)
#define RESULT_REGISTER(x) __asm__("" : "+a"(x))
#else
#define RESULT_REGISTER(x)
#endif

/*
 * Large tables, of which most processes touch a page or none. They are zero at the start. CMakeLists.txt links them behind all small data, which then
 * lies in few pages instead of on both sides of each table.
 */
#define BULK __attribute__((section(".bss.bulk")))

/* For the functions that every process runs, in a file that is linked last because the rest of it seldom runs (CMakeLists.txt). */
#define AT_START __attribute__((section(".text.startup")))

#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

#define KIB ((size_t)1024)
#define MIB ((size_t)1024 * 1024)

/* 64 KiB: the smallest piece of address space that the directory can tell apart. A slab is one or more units. */
#define UNIT_SHIFT 16
#define UNIT_SIZE ((size_t)1 << UNIT_SHIFT)

/* The alignment of every block, in bytes: alignof(max_align_t) on x86-64 and aarch64. */
#define MIN_ALIGN ((size_t)16)

static inline bool is_power_of_two(size_t x) { return x != 0 && (x & (x - 1)) == 0; }

/* `align` is a power of two; the caller has excluded overflow. */
static inline size_t align_up(size_t x, size_t align) { return (x + align - 1) & ~(align - 1); }
static inline size_t align_down(size_t x, size_t align) { return x & ~(align - 1); }

static inline size_t min_size(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t max_size(size_t a, size_t b) { return a > b ? a : b; }

/* Whether all of `count` bytes are `byte`. The debugging mode asks this about hundreds of rows at each allocation, so it has no branch for each piece. */
static inline bool bytes_are(const uint8_t *bytes, size_t count, uint8_t byte) {
  typedef uint8_t piece __attribute__((vector_size(16), aligned(1), may_alias));
  typedef uint64_t halves __attribute__((vector_size(16)));
  if (count < sizeof(piece)) {
    uint8_t wrong = 0;
    for (size_t i = 0; i < count; i++) wrong |= bytes[i] ^ byte;
    return wrong == 0;
  }
  const piece expect = {byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte};
  piece wrong = *(const piece *)(bytes + count - sizeof(piece)) ^ expect;
  const uint8_t *const end = bytes + count;
  for (; end - bytes >= 64; bytes += 64) { /* a redzone, by default */
    const piece *const row = (const piece *)bytes;
    wrong |= (row[0] ^ expect) | (row[1] ^ expect) | (row[2] ^ expect) | (row[3] ^ expect);
  }
  for (; end - bytes >= (ptrdiff_t)sizeof(piece); bytes += sizeof(piece)) wrong |= *(const piece *)bytes ^ expect;
  const halves sum = (halves)wrong;
  return (sum[0] | sum[1]) == 0;
}

#endif
