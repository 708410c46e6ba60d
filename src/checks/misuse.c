#include "probe.h"
#include "misuse.h"

#include <errno.h>
#include <stdlib.h>

#include "evidence.h"
#include "memory/maps.h"
#include "memory/os.h"
#include "platform/config.h"
#include "platform/message.h"
#include "records.h"
#include "seen.h"
#include "slabs/directory.h"

static void stop_if_asked(void) {
  if (config.on_error == ON_ERROR_REPORT || (config.on_error == ON_ERROR_AUTO && config.debug == 0 && config.secure == 0)) return;
  message_say(config.on_error == ON_ERROR_ABORT ? "stopped because of HAKMEM_ON_ERROR=abort"
              : config.debug != 0               ? "stopped because of HAKMEM_DEBUG=1 (HAKMEM_ON_ERROR=report goes on)"
                                                : "stopped because of HAKMEM_SECURE=1 (HAKMEM_ON_ERROR=report goes on)");
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

/* Adds the stacks and threads of the block, and of its left neighbour, as far as they are recorded. */
static void add_records(struct event_hdr_reset *e) {
  struct record known;
  if (e->left != NULL && record_get(e->left, &known)) e->left_stack = known.alloc_stack;
  if (record_get(e->base, &known)) add_record(e, &known);
}

/* Leaves out the bytes of the program's memory: `got` and `expect` are equal then, as if no byte was known. */
static void redact(struct event_hdr_reset *e) {
  if (config.redact == 0) return;
  e->got = e->expect;
  e->word = NULL;
}

/* Completes the event and raises it. */
static void report(struct event_hdr_reset *e, const struct slab *slab) {
  const int saved = errno;
  e->count = __atomic_fetch_add(&resets, 1, __ATOMIC_RELAXED);
  if (slab != NULL) { /* before the stack is taken: that may allocate, and then the slab may become another class's, or be released */
    e->cls = slab->cls;
    e->slab = slab->base;
    e->offset = (uintptr_t)e->base - (uintptr_t)slab->base;
  }
  e->stack = hub_stack();
  redact(e);
  add_records(e);
  uint32_t good_ms;
  if (seen_last_good(e->base, &good_ms, &e->good_thread)) e->good_ago_ms = (uint32_t)os_now_ms() - good_ms;
  hub_event_hdr_reset(e);
  stop_if_asked();
  errno = saved;
}

void misuse_known(struct event_hdr_reset *e, const struct record *known) {
  if (known != NULL) add_record(e, known);
  report(e, NULL);
}

bool misuse_family(const struct record *known, enum block_family given) {
  if (known->family == FAMILY_UNKNOWN || known->family == given || hub_operators_elsewhere()) return true;
  struct event_hdr_reset e = {
    .base = known->block, .verdict = HDR_MISMATCHED_FREE, .cls = CLASS_NONE, .size = known->requested, .made = known->family, .given = given};
  misuse_known(&e, known);
  return false;
}

void misuse_fault(struct event_hdr_reset *e, const struct record *known, void *context) {
  e->count = __atomic_fetch_add(&resets, 1, __ATOMIC_RELAXED);
  add_record(e, known);
  hub_fault(e, context);
  stop_if_asked();
}

/* The program's block in a large or huge one of the core. False if the debugging mode has placed it there, and its record is gone. */
static bool program_block(const struct slab *slab, struct record *out) {
  if (!slab->redzone) {
    if (!record_get(slab->base, out)) *out = (struct record){.block = slab->base, .requested = slab->requested};
    return true;
  }
  for (size_t align = MIN_ALIGN; align < slab->size; align *= 2) { /* it lies at a multiple of its alignment, which only the record has */
    if (record_get((void *)align_up((uintptr_t)slab->base + config.redzone, align), out)) return true;
  }
  return false;
}

READS_RACILY static const struct slab *slab_before(const void *address) {
  const struct slab *slab = directory_large(address);
  return slab != NULL && (const char *)address >= slab->base + slab->requested ? slab : NULL;
}

bool misuse_is_behind(const void *address) { return slab_before(address) != NULL; }

void misuse_behind(const void *address, enum access_way way, void *context) {
  const struct slab *slab = slab_before(address);
  struct record known;
  if (slab == NULL || !program_block(slab, &known)) return;
  struct event_hdr_reset e = {.base = known.block, .verdict = HDR_OVERFLOW, .cls = slab->cls, .size = known.requested, .access = address, .way = way};
  e.over = (uint64_t)((const char *)address - (const char *)known.block) - known.requested + 1;
  misuse_fault(&e, &known, context);
}

/* The verdict for a block that had been freed before. */
static enum hdr_verdict again(enum misuse_state state) {
  return state == MISUSE_REALLOCED ? HDR_REALLOC_AFTER_FREE : state == MISUSE_MEASURED ? HDR_USABLE_SIZE_AFTER_FREE : HDR_DOUBLE_FREE;
}

/* ---- A wrong header. ---- */

/* An event about the block `at` of a class, and what the bytes around its header say. */
static struct event_hdr_reset event_of_block(const struct pointer *at, uint8_t expect, struct evidence *evidence) {
  const char *left = (const char *)at->block - at->slab->stride;
  *evidence = evidence_of(at, expect);
  return (struct event_hdr_reset){.base = at->block,
                                  .got = at->header,
                                  .expect = expect,
                                  .left = left >= at->slab->base + at->slab->first ? left : NULL,
                                  .verdict = evidence->verdict,
                                  .over = evidence->over};
}

static void set_verdict(struct event_hdr_reset *e, enum hdr_verdict verdict) {
  e->verdict = verdict;
  e->over = 0;
}

void misuse_header(const struct pointer *at, enum misuse_state state) {
  struct evidence evidence;
  struct event_hdr_reset e = event_of_block(at, header_live(at->cls), &evidence);
  if (state == MISUSE_AT_END) e.found = FOUND_AT_END;
  /* The value of a free header is also the character '_', which a text overrun may have written. Then no valid link follows. */
  if (at->state == BLOCK_FREE && (!evidence.certain || pointer_is_link(block_next(at->block), at->cls))) set_verdict(&e, again(state));
  report(&e, at->slab);
}

void misuse_free_header(const struct pointer *at, bool linked, const struct broken_link *behind) {
  struct evidence evidence;
  struct event_hdr_reset e = event_of_block(at, HEADER_FREE, &evidence);
  if (!linked && (!evidence.certain || evidence.over < 2)) set_verdict(&e, HDR_WRITE_AFTER_FREE);
  else if (linked && e.over > 1) e.over = 1; /* what is behind the header is as it was, and looks like the overrun by chance */
  e.lost = behind->lost;
  report(&e, at->slab);
}

/* An overrun of the left neighbour may have written the right header, too: it looks like a part of the neighbour's bytes then. */
void misuse_link(const struct pointer *at, const struct broken_link *broken) {
  struct evidence evidence;
  struct event_hdr_reset e = event_of_block(at, HEADER_FREE, &evidence);
  const bool overrun = evidence.certain && e.left != NULL && header_says_live_at(e.left, at->cls);
  if (!overrun) set_verdict(&e, HDR_OVERWRITTEN_LINK);
  e.word = (const void *)(uintptr_t)broken->word;
  e.lost = broken->lost;
  report(&e, at->slab);
}

/* A live block that is in a list was freed twice, and its header did not show it; or the header of a free block was made to say live. */
void misuse_listed(uint32_t cls, const void *p) {
  const struct pointer at = pointer_at(p);
  const bool live = at.kind == POINTER_BLOCK && at.cls == cls;
  struct event_hdr_reset e = {.cls = cls, .base = p, .expect = HEADER_FREE, .verdict = live ? HDR_DOUBLE_FREE : HDR_WRITE_AFTER_FREE};
  maps_read(&e.got, (const char *)p - 1, 1);
  report(&e, live ? at.slab : NULL);
}

/* ---- A wrong pointer, or a wrong size. ---- */

/* An event about `at`, with the known facts about its block. */
static struct event_hdr_reset event_of(const struct pointer *at, enum hdr_verdict verdict) {
  struct event_hdr_reset e = {.cls = at->cls, .base = at->p, .verdict = verdict};
  if (at->slab != NULL && at->cls < CLASS_COUNT) e.expect = header_live(at->cls);
  if (at->kind == POINTER_DEBUG || at->slot != NULL) {
    e.size = at->known.requested;
    add_record(&e, &at->known);
  }
  return e;
}

void misuse_size(const struct pointer *at, size_t told) {
  struct event_hdr_reset e = event_of(at, HDR_WRONG_SIZE);
  e.got = e.expect;
  e.told = told;
  report(&e, at->slab);
}

static enum hdr_verdict verdict_of(const struct pointer *at, enum misuse_state state) {
  switch (at->kind) {
    case POINTER_GUARDED:
      if (at->block != NULL && at->block != at->p) return HDR_INTERIOR_POINTER;
      return at->block != NULL ? again(state) : HDR_INVALID_POINTER;
    case POINTER_DEBUG:
    case POINTER_GONE: return again(state);
    case POINTER_INSIDE:
    case POINTER_REDZONE: return HDR_INTERIOR_POINTER;
    case POINTER_STACK: return HDR_STACK_POINTER;
    case POINTER_STATIC: return HDR_STATIC_POINTER;
    case POINTER_FOREIGN: return HDR_FOREIGN_POINTER;
    case POINTER_UNMAPPED: return HDR_UNMAPPED_POINTER;
    default: return HDR_INVALID_POINTER;
  }
}

void misuse_pointer(const struct pointer *at, enum misuse_state state) {
  struct event_hdr_reset e = event_of(at, verdict_of(at, state));
  e.got = at->header;
  report(&e, at->slab);
}

#else

void misuse_header(const struct pointer *at, enum misuse_state state) {
  (void)at, (void)state;
  stop_if_asked();
}
void misuse_link(const struct pointer *at, const struct broken_link *broken) {
  (void)at, (void)broken;
  stop_if_asked();
}
void misuse_size(const struct pointer *at, size_t told) {
  (void)at, (void)told;
  stop_if_asked();
}
void misuse_pointer(const struct pointer *at, enum misuse_state state) {
  (void)at, (void)state;
  stop_if_asked();
}

#endif
