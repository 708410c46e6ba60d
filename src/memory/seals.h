/*
 * seals.h: pages at the end of a mapping that cannot be touched, so that no write past a block's end reaches what lies behind it.
 *
 * Since Linux 6.13, the kernel can mark pages: the mapping stays one, and neighbours stay joined. An older kernel makes mappings of their own of sealed
 * pages, so that each block has two; a process may have 65,530.
 *
 * No lock may be held: both functions make system calls. errno is kept.
 */
#ifndef HAKMEM_SEALS_H
#define HAKMEM_SEALS_H

#include "platform/base.h"

/* Seals [base, base + size), whole pages of open memory; their content is lost. `splits`: mappings may become more. False: nothing is changed. */
bool seal(void *base, size_t size, bool splits);

/* Opens all sealed pages of [base, base + size); they read as zero. The rest keeps its content. False: some may still be sealed. */
bool unseal(void *base, size_t size);

#endif
