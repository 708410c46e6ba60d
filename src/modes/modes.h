/*
 * modes.h: which modes are on. front_start resolves them before the first block is allocated, from the options and from whether a checker watches. All
 * other code asks here. Two of them, profile and guard_rate, may change while the program runs (alloc/front.h).
 *
 *   records = leaks || profile is or was on         blocks that were recorded are freed as such
 *   front = debug || secure || guard_rate is or was not 0
 *
 * The plain build has no modes: the compiler drops code under MODE.
 */
#ifndef HAKMEM_MODES_H
#define HAKMEM_MODES_H

#include "platform/base.h"

struct modes {
  bool debug;          /* HAKMEM_DEBUG: every block has redzones and a record */
  bool secure;         /* HAKMEM_SECURE, without HAKMEM_DEBUG: every small block of the core has a border and is zeroed when it is freed */
  bool leaks;          /* HAKMEM_LEAKS: every block has a record */
  bool profile;        /* HAKMEM_PROFILE: a sample of the blocks has records */
  bool records;        /* blocks of the core have records */
  bool front;          /* blocks may belong to a heap that stands before the core */
  uint32_t guard_rate; /* HAKMEM_GUARD: of this many allocations, one is placed against a guard page; 0: none is */
};
extern struct modes modes;

#define MODE(name) (HAKMEM_EVENTS && __atomic_load_n(&modes.name, __ATOMIC_ACQUIRE))

static inline uint32_t modes_guard_rate(void) { return HAKMEM_EVENTS ? __atomic_load_n(&modes.guard_rate, __ATOMIC_ACQUIRE) : 0; }

/* The secure mode's border behind a small block. What it leaves to the program of a block of this stride. */
#define SECURE_BORDER ((size_t)7)
static inline size_t modes_bordered(size_t stride) { return stride - 1 - SECURE_BORDER; }

/* Resolves the modes. `checked`: a checker watches the memory, and replaces some of the modes by its own means. */
void modes_resolve(bool checked);

/* Turns the guard pages off, because there is no address space for them. */
void modes_without_guard(void);

/* Switch a mode on or off while the program runs. For modes_guard, the region of the guarded blocks is there. */
void modes_profile(bool on);
void modes_guard(uint32_t rate);

#endif
