/*
 * base.h: the few words of C that every file uses. Includes nothing of ours.
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

/* A function that reads other threads' plain words without synchronising, for statistics: whatever it reads, it must stay safe. */
#ifdef __SANITIZE_THREAD__
#define READS_RACILY __attribute__((no_sanitize("thread"), noinline)) /* inlined, gcc checks its reads after all */
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
/* Where these begin in a cache line is not left to whatever stands before them: it is worth 3 % of a loop of malloc and free. */
#define HOT EXPORT __attribute__((aligned(64)))

/*
 * Tables of which most processes touch a page or none. Zero at the start, and linked behind all that is small (CMakeLists.txt), which then lies in few pages
 * instead of on both sides of each table.
 */
#define BULK __attribute__((section(".bss.bulk")))

/* What every process runs of a file that is linked behind all others, because the rest of it seldom runs (CMakeLists.txt). */
#define AT_START __attribute__((section(".text.startup")))

#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

#define KIB ((size_t)1024)
#define MIB ((size_t)1024 * 1024)

/* The smallest piece of address space that the directory can tell apart: a slab is one or more units. */
#define UNIT_SHIFT 16
#define UNIT_SIZE ((size_t)1 << UNIT_SHIFT)

/* What malloc promises without being asked for more (alignof(max_align_t) on x86-64 and aarch64). */
#define MIN_ALIGN ((size_t)16)

static inline bool is_power_of_two(size_t x) { return x != 0 && (x & (x - 1)) == 0; }

/* `align` is a power of two; the caller has excluded overflow. */
static inline size_t align_up(size_t x, size_t align) { return (x + align - 1) & ~(align - 1); }
static inline size_t align_down(size_t x, size_t align) { return x & ~(align - 1); }

static inline size_t min_size(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t max_size(size_t a, size_t b) { return a > b ? a : b; }

/* Whether all of `count` bytes are `byte`. */
static inline bool bytes_are(const uint8_t *bytes, size_t count, uint8_t byte) {
  return count == 0 || (*bytes == byte && memcmp(bytes, bytes + 1, count - 1) == 0);
}

#endif
