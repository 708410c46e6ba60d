/* hakmem.c: the public names (hakmem.h), each a forwarder. */
#include "hakmem.h"

#include <errno.h>

#include "alloc/alloc.h"
#include "probe.h"

#define STRING_OF(x) #x
#define VERSION_TEXT(major, minor, patch) STRING_OF(major) "." STRING_OF(minor) "." STRING_OF(patch)

EXPORT const char *hak_version(void) { return VERSION_TEXT(HAK_VERSION_MAJOR, HAK_VERSION_MINOR, HAK_VERSION_PATCH); }

EXPORT void *hak_malloc(size_t size) { return alloc_fast(size); }
EXPORT void *hak_calloc(size_t count, size_t size) { return alloc_zeroed(count, size); }
EXPORT void *hak_realloc(void *block, size_t size) { return alloc_resize(block, size); }
EXPORT void hak_free(void *block) { free_fast(block); }
EXPORT size_t hak_usable_size(const void *block) { return alloc_usable(block); }
EXPORT int hak_trim(size_t keep) { return alloc_trim(keep); }
EXPORT int hak_stats_read(struct hak_stats *out, size_t size) { return hub_read(out, size); }
EXPORT int hak_stats_dump(int fd) { return hub_dump(fd); }
EXPORT int hak_set(const char *name, const char *value) { return hub_set(name, value); }
EXPORT int hak_snapshot(void) { return hub_snapshot(); }
EXPORT int hak_profile_dump(const char *path) { return hub_profile_dump(path); }

EXPORT void *hak_reallocarray(void *block, size_t count, size_t size) {
  size_t total;
  return __builtin_mul_overflow(count, size, &total) ? alloc_fail() : alloc_resize(block, total);
}

static void *bad_alignment(void) {
  errno = EINVAL;
  return NULL;
}

EXPORT void *hak_aligned_alloc(size_t alignment, size_t size) { return is_power_of_two(alignment) ? alloc_aligned(alignment, size) : bad_alignment(); }

EXPORT void *hak_memalign(size_t alignment, size_t size) {
  if (alignment > SIZE_MAX / 2 + 1) return bad_alignment();
  size_t rounded = MIN_ALIGN;
  while (rounded < alignment) rounded *= 2;
  return alloc_aligned(rounded, size);
}

EXPORT int hak_posix_memalign(void **out, size_t alignment, size_t size) {
  if (!is_power_of_two(alignment) || alignment % sizeof(void *) != 0) return EINVAL;
  void *block = alloc_aligned(alignment, size);
  if (block == NULL) return ENOMEM;
  *out = block;
  return 0;
}

EXPORT void hak_free_sized(void *block, size_t size) { free_sized_by(block, size, FAMILY_MALLOC); }

EXPORT void hak_free_aligned_sized(void *block, size_t alignment, size_t size) { alloc_free_sized(block, alignment, size, FAMILY_MALLOC); }
