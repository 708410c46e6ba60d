#include "memcheck.h"

#if HAVE_VALGRIND

#include <valgrind/memcheck.h>

#include "../src/header.h"
#include "../src/size_class.h"

/*
 * The allocator itself reads and writes two things outside of live blocks: the header before a block, which lies in its left
 * neighbour's stride, and the link in a free one. Both stay accessible; everything else of a free block does not.
 */
static void open_header(const void *block) { VALGRIND_MAKE_MEM_DEFINED((const char *)block - 1, 1); }

static void on_alloc(const struct event_alloc *e) {
  VALGRIND_MALLOCLIKE_BLOCK(e->ptr, e->size, 0, 0);
  if (e->cls < CLASS_COUNT) open_header(e->ptr);
}

static void on_free(const struct event_free *e) {
  VALGRIND_FREELIKE_BLOCK(e->ptr, 0);
  if (e->cls >= CLASS_COUNT) return;
  open_header(e->ptr);
  VALGRIND_MAKE_MEM_DEFINED(e->ptr, sizeof(struct block));
}

/* A block that stayed in its place changed its size; one that moved came and went with events of its own. */
static void on_realloc(const struct event_realloc *e) {
  if (e->ptr != e->old) return;
  VALGRIND_FREELIKE_BLOCK(e->ptr, 0);
  VALGRIND_MALLOCLIKE_BLOCK(e->ptr, e->size, 0, 0);
  VALGRIND_MAKE_MEM_DEFINED(e->ptr, e->size); /* what was in it is still in it */
  if (e->cls < CLASS_COUNT) open_header(e->ptr);
}

static const struct hak_event_sink sink = {.alloc = on_alloc, .free = on_free, .realloc = on_realloc};

/* Other tools of Valgrind (callgrind, cachegrind) do not know the request, and answer 0. */
static bool on_memcheck(void) {
  char byte = 0, bits;
  return RUNNING_ON_VALGRIND && VALGRIND_GET_VBITS(&byte, &bits, 1) == 1;
}

const struct hak_event_sink *memcheck_start(void) { return on_memcheck() ? &sink : NULL; }
void memcheck_hold_errors(void) { VALGRIND_DISABLE_ERROR_REPORTING; }
void memcheck_release_errors(void) { VALGRIND_ENABLE_ERROR_REPORTING; }

#else

const struct hak_event_sink *memcheck_start(void) { return NULL; }
void memcheck_hold_errors(void) {}
void memcheck_release_errors(void) {}

#endif
