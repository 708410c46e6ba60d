/*
 * modes.h: which modes are on. They are resolved once, from the options and from whether a checker watches, before the first block is made:
 * front_start. Everything else asks here.
 *
 *   records = leaks || profile
 *   front = debug || guard_rate != 0
 *
 * The plain build has no modes: the compiler drops what stands behind MODE.
 */
#ifndef HAKMEM_MODES_H
#define HAKMEM_MODES_H

#include "platform/base.h"

struct modes {
  bool debug;   /* HAKMEM_DEBUG: every block has redzones and a record */
  bool leaks;   /* HAKMEM_LEAKS: every block has a record */
  bool profile; /* HAKMEM_PROFILE: a sample of the blocks has records */
  bool records; /* blocks of the core's have records */
  bool front;   /* blocks may be of a heap that stands before the core */
  uint32_t guard_rate; /* HAKMEM_GUARD: one allocation in so many lies against a guard page; 0: none does */
};
extern struct modes modes;

#define MODE(name) (HAKMEM_EVENTS && modes.name)

/* Resolves them; `checked`: a checker watches the memory, and does in its own way what some of the modes do. */
void modes_resolve(bool checked);

/* There is no address space for guard pages. */
void modes_without_guard(void);

#endif
