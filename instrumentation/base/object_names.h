/* object_names.h: which names a loaded object defines, read from its own tables. Signal safe; no memory, no locks. */
#ifndef HAKMEM_OBJECT_NAMES_H
#define HAKMEM_OBJECT_NAMES_H

#include <link.h>
#include <stdbool.h>

/*
 * Whether the object defines a global symbol of that name. dlsym would tell it, too, but takes the loader's lock, which another thread may hold for as long as it
 * waits for this one. The caller keeps the object loaded during the call.
 */
bool object_defines(const struct dl_phdr_info *info, const char *name);

#endif
