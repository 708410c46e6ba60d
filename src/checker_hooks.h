/*
 * checker_hooks.h: the hooks for a checker that guards memory (Valgrind's memcheck, AddressSanitizer).
 *
 * If hub_checked, the program may touch only the bytes that it asked for. The alloc and free events open and close blocks; hub_close_memory closes memory that
 * will hold blocks; hub_open_memory opens it for its next owner. Between hub_hold and hub_release, which nest, the calling thread may touch
 * all of it. hub_checked is set before the first block, and never changes. Without a checker, each hook is one test, off the fast paths.
 * instrumentation/checkers/checker.c defines them.
 */
#ifndef HAKMEM_CHECKER_HOOKS_H
#define HAKMEM_CHECKER_HOOKS_H

#include "platform/base.h"

extern bool hub_checker_guards;
#define hub_checked (HAKMEM_EVENTS && hub_checker_guards)

/* Called before the first block, so that the checker sees that one, too. Returns whether a checker must see every operation. */
bool hub_checker_start(void);
void hub_checker_hold(void);
void hub_checker_release(void);
void hub_checker_close(const void *base, size_t size, bool closed);
size_t hub_checker_size(const void *p, size_t most);
void hub_checker_table(const void *base, size_t size, bool mapped);

static inline bool hub_check(void) { return HAKMEM_EVENTS && hub_checker_start(); }
static inline void hub_hold(void) {
  if (UNLIKELY(hub_checked)) hub_checker_hold();
}
static inline void hub_release(void) {
  if (UNLIKELY(hub_checked)) hub_checker_release();
}
static inline void hub_close_memory(const void *base, size_t size) {
  if (UNLIKELY(hub_checked)) hub_checker_close(base, size, true);
}
static inline void hub_open_memory(const void *base, size_t size) {
  if (UNLIKELY(hub_checked)) hub_checker_close(base, size, false);
}
/* One of hakmem's own tables was mapped, or is about to be unmapped. No pointer in it is the program's. */
static inline void hub_note_table(const void *base, size_t size, bool mapped) {
  if (UNLIKELY(hub_checked)) hub_checker_table(base, size, mapped);
}

/* Bytes that the program asked for at the live block `p`, at most `most`. To be called between hub_hold and hub_release. */
static inline size_t hub_checked_size(const void *p, size_t most) { return HAKMEM_EVENTS ? hub_checker_size(p, most) : most; }

/* If hub_checked, at least this many bytes behind each block are closed. Before a block lies its left neighbour's border, or closed memory. */
#define CHECKED_BORDER ((size_t)16)
static inline size_t hub_with_border(size_t size) { return UNLIKELY(hub_checked) ? size + CHECKED_BORDER : size; }

#endif
