#include "probe.h"
#include "misuse.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "platform/config.h"
#include "slabs/directory.h"
#include "evidence.h"
#include "slabs/legacy.h"
#include "memory/maps.h"
#include "platform/message.h"
#include "memory/os.h"
#include "records.h"
#include "slabs/shared_pool.h"

bool misuse_is_link(const struct block *block, uint32_t cls) {
  if (block == BLOCK_END) return true;
  const struct slab *slab = directory_slab(block);
  return slab != NULL && slab->cls == cls && slab_block_of(slab, block) == block;
}

static void stop_if_asked(void) {
  if (config.on_error == ON_ERROR_REPORT || (config.on_error == ON_ERROR_AUTO && config.debug == 0)) return;
  message_say(config.on_error == ON_ERROR_ABORT ? "stopped because of HAKMEM_ON_ERROR=abort"
                                                : "stopped because of HAKMEM_DEBUG=1 (HAKMEM_ON_ERROR=report goes on)");
  abort();
}

#if HAKMEM_EVENTS

static uint64_t resets; /* atomic */

static void add_record(struct event_hdr_reset *e, const struct record *known) {
  const uint32_t now = (uint32_t)os_now_ms();
  e->alloc_stack = known->alloc_stack;
  e->alloc_thread = known->alloc_thread;
  e->alloc_ago_ms = now - known->alloc_ms;
  if (!known->freed) return;
  e->free_stack = known->free_stack;
  e->free_thread = known->free_thread;
  e->free_ago_ms = now - known->free_ms;
}

/* Where the block was allocated and freed, and its left neighbour, as far as that is known. */
static void add_records(struct event_hdr_reset *e) {
  struct record known;
  if (e->left != NULL && record_get(e->left, &known)) e->left_stack = known.alloc_stack;
  if (record_get(e->base, &known)) add_record(e, &known);
}

/* Completes the event and raises it. */
static void report(struct event_hdr_reset *e, const struct slab *slab) {
  const int saved = errno;
  e->count = __atomic_fetch_add(&resets, 1, __ATOMIC_RELAXED);
  e->stack = hub_stack();
  e->cls = slab != NULL ? slab->cls : e->cls;
  e->slab = slab != NULL ? slab->base : NULL;
  e->offset = slab != NULL ? (uintptr_t)e->base - (uintptr_t)slab->base : 0;
  add_records(e);
  uint32_t good_ms;
  if (audit_last_good(e->base, &good_ms, &e->good_thread)) e->good_ago_ms = (uint32_t)os_now_ms() - good_ms;
  hub_event_hdr_reset(e);
  stop_if_asked();
  errno = saved;
}

void misuse_known(struct event_hdr_reset *e, const struct record *known) {
  if (known != NULL) add_record(e, known);
  report(e, NULL);
}

bool misuse_family(const struct record *known, enum block_family given) {
  if (known->family == FAMILY_UNKNOWN || known->family == given) return true;
  struct event_hdr_reset e = {.base = known->block, .verdict = HDR_MISMATCHED_FREE, .cls = CLASS_NONE, .size = known->requested,
                              .made = known->family, .given = given};
  misuse_known(&e, known);
  return false;
}

void misuse_fault(struct event_hdr_reset *e, const struct record *known, void *context) {
  e->count = __atomic_fetch_add(&resets, 1, __ATOMIC_RELAXED);
  add_record(e, known);
  hub_fault(e, context);
  stop_if_asked();
}

enum hdr_verdict misuse_again(enum misuse_state state) {
  return state == MISUSE_REALLOCED ? HDR_REALLOC_AFTER_FREE : state == MISUSE_MEASURED ? HDR_USABLE_SIZE_AFTER_FREE : HDR_DOUBLE_FREE;
}

/* ---- A wrong header. ---- */

void misuse_header(const struct slab *slab, const void *block, uint8_t got, enum misuse_state state) {
  const bool in_list = state == MISUSE_FREE || state == MISUSE_OVERWRITTEN;
  const char *left = (const char *)block - slab->stride;
  struct event_hdr_reset e = {.base = block, .got = got, .expect = in_list ? HEADER_FREE : header_live(slab->cls),
                              .left = left >= slab->base + slab->first ? left : NULL};
  if (state == MISUSE_AT_END) e.found = FOUND_AT_END;
  const struct evidence evidence = evidence_of(slab, block, got, e.expect);
  e.verdict = evidence.verdict;
  /* `free` is also the character '_', which a text may have brought: then nothing is linked behind it. */
  if (!in_list && got == HEADER_FREE && (!evidence.certain || misuse_is_link(block_next(block), slab->cls))) {
    e.verdict = misuse_again(state);
  } else if (state == MISUSE_OVERWRITTEN && (!evidence.certain || evidence.over < 2)) {
    e.verdict = HDR_WRITE_AFTER_FREE;
  } else {
    e.over = evidence.over;
  }
  report(&e, slab);
}

void misuse_link(uint32_t cls, const void *p, uint8_t got) {
  struct event_hdr_reset e = {.cls = cls, .base = p, .got = got, .expect = HEADER_FREE, .verdict = HDR_WRITE_AFTER_FREE};
  report(&e, NULL);
}

void misuse_broken(uint32_t cls, const void *block) {
  struct event_hdr_reset e = {.cls = cls, .base = block, .got = header_get(block), .expect = HEADER_FREE, .verdict = HDR_WRITE_AFTER_FREE};
  report(&e, directory_slab(block));
}

void misuse_size(const struct slab *slab, const void *block, size_t told) {
  const uint8_t live = slab->cls < CLASS_COUNT ? header_live(slab->cls) : 0;
  struct event_hdr_reset e = {.base = block, .got = live, .expect = live, .verdict = HDR_WRONG_SIZE, .told = told};
  report(&e, slab);
}

/* ---- A wrong pointer. ---- */

/* Whether a block could have begun at `p`, in a unit whose last slab or block was of class row `former`. */
static bool could_have_begun(const void *p, uint32_t former) {
  const uintptr_t unit = align_down((uintptr_t)p, UNIT_SIZE);
  if (former >= CLASS_COUNT) return (uintptr_t)p == unit;
  for (uint32_t u = 0; u < class_slab_units(former); u++) { /* the slab began at this unit, or before */
    const uintptr_t first = unit - u * UNIT_SIZE + class_first(former);
    if ((uintptr_t)p >= first && ((uintptr_t)p - first) % class_stride(former) == 0) return true;
  }
  return false;
}

/* A thread's control block stands at the end of its stack; the main thread's is elsewhere. */
static bool is_on_stack(const void *p, const struct maps_region *region) {
  if (strcmp(region->path, "[stack]") == 0) return true;
  const uintptr_t here = (uintptr_t)__builtin_frame_address(0), self = (uintptr_t)pthread_self();
  if (here < region->start || here >= region->end) return false;
  return self < region->start || self >= region->end || (uintptr_t)p < self;
}

/* In no slab, and at no block. */
static enum hdr_verdict elsewhere(const void *p, enum misuse_state state) {
  struct maps_region region;
  const bool ours = units_hold(p) || legacy_keeps(p);
  const enum maps_answer answer = ours ? MAPS_FOUND : maps_find((uintptr_t)p, &region);
  const uint32_t former = directory_former(p);
  /* What is mapped there now, and is not ours, came after our block was unmapped. */
  if (former != CLASS_NONE && (ours || answer == MAPS_NOTHING) && could_have_begun(p, former)) return misuse_again(state);
  if (ours || answer == MAPS_UNKNOWN) return HDR_INVALID_POINTER;
  if (answer == MAPS_NOTHING) return HDR_UNMAPPED_POINTER;
  struct dl_find_object object;
  if (_dl_find_object((void *)(uintptr_t)p, &object) == 0) return HDR_STATIC_POINTER;
  return is_on_stack(p, &region) ? HDR_STACK_POINTER : HDR_FOREIGN_POINTER;
}

void misuse_pointer(const struct slab *slab, const void *p, enum misuse_state state) {
  struct event_hdr_reset e = {.cls = CLASS_NONE, .base = p};
  if (slab == NULL) {
    slab = directory_large(p);
    e.verdict = slab != NULL ? HDR_INTERIOR_POINTER : elsewhere(p, state);
  } else if (slab->cls >= CLASS_COUNT) {
    e.verdict = HDR_INTERIOR_POINTER;
  } else {
    const uint32_t former = directory_former(p);
    const bool was_large = former != CLASS_NONE && former >= CLASS_COUNT && could_have_begun(p, former);
    const bool was_block = was_large || slab_was_block(slab, p);
    e.verdict = was_block ? misuse_again(state) : slab_block_of(slab, p) != NULL ? HDR_INTERIOR_POINTER : HDR_INVALID_POINTER;
    e.expect = header_live(slab->cls);
    if ((const char *)p > slab->base) e.got = ((const uint8_t *)p)[-1]; /* the byte before anything else may not be there */
  }
  report(&e, slab);
}

#else

void misuse_header(const struct slab *slab, const void *block, uint8_t got, enum misuse_state state) {
  (void)slab, (void)block, (void)got, (void)state;
  stop_if_asked();
}
void misuse_broken(uint32_t cls, const void *block) { (void)cls, (void)block; }
void misuse_link(uint32_t cls, const void *p, uint8_t got) {
  (void)cls, (void)p, (void)got;
  stop_if_asked();
}
void misuse_size(const struct slab *slab, const void *block, size_t told) {
  (void)slab, (void)block, (void)told;
  stop_if_asked();
}
void misuse_pointer(const struct slab *slab, const void *p, enum misuse_state state) {
  (void)slab, (void)p, (void)state;
  stop_if_asked();
}

#endif
