/*
 * seals.h: pages that cannot be touched, each at the end of a huge block, so that no write past it reaches what lies behind.
 *
 * Since Linux 6.13, the kernel can mark pages: the mapping stays one, and neighbours stay joined. An older kernel makes a mapping of its own of each sealed
 * page, so that a block has two; a process may have 65,530. A page stays sealed while its memory is kept for the next block, which mostly needs the same.
 *
 * No lock may be held: seal_only makes system calls.
 */
#ifndef HAKMEM_SEALS_H
#define HAKMEM_SEALS_H

#include "platform/base.h"
#include "platform/lock.h"

/*
 * Makes the page `at` the only sealed one of [base, base + size); NULL: none. The other pages keep their content. `splits`: mappings may become more.
 * *sealed: whether the page is sealed now. False: the kernel does not open a page that was sealed.
 */
bool seal_only(char *base, size_t size, char *at, bool splits, bool *sealed);

/* The first sealed page of [base, base + size), NULL if there is none. */
char *seal_find(char *base, size_t size);

/* Before [base, base + size) is unmapped. */
void seal_forget(const char *base, size_t size);

extern const struct lock_row seal_locks;

#endif
