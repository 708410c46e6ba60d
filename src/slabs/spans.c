#include "spans.h"

#include "checker_hooks.h"
#include "memory/os.h"
#include "platform/config.h"

/*
 * With this many SuperSlabs, further ones are mapped without pages around them that cannot be touched: the kernel then has three mappings for each, in
 * place of one for all, and a process may have 65,530.
 */
#define APART_MOST 4096u

bool span_has_fences(void) {
  return HAKMEM_EVENTS && !hub_checked && (config.on_error == ON_ERROR_ABORT || (config.on_error == ON_ERROR_AUTO && (config.debug | config.secure) != 0));
}

/* ---- The whole span. ---- */

/* Maps `size` bytes, aligned as a SuperSlab. *apart becomes false if there is no room for the pages around them. */
static char *map_whole(size_t size, bool *apart, int *error) {
  void *base = *apart ? os_map_guarded(size, config_superslab_size(), error) : NULL;
  if (base != NULL) return base;
  *apart = false;
  return os_map(size, config_superslab_size(), error);
}

struct span span_map(uint32_t active, int *error) {
  const size_t size = config_superslab_size();
  struct span span = {.moat = span_has_fences() ? size : 0, .apart = active < APART_MOST};
  char *whole = map_whole(span.moat + size, &span.apart, error);
  if (whole == NULL && span.moat != 0) {
    span.moat = 0;
    whole = map_whole(size, &span.apart, error);
  }
  if (whole == NULL) return span;
  if (span.moat != 0) os_shut(whole, span.moat);
  span.base = whole + span.moat;
  return span;
}

static size_t unmap_whole(char *whole, size_t size, bool apart) { return apart ? os_unmap_guarded(whole, size) : os_unmap(whole, size); }

void span_unmap(const struct span *span) { unmap_whole(span->base - span->moat, span->moat + config_superslab_size(), span->apart); }

void span_begin(struct superslab *ss, const struct span *span) {
  ss->apart = span->apart;
  ss->moat = span->moat;
  hub_close_memory(ss->base, ss->size);
  if (!span_has_fences()) return;
  os_shut(ss->base, ss->size);
  ss->closed_mask = ss->free_mask;
}

/* Gone units are left alone: other memory may lie there now. */
size_t span_end(struct superslab *ss) {
  char *const whole = ss->base - ss->moat;
  if (ss->gone_mask == 0) {
    const size_t unmapped = unmap_whole(whole, ss->moat + ss->size, ss->apart);
    return unmapped != 0 ? unmapped - ss->moat : 0;
  }
  if (ss->apart) os_unmap_guards(whole, ss->moat + ss->size);
  if (ss->moat != 0) os_unmap(whole, ss->moat);
  size_t unmapped = 0;
  for (uint32_t at = 0, units; (units = superslab_lose(ss, &at)) != 0;) {
    unmapped += os_unmap(ss->base + (at - units) * UNIT_SIZE, units * UNIT_SIZE);
  }
  return unmapped;
}

/* ---- Its units. ---- */

/* The kernel may refuse because there are too many mappings: a whole SuperSlab is fewer. Parts of a torn one may be the program's. */
bool span_open(const struct slab *slab) {
  const struct superslab *ss = slab->home;
  if (os_open(slab->base, slab->units * UNIT_SIZE)) return true;
  return !__atomic_load_n(&ss->torn, __ATOMIC_RELAXED) && os_open(ss->base, ss->size);
}

/* A filter may refuse mprotect. */
bool span_open_new(const struct slab *slab) { return span_open(slab) || os_open_anew(slab->base, slab->units * UNIT_SIZE); }

void span_fence(const struct slab *slab) {
  if (span_has_fences()) os_shut(slab->base + (slab->units - 1) * UNIT_SIZE, UNIT_SIZE);
}

bool span_shut_freed(const struct slab *slab) {
  if (slab->cls != CLASS_LARGE || !span_has_fences()) return false;
  os_shut(slab->base, slab_whole_units(slab) * UNIT_SIZE);
  return true;
}
