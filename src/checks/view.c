#include "view.h"

#include "memory/maps.h"
#include "memory/os.h"
#include "slabs/directory.h"
#include "slabs/legacy/legacy.h"
#include "slabs/superslabs.h"
#include "slabs/units.h"

/*
 * At any time, the slab may be released, and its descriptor filled in for another slab, or purged so that it reads as zeros. So each word is read once.
 * A copy that mixes two slabs passes only if its addresses are ones that a slab may have. Readers of the memory use maps_read, or hold the locks.
 */
READS_RACILY static bool describe(const struct slab *slab, struct slab_view *out) {
  const size_t size = slab->size, requested = slab->requested;
  const uint32_t cls = slab->cls, first = slab->first, stride = slab->stride, capacity = slab->capacity;
  const uint32_t carved = __atomic_load_n(&slab->carved, __ATOMIC_ACQUIRE); /* these have headers */
  const char *const base = slab->base;
  *out = (struct slab_view){.base = base, .size = size, .cls = cls, .legacy = slab->home == NULL};
  if (base == NULL || size > PTRDIFF_MAX || cls >= CLASS_ROWS) return false;
  if (cls >= CLASS_COUNT) {
    out->first = base;
    out->stride = size;
    out->bytes = requested;
    out->count = out->capacity = 1;
    return size != 0 && requested <= size;
  }
  out->first = base + first;
  out->stride = stride;
  out->bytes = stride - 1;
  out->count = carved;
  out->capacity = capacity;
  out->live = slab->seen_live;
  out->taken_ms = slab->taken_ms;
  return stride == class_stride(cls) && first <= size && capacity <= (size - first) / stride && carved <= capacity;
}

bool view_of(const void *p, struct slab_view *out) {
  const struct slab *slab = directory_slab(p);
  return slab != NULL && describe(slab, out);
}

struct visitor {
  view_visit *visit;
  void *context;
  enum view_live live;
};

static void visit_any(struct slab *slab, void *context) {
  const struct visitor *v = context;
  struct slab_view view;
  if (describe(slab, &view)) v->visit(&view, v->context);
}

void view_each(view_visit *visit, void *context) { directory_each(visit_any, &(struct visitor){.visit = visit, .context = context}); }

/* ---- With locks held. ---- */

READS_RACILY static uint32_t count_used(const struct slab *slab) {
  const uint32_t carved = slab->carved, free_count = slab->free_count;
  return carved > free_count ? carved - free_count : 0;
}

bool view_is_whole(const struct slab_view *view) { return !os_was_forked() || os_is_mapped(view->base, view->size); }

/* A slab of small blocks whose memory stays. The lock of its class is not held, so blocks may be taken and returned meanwhile. */
READS_RACILY static void visit_small(struct slab *slab, const struct visitor *v) {
  struct slab_view view;
  if (!describe(slab, &view) || view.cls >= CLASS_COUNT) return;
  const bool by_headers = v->live == VIEW_BY_HEADERS && view_is_whole(&view);
  if (v->live != VIEW_NOT_COUNTED) slab->seen_live = view.live = by_headers ? slab_count_live(slab) : count_used(slab);
  v->visit(&view, v->context);
}

static void visit_legacy(struct slab *slab, void *context) { visit_small(slab, context); }

/* The lock over the SuperSlabs keeps all units in place. A slab in the directory has its class; before and after that, its units have none. */
READS_RACILY static void visit_superslab(struct superslab *ss, void *context) {
  const struct visitor *v = context;
  for (uint32_t u = 0, units; u < ss->units; u += units) {
    struct slab *slab = &ss->slabs[u];
    units = 1;
    if (((ss->free_mask | ss->gone_mask) >> u & 1) != 0 || slab->home != ss || slab->units == 0) continue;
    units = slab->units;
    const int8_t code = directory_code(&directory, slab->base);
    if (code > 0) {
      visit_small(slab, v);
      continue;
    }
    struct slab_view view;
    if (code != CODE_LARGE || !describe(slab, &view)) view = (struct slab_view){.base = slab->base, .size = slab->size, .cls = CLASS_NONE};
    v->visit(&view, v->context);
  }
}

bool view_each_held(enum view_live live, enum view_lock lock, view_visit *visit, void *context) {
  struct visitor v = {visit, context, live};
  return legacy_visit(lock == VIEW_TRY, visit_legacy, &v) && superslabs_visit(lock == VIEW_TRY, visit_superslab, &v);
}

/* ---- Blocks. ---- */

const char *view_block(const struct slab_view *view, const void *p) {
  const uintptr_t offset = (uintptr_t)p - (uintptr_t)view->first;
  return offset < view->count * view->stride ? view->first + offset / view->stride * view->stride : NULL;
}

enum view_header view_header(const struct slab_view *view, const void *block) {
  uint8_t header;
  if (!maps_read(&header, (const char *)block - 1, 1)) return VIEW_UNREADABLE;
  return header_says_live(header, view->cls) ? VIEW_LIVE : header == HEADER_FREE ? VIEW_FREE : VIEW_BROKEN;
}

uint32_t view_idle_ms(const struct slab_view *view, uint64_t now) {
  const uint32_t idle = (uint32_t)now - view->taken_ms;
  return idle < INT32_MAX ? idle : 0; /* negative: a block was taken after `now` was read */
}

void *const *view_pointer_to(const void *block) {
  const struct slab *slab = directory_slab(block);
  return slab != NULL && slab->cls >= CLASS_COUNT ? (void *const *)&slab->base : NULL;
}

uint32_t view_row(size_t size) { return size <= SMALL_MAX ? class_of_size(size) : size <= units_large_max() ? CLASS_LARGE : CLASS_HUGE; }
