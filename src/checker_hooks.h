/*
 * checker_hooks.h: what the core does for a checker (Valgrind's memcheck, AddressSanitizer) that guards memory.
 *
 * If hub_checked, the program may touch only what it asked for: the alloc and free events open and close blocks, hub_guard closes the memory that
 * blocks are made of, hub_unguard opens it to its next owner. Between hub_hold and hub_release, which nest, the calling thread may touch
 * all of it. hub_checked is set before the first block, and never changes. Without a checker each hook is one test, off the fast paths.
 * instrumentation/checkers/checker.c defines them.
 */
#ifndef HAKMEM_CHECKER_HOOKS_H
#define HAKMEM_CHECKER_HOOKS_H

#include "platform/base.h"

extern bool hub_checker_guards;
#define hub_checked (HAKMEM_EVENTS && hub_checker_guards)

/* Before the first block, so that the checker sees that one, too: whether a checker must see every operation. */
bool hub_checker_start(void);
void hub_checker_hold(void);
void hub_checker_release(void);
void hub_checker_guard(const void *base, size_t size, bool closed);
size_t hub_checker_size(const void *p, size_t most);

static inline bool hub_check(void) { return HAKMEM_EVENTS && hub_checker_start(); }
static inline void hub_hold(void) { if (UNLIKELY(hub_checked)) hub_checker_hold(); }
static inline void hub_release(void) { if (UNLIKELY(hub_checked)) hub_checker_release(); }
static inline void hub_guard(const void *base, size_t size) { if (UNLIKELY(hub_checked)) hub_checker_guard(base, size, true); }
static inline void hub_unguard(const void *base, size_t size) { if (UNLIKELY(hub_checked)) hub_checker_guard(base, size, false); }

/* Bytes that the program asked for at the live block `p`, at most `most`. Between hub_hold and hub_release. */
static inline size_t hub_checked_size(const void *p, size_t most) { return HAKMEM_EVENTS ? hub_checker_size(p, most) : most; }

/* The least number of closed bytes behind each block, if hub_checked. Before a block lies the border of its left neighbour, or closed memory. */
#define CHECKED_BORDER ((size_t)16)
static inline size_t hub_with_border(size_t size) { return UNLIKELY(hub_checked) ? size + CHECKED_BORDER : size; }

#endif
