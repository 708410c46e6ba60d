/*
 * What the programs that hold the debugging mode to its promises share, for debug_mode.sh:   debug_... WHAT
 *
 * Attached as the tracer, they get every report as an event, their children's too, and compare it with what they did: verdict, block, size,
 * distance, byte. They end with status 0, or with a line that says what is not so. They run with HAKMEM_DEBUG=1 and HAKMEM_ON_ERROR=report.
 */
#ifndef DEBUG_MODE_H
#define DEBUG_MODE_H

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "instrumentation/base/sink.h"

static void *(*volatile use_malloc)(size_t) = malloc;
static void *(*volatile use_calloc)(size_t, size_t) = calloc;
static void *(*volatile use_realloc)(void *, size_t) = realloc;
static void (*volatile use_free)(void *) = free;
#pragma weak hak_event_sink_attach
__attribute__((weak)) void free_sized(void *p, size_t size);
__attribute__((weak)) void free_aligned_sized(void *p, size_t alignment, size_t size);

#define FAR 64           /* bytes on either side of a block in which a write must be seen */
#define PATTERN 0xb7     /* what lies there; a byte of this value is none too many */
#define QUARANTINE 65536 /* debug_mode.sh says so to the library, too */

__attribute__((format(printf, 1, 2))) _Noreturn static void wrong(const char *text, ...) {
  va_list list;
  va_start(list, text);
  vdprintf(STDOUT_FILENO, text, list);
  va_end(list);
  dprintf(STDOUT_FILENO, "\n");
  _exit(1);
}

#define CHECK(x) \
  do { \
    if (!(x)) wrong("line %d: not so: %s", __LINE__, #x); \
  } while (0)

/* ---- What is reported. ---- */

#define SEEN_MAX 4096
static struct seen {
  atomic_uint count;
  struct event_hdr_reset event[SEEN_MAX];
} * seen; /* shared with the children */

static void note(const struct event_hdr_reset *e) {
  const unsigned i = atomic_fetch_add(&seen->count, 1);
  if (i < SEEN_MAX) seen->event[i] = *e;
}

static const void *nobody(void) { return NULL; } /* no stacks and no other events are wanted */

static void attach(void) {
  static const struct hak_event_sink sink = {.version = HAK_EVENT_SINK_VERSION, .size = sizeof sink, .listeners = nobody, .hdr_reset = note};
  seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(seen != MAP_FAILED && hak_event_sink_attach != NULL && hak_event_sink_attach(&sink) == 0);
}

struct damage {
  const char *block;
  size_t size, over;
  enum hdr_verdict verdict;
};

static bool is_report(const struct event_hdr_reset *e, const struct damage *d) {
  return e->base == d->block && e->verdict == d->verdict && e->over == d->over && e->size == d->size;
}

/* There is one report since the last call, and it is this one. */
static void expect(const struct damage *d, const char *when) {
  const unsigned count = atomic_exchange(&seen->count, 0);
  const struct event_hdr_reset *e = &seen->event[0];
  if (count == 1 && is_report(e, d)) return;
  wrong("%s: %u reports, and not one of verdict %d, %zu bytes off, block %p of %zu bytes; the first: verdict %d, %zu, block %p of %zu", when, count, d->verdict,
        d->over, (const void *)d->block, d->size, e->verdict, (size_t)e->over, e->base, (size_t)e->size);
}

static void expect_none(const char *when) {
  if (atomic_load(&seen->count) == 0) return;
  const struct event_hdr_reset *e = &seen->event[0];
  wrong("%s: a false report: verdict %d, %zu, block %p of %zu", when, e->verdict, (size_t)e->over, e->base, (size_t)e->size);
}

/* ---- Accesses, some of which fault. ---- */

static __thread sigjmp_buf again;

static void jump(int number) {
  (void)number;
  siglongjmp(again, 1);
}

/* Whether the access was let through. */
__attribute__((unused)) static bool can_read(volatile char *p) {
  if (sigsetjmp(again, 0) != 0) return false;
  (void)*p;
  return true;
}

/* ---- Blocks of every kind. ---- */

enum kind { MALLOC, CALLOC, GROWN, SHRUNK, ALIGNED, KINDS = ALIGNED + 8 }; /* the last ones: multiples of 32, 64, ... 4096 */

__attribute__((unused)) static bool is_kind(enum kind kind, size_t size) { return size != 0 || (kind != GROWN && kind != SHRUNK); }

static char *block_of(enum kind kind, size_t size) {
  void *p = NULL;
  if (kind == MALLOC) p = use_malloc(size);
  else if (kind == CALLOC) p = use_calloc(size != 0 && size % 3 == 0 ? 3 : 1, size != 0 && size % 3 == 0 ? size / 3 : size);
  else if (kind == GROWN) p = use_realloc(use_malloc(size / 2), size);
  else if (kind == SHRUNK) p = use_realloc(use_malloc(2 * size + 1), size);
  else {
    const size_t align = (size_t)32 << (kind - ALIGNED);
    if (kind % 3 == 0) p = aligned_alloc(align, size);
    else if (kind % 3 == 1) p = memalign(align, size);
    else CHECK(posix_memalign(&p, align, size) == 0);
    CHECK((uintptr_t)p % align == 0);
  }
  CHECK(p != NULL);
  return p;
}

/* Sizes one after the other: each of the small ones, then some. */
__attribute__((unused)) static size_t next_size(size_t size, size_t step) {
  static const size_t large[] = {4095, 4096, 20 << 10, (32 << 10) + 1, 200 << 10, (3 << 20) + 5};
  if (size + step < 4095) return size < 130 ? size + (step + 6) / 7 : size + step;
  for (unsigned i = 0; i < sizeof large / sizeof *large; i++) {
    if (large[i] > size) return large[i];
  }
  return SIZE_MAX;
}

/* Everything that was freed so far leaves the quarantine. */
__attribute__((unused)) static void flush(void) {
  for (size_t freed = 0; freed <= QUARANTINE; freed += 16384) use_free(use_malloc(16384));
}

/* ---- main. ---- */

struct test {
  const char *name;
  void (*run)(void);
};

/* Runs the one that the command line names; the program's exit status. */
static int run_test(int argc, char **argv, const struct test *all, size_t count) {
  for (size_t i = 0; argc == 2 && i < count; i++) {
    if (strcmp(argv[1], all[i].name) != 0) continue;
    attach();
    CHECK(sigaction(SIGSEGV, &(struct sigaction){.sa_handler = jump, .sa_flags = (int)SA_NODEFER}, NULL) == 0);
    all[i].run();
    _exit(0); /* what children are to say at their exit is seen there */
  }
  return 2;
}

#endif
