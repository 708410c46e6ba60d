/*
 * malloc.c: malloc and the C library's other names for it (glibc and C23). Each one forwards. C++'s operators are in cxx.c.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "alloc/alloc.h"
#include "probe.h"
#include "hakmem.h"
#include "memory/os.h"
#include "alloc/usage.h"

HOT void *malloc(size_t size) { return alloc_fast(size); }
HOT void free(void *p) { free_fast(p); }
EXPORT void *calloc(size_t count, size_t size) { return alloc_zeroed(count, size); }
/* Not only resizes: some programs, such as Lua, allocate every block with it. So a NULL takes the fast path at once. */
HOT void *realloc(void *p, size_t size) { return p == NULL ? alloc_fast(size) : alloc_resize(p, size); }
EXPORT void *reallocarray(void *p, size_t count, size_t size) { return hak_reallocarray(p, count, size); }
EXPORT void *aligned_alloc(size_t alignment, size_t size) { return hak_aligned_alloc(alignment, size); }
EXPORT void *memalign(size_t alignment, size_t size) { return hak_memalign(alignment, size); }
EXPORT int posix_memalign(void **out, size_t alignment, size_t size) { return hak_posix_memalign(out, alignment, size); }
EXPORT void *valloc(size_t size) { return alloc_aligned(os_page_size(), size); }
EXPORT size_t malloc_usable_size(void *p) { return alloc_usable(p); }
EXPORT int malloc_trim(size_t keep) { return alloc_trim(keep); }

EXPORT void *pvalloc(size_t size) {
  const size_t page = os_page_size();
  if (size > PTRDIFF_MAX) return alloc_fail();
  return alloc_aligned(page, align_up(max_size(size, 1), page));
}

EXPORT void free_sized(void *p, size_t size);
EXPORT void free_sized(void *p, size_t size) { hak_free_sized(p, size); }
EXPORT void free_aligned_sized(void *p, size_t alignment, size_t size);
EXPORT void free_aligned_sized(void *p, size_t alignment, size_t size) { hak_free_aligned_sized(p, alignment, size); }

/* cfree left glibc with version 2.26; older programs may still ask for it. */
#if !defined(__GLIBC__) || !__GLIBC_PREREQ(2, 26)
EXPORT void cfree(void *p) { free_fast(p); }
#endif

/*
 * The figures of glibc's mallinfo: bytes of blocks, slabs and huge blocks. Blocks in threads' lists count as free. The units that are neither free nor in
 * a slab of small blocks are large blocks.
 */
static void sum_up(struct mallinfo2 *info) {
  uint64_t slabs = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const struct class_usage usage = usage_of_class(cls);
    const uint64_t cached = usage.listed + usage.batched;
    slabs += usage.bytes;
    info->uordblks += (size_t)usage.live * class_stride(cls);
    info->fsmblks += (size_t)cached * class_stride(cls);
    info->smblks += (size_t)cached;
    /* a slab may have been added between the readings */
    info->fordblks += (size_t)(usage.capacity > usage.live ? usage.capacity - usage.live : 0) * class_stride(cls);
  }
  const struct heap_usage heap = usage_of_heap();
  const uint64_t in_use = heap.superslab_bytes + heap.legacy_bytes - heap.free_bytes;
  info->uordblks += (size_t)(in_use > slabs ? in_use - slabs : 0);
  info->arena = (size_t)heap.superslab_bytes;
  info->hblks = (size_t)heap.huge_blocks;
  info->hblkhd = (size_t)(heap.huge_bytes + heap.guarded);
  info->keepcost = (size_t)heap.dirty_bytes;
}

EXPORT struct mallinfo2 mallinfo2(void) {
  struct mallinfo2 info = {0};
  sum_up(&info);
  return info;
}

EXPORT struct mallinfo mallinfo(void) {
  struct mallinfo2 wide = {0};
  sum_up(&wide);
  return (struct mallinfo){.arena = (int)wide.arena,
                           .ordblks = (int)wide.ordblks,
                           .smblks = (int)wide.smblks,
                           .hblks = (int)wide.hblks,
                           .hblkhd = (int)wide.hblkhd,
                           .usmblks = (int)wide.usmblks,
                           .fsmblks = (int)wide.fsmblks,
                           .uordblks = (int)wide.uordblks,
                           .fordblks = (int)wide.fordblks,
                           .keepcost = (int)wide.keepcost};
}

/* hakmem has none of glibc's parameters. Each is accepted and changes nothing, but a bad size for fastbins is refused, as in glibc. */
EXPORT int mallopt(int parameter, int value) {
  static const int fastest_max = 80 * (int)sizeof(size_t) / 4;
  return parameter != M_MXFAST || (value >= 0 && value <= fastest_max);
}

EXPORT void malloc_stats(void) {
  if (hub_dump(STDERR_FILENO) != ENOTSUP) return;
  const struct mallinfo2 info = mallinfo2();
  fprintf(stderr, "hakmem: SuperSlabs %zu bytes, live blocks %zu bytes, huge blocks %zu bytes\n", info.arena, info.uordblks, info.hblkhd);
}

EXPORT int malloc_info(int options, FILE *out) {
  if (options != 0) return EINVAL;
  const struct mallinfo2 info = mallinfo2();
  fprintf(out, "<malloc version=\"hakmem-%s\">\n", hak_version());
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const struct class_usage usage = usage_of_class(cls);
    if (usage.slabs == 0) continue;
    fprintf(out, "  <class index=\"%u\" stride=\"%u\" slabs=\"%llu\" capacity=\"%llu\" used=\"%llu\"/>\n", cls, class_stride(cls),
            (unsigned long long)usage.slabs, (unsigned long long)usage.capacity, (unsigned long long)usage.live + usage.listed + usage.batched);
  }
  fprintf(out, "  <system type=\"superslabs\" size=\"%zu\"/>\n  <system type=\"huge\" count=\"%zu\" size=\"%zu\"/>\n</malloc>\n", info.arena, info.hblks,
          info.hblkhd);
  return 0;
}
