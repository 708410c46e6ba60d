/* build_id.h: the build id of a loaded object, read from its own note. Signal safe; no memory, no locks. */
#ifndef HAKMEM_BUILD_ID_H
#define HAKMEM_BUILD_ID_H

#include <link.h>
#include <stddef.h>

/*
 * Puts the build id in hexadecimal into text[size], "" if the object has none. `base` is the address that its headers are relative to. The caller keeps
 * the object loaded during the call.
 */
void build_id_find(const ElfW(Phdr) * headers, unsigned count, uintptr_t base, char *text, size_t size);

/* That of the object which this code is in: libhakmem.so, or the program that hakmem is linked into. */
void build_id_own(char *text, size_t size);

#endif
