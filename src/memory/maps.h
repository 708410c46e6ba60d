/*
 * maps.h: what the kernel says lies at an address, and how to read memory that may be unreadable. Used after something went wrong, for
 * stacks, and by checks of large blocks. Signal safe; takes no lock, raises no event, keeps errno.
 */
#ifndef HAKMEM_MAPS_H
#define HAKMEM_MAPS_H

#include "platform/base.h"

#define MAPS_PATH 256

struct maps_region {
  uintptr_t start, end;
  uint64_t offset; /* in the file */
  bool readable, writable, executable, shared;
  char path[MAPS_PATH]; /* "" if it is not of a file; cut if it does not fit */
};

enum maps_answer { MAPS_NOTHING, MAPS_FOUND, MAPS_UNKNOWN /* there is no /proc */ };

/* The mapping of this process that `address` lies in. */
enum maps_answer maps_find(uintptr_t address, struct maps_region *out);

/* Calls `visit` for each mapping of this process, in order of address, until it returns true. False if /proc cannot be read. */
bool maps_each(bool (*visit)(const struct maps_region *region, void *context), void *context);

/* Whether the byte at `p` may be read. Costs a tenth of a microsecond. If the kernel does not tell, the answer is yes. */
bool maps_is_readable(const void *p);

/* The same, but if the kernel does not tell, the answer is no. */
bool maps_is_surely_readable(const void *p);

/* Copies `size` bytes. False if some of them cannot be read, or if the process may not call process_vm_readv. */
bool maps_read(void *to, const void *from, size_t size);

/*
 * Whether `got`, the byte that was read at `p`, is zero because this is a forked child and the program asked for that (MADV_WIPEONFORK). False if there is no
 * /proc.
 */
bool maps_is_wiped(const void *p, uint8_t got);

#endif
