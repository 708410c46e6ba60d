/* stats_pages.h: which pages of the statistics block its file has, and writing them. One thread at a time calls it, except for pages_resident. */
#ifndef HAKMEM_STATS_PAGES_H
#define HAKMEM_STATS_PAGES_H

#include <stdbool.h>

#include "src/platform/file.h"
#include "stats_block.h"

/* Call this when the file is a new one: it has no pages. */
void pages_none(void);
/* Call this when another process has truncated the file. */
void pages_truncated(void);

/* Writes the pages that may have changed; with `first_alone`, the first one. Returns 0 or an errno. Signal safe. */
int pages_write(const struct own_file *file, struct stats_block *b, bool first_alone);

/* Bytes of the block that had memory at the last call of pages_write; 0 if the kernel did not tell, or there was none. Any thread may call it. */
size_t pages_resident(void);

/* Writes all of the block to another file, as a copy. Returns 0 or an errno. */
int pages_copy(const struct own_file *to, const struct stats_block *b);

#endif
