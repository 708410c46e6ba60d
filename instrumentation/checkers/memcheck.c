/*
 * memcheck.c: Valgrind's client requests, and nothing else.
 *
 * Under memcheck all memory of slabs is closed, except the bytes of live blocks that the program requested. Headers, links and borders are closed,
 * too. The allocator touches them while error reports are off; memory that it writes stays closed.
 */
#include "checker.h"

#if HAVE_VALGRIND

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <valgrind/memcheck.h>

#include "src/checker_hooks.h"
#include "src/checks/view.h"
#include "src/memory/os.h"
#include "src/platform/syscall.h"
#include "statistics/stats.h"

static __thread unsigned held __attribute__((tls_model("initial-exec")));

static void hold(void) {
  VALGRIND_DISABLE_ERROR_REPORTING;
  held++;
}

static void release(void) {
  held--;
  VALGRIND_ENABLE_ERROR_REPORTING;
}

/*
 * The leak check searches all open memory for pointers. A huge block's descriptor holds a pointer to the block that is not the program's, so that
 * word is closed while the block lives.
 */
static void close_descriptor(const void *block, uint32_t cls, bool closed) {
  void *const *pointer = cls >= CLASS_COUNT ? view_pointer_to(block) : NULL;
  if (pointer == NULL) return;
  if (closed) VALGRIND_MAKE_MEM_NOACCESS(pointer, sizeof(*pointer));
  else VALGRIND_MAKE_MEM_DEFINED(pointer, sizeof(*pointer));
}

static void on_alloc(const struct event_alloc *e) {
  close_descriptor(e->ptr, e->cls, true);
  VALGRIND_MALLOCLIKE_BLOCK(e->ptr, e->size, CHECKED_BORDER, 0);
}

static void on_free(const struct event_free *e) {
  close_descriptor(e->ptr, e->cls, false);
  VALGRIND_FREELIKE_BLOCK(e->ptr, CHECKED_BORDER);
}

/* memcheck itself knows whether a pointer is a block, and where the block was allocated and freed. */
static void on_hdr_reset(const struct event_hdr_reset *e) {
  switch (e->verdict) {
    case HDR_DOUBLE_FREE:
    case HDR_REALLOC_AFTER_FREE:
    case HDR_INVALID_POINTER:
    case HDR_STACK_POINTER:
    case HDR_STATIC_POINTER:
    case HDR_INTERIOR_POINTER:
    case HDR_FOREIGN_POINTER:
    case HDR_UNMAPPED_POINTER: break;
    default: return;
  }
  const unsigned depth = held;
  while (held > 0) release();
  VALGRIND_FREELIKE_BLOCK(e->base, 0);
  while (held < depth) hold();
}

/* The system maps memory as open. */
static void guard(const void *base, size_t size, bool closed) {
  if (closed) VALGRIND_MAKE_MEM_NOACCESS(base, size);
}

static size_t size_of(const void *p, size_t most) {
  const uintptr_t closed = VALGRIND_CHECK_MEM_IS_ADDRESSABLE(p, most);
  return closed != 0 ? closed - (uintptr_t)p : most;
}

/*
 * ---- The leak check at exit. ----
 *
 * It starts from all writable memory except Valgrind's own heap, and takes every pointer there for a root. Slabs would be roots, too, so a leaked
 * block would keep alive the blocks that it points to. And a number in the statistics block or in another table of hakmem can look like a
 * pointer. So Valgrind must take all of these for read-only: it sees the mprotect that makes them so, and does not see the system call that makes them
 * writable again. Between the two, no other thread and no signal handler may write.
 */
#if defined(__x86_64__)

static uintptr_t make_writable(uintptr_t valgrind_thread, uintptr_t start, uintptr_t size) {
  uintptr_t result;
  (void)valgrind_thread;
  __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_mprotect), "D"(start), "S"(size), "d"(PROT_READ | PROT_WRITE) : "rcx", "r11", "memory");
  return result;
}

struct range {
  uintptr_t start, end;
};

static void pass_for_read_only(const struct range *range) {
  const size_t size = range->end - range->start;
  if (size == 0 || sys_mprotect((void *)range->start, size, PROT_READ) != 0) return;
  VALGRIND_NON_SIMD_CALL2(make_writable, range->start, size);
}

#define TABLES_MOST 256u
static struct range tables[TABLES_MOST]; /* start is atomic, 0: unused. Numbers in further tables may look like pointers. */

static void note_table(const void *base, size_t size, bool mapped) {
  for (unsigned i = 0; i < TABLES_MOST; i++) {
    uintptr_t start = mapped ? 0 : (uintptr_t)base;
    if (!__atomic_compare_exchange_n(&tables[i].start, &start, mapped ? (uintptr_t)base : 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) continue;
    if (mapped) tables[i].end = (uintptr_t)base + size;
    return;
  }
}

static void visit(const struct slab_view *slab, void *context) {
  struct range *range = context;
  const uintptr_t base = (uintptr_t)slab->base;
  if (base != range->end) {
    pass_for_read_only(range);
    range->start = base;
  }
  range->end = base + slab->size;
}

static void stop(void) {
  struct stat threads;
  if (stat("/proc/self/task", &threads) != 0 || threads.st_nlink != 3) return; /* a folder each, and "." and ".." */
  struct range range = {0, 0};
  const uint64_t signals = sys_block_signals();
  hold();
  view_each(visit, &range);
  pass_for_read_only(&range);
  const uintptr_t block = (uintptr_t)stats_block();
  pass_for_read_only(&(struct range){align_up(block, os_page_size()), align_down(block + sizeof(struct stats_block), os_page_size())});
  for (unsigned i = 0; i < TABLES_MOST; i++) {
    if (tables[i].start != 0) pass_for_read_only(&tables[i]);
  }
  release();
  sys_restore_signals(signals);
}

#else
#define note_table NULL
static void stop(void) {}
#endif

static const struct checker memcheck = {.sink = {.alloc = on_alloc, .free = on_free, .hdr_reset = on_hdr_reset},
                                        .guards = true,
                                        .hold = hold,
                                        .release = release,
                                        .guard = guard,
                                        .size = size_of,
                                        .table = note_table,
                                        .stop = stop};

/* ---- Tools that count: they get the blocks, and close nothing. ---- */

static void count_alloc(const struct event_alloc *e) { VALGRIND_MALLOCLIKE_BLOCK(e->ptr, e->size, 0, 0); }
static void count_free(const struct event_free *e) { VALGRIND_FREELIKE_BLOCK(e->ptr, 0); }

/* An event of a block that grew or shrank in place. A block that moved had events of its own. */
static void count_realloc(const struct event_realloc *e) {
  if (e->ptr != e->old) return;
  VALGRIND_FREELIKE_BLOCK(e->ptr, 0);
  VALGRIND_MALLOCLIKE_BLOCK(e->ptr, e->size, 0, 0);
}

static const struct checker counter = {.sink = {.alloc = count_alloc, .free = count_free, .realloc = count_realloc}, .hold = hold, .release = release};

/* A tool that does not know a request leaves the answer unchanged. */
const struct checker *memcheck_start(void) {
  char byte = 0, bits;
  if (!RUNNING_ON_VALGRIND) return NULL;
  if (VALGRIND_GET_VBITS(&byte, &bits, 1) == 1) return &memcheck;
  const uintptr_t unknown = 1;
  if (VALGRIND_DO_CLIENT_REQUEST_EXPR(unknown, VG_USERREQ__MALLOCLIKE_BLOCK, &byte, 1, 0, 0, 0) == unknown) return NULL;
  VALGRIND_FREELIKE_BLOCK(&byte, 0);
  return &counter;
}

#else

const struct checker *memcheck_start(void) { return NULL; }

#endif
