/*
 * What hakmem tells of stacks, taken down through its own tracer interface, and compared with what the C library's backtrace tells on the
 * same spot. Belongs to stacks.c alone.
 */
#ifndef TOLD_H
#define TOLD_H

#include <dlfcn.h>
#include <execinfo.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instrumentation/base/sink.h"

#define NOINLINED __attribute__((noinline))
#define FRAMES 32
#define IDS 65537
/* ---- What hakmem tells. ---- */

struct told {
  uint32_t count, epoch;
  uintptr_t frames[FRAMES];
};
static struct told told[IDS];
static struct {
  uintptr_t base, size;
  uint32_t epoch;
  char name[32], build_id[80];
} modules[300];
static unsigned module_count;
/* volatile: malloc is declared as a leaf, which calls nothing in this file. */
static __thread volatile uint32_t last_id __attribute__((tls_model("initial-exec")));
static volatile unsigned differed, compared;
static bool forced; /* HAKMEM_STACKS=fp: the outermost functions have no records */

static void on_stack(const struct event_stack *e) {
  if (e->id >= IDS || e->frame_count > FRAMES) abort();
  memcpy(told[e->id].frames, e->frames, e->frame_count * sizeof(uintptr_t));
  told[e->id].epoch = e->epoch;
  __atomic_store_n(&told[e->id].count, e->frame_count, __ATOMIC_RELEASE);
}
static void on_alloc(const struct event_alloc *e) { last_id = e->stack; }
static void on_module(const struct event_module *e) {
  const unsigned i = __atomic_fetch_add(&module_count, 1, __ATOMIC_RELAXED);
  if (i >= 300) abort();
  const char *slash = strrchr(e->path, '/');
  modules[i].base = (uintptr_t)e->base;
  modules[i].size = e->size;
  modules[i].epoch = e->epoch;
  strncpy(modules[i].name, slash != NULL ? slash + 1 : e->path, sizeof(modules[i].name) - 1);
  strncpy(modules[i].build_id, e->build_id, sizeof(modules[i].build_id) - 1);
}

/* As the companion program does it: the youngest of the stack's epoch or before. */
__attribute__((unused)) static const char *module_at(uintptr_t address, uint32_t epoch, const char **build_id) {
  for (unsigned i = module_count; i-- > 0;) {
    if (modules[i].epoch > epoch || address - modules[i].base >= modules[i].size) continue;
    *build_id = modules[i].build_id;
    return modules[i].name;
  }
  return "";
}

static void attach(void) {
  static const struct hak_event_sink sink = {
    .version = HAK_EVENT_SINK_VERSION, .size = sizeof(sink), .stack = on_stack, .alloc = on_alloc, .module = on_module};
  int (*attach_sink)(const struct hak_event_sink *);
  *(void **)&attach_sink = dlsym(RTLD_DEFAULT, "hak_event_sink_attach");
  if (attach_sink == NULL || attach_sink(&sink) != 0) {
    fprintf(stderr, "stacks: no libhakmem.so, or it has a tracer already\n");
    exit(2);
  }
}

/* ---- Comparing. ---- */

static void show(const char *where, const struct told *t, void *const *mine, int count) {
  fprintf(stderr, "stacks: %s: hakmem has %u frames:", where, t->count);
  for (uint32_t i = 0; i < t->count; i++) fprintf(stderr, " %lx", (unsigned long)t->frames[i]);
  fprintf(stderr, "\n  backtrace has %d:", count);
  for (int i = 0; i < count; i++) fprintf(stderr, " %lx", (unsigned long)mine[i]);
  fprintf(stderr, "\n");
}

/* hakmem's frames from the caller of `check` on are backtrace's, to the end or as many as there may be. */
NOINLINED static void check(const char *where) {
  void *mine[64];
  const int count = backtrace(mine, 64);
  last_id = 0;
  free(malloc(24));
  const uint32_t id = last_id;
  if (id == 0) return; /* others were in the way: allowed now and then, `compared` tells */
  const struct told *t = &told[id];
  while (__atomic_load_n(&t->count, __ATOMIC_ACQUIRE) == 0) sched_yield(); /* another thread took it first, and is about to tell */
  uint32_t at = 0;
  while (at < t->count && t->frames[at] != (uintptr_t)mine[1]) at++;
  uint32_t same = 0;
  while (at + same < t->count && 1 + (int)same < count && t->frames[at + same] == (uintptr_t)mine[1 + same]) same++;
  const bool whole = at + same == t->count && (t->count == FRAMES || 1 + (int)same >= count - 1);
  __atomic_fetch_add(&compared, 1, __ATOMIC_RELAXED);
  if (same > 0 && (whole || (forced && 1 + (int)same >= count - 4))) return;
  if (__atomic_fetch_add(&differed, 1, __ATOMIC_RELAXED) < 3) show(where, t, mine, count);
}

static int result(unsigned wanted) {
  if (compared >= wanted && differed == 0) return 0;
  fprintf(stderr, "stacks: %u compared (%u wanted), %u differ\n", compared, wanted, differed);
  return 1;
}

#endif
