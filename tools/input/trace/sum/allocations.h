/*
 * allocations.h: adds up a trace's allocations by stack, into model_process.allocations.
 */
#ifndef HAKMEM_TOOLS_ALLOCATIONS_H
#define HAKMEM_TOOLS_ALLOCATIONS_H

#include "model/model.h"

/* A hash table by stack, of indices into the list of the process, from 1; 0 is a free place. At least half of the places are free. */
struct allocations {
  uint32_t *at;
  size_t places; /* a power of two, or 0 */
};

void allocations_add(struct allocations *a, struct model_process *p, uint32_t stack, uint64_t blocks, uint64_t bytes);
void allocations_free(struct allocations *a);

#endif
