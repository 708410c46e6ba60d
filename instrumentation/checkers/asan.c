/*
 * asan.c: AddressSanitizer's poisoning, and nothing else. It closes the same memory as memcheck.c. The allocator's own reads and writes there are
 * UNCHECKED (base.h).
 */
#include "checker.h"

#if BUILT_WITH_ASAN

#include <sanitizer/asan_interface.h>

static void on_alloc(const struct event_alloc *e) { __asan_unpoison_memory_region(e->ptr, e->size); }
static void on_free(const struct event_free *e) { __asan_poison_memory_region(e->ptr, e->size); }

static void hold(void) {}

static void guard(const void *base, size_t size, bool closed) {
  if (closed) __asan_poison_memory_region(base, size);
  else __asan_unpoison_memory_region(base, size);
}

static size_t size_of(const void *p, size_t most) {
  const char *closed = __asan_region_is_poisoned((void *)(uintptr_t)p, most);
  return closed != NULL ? (size_t)(closed - (const char *)p) : most;
}

static const struct checker asan = {
  .sink = {.alloc = on_alloc, .free = on_free}, .guards = true, .hold = hold, .release = hold, .guard = guard, .size = size_of};

const struct checker *asan_start(void) { return &asan; }

#else

const struct checker *asan_start(void) { return NULL; }

#endif
