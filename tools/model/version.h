/*
 * version.h: which build of hakmem this is.
 */
#ifndef HAKMEM_TOOLS_VERSION_H
#define HAKMEM_TOOLS_VERSION_H

/* The build id of this program in hexadecimal, as the linker wrote it; "" if it wrote none. */
const char *version_build_id(void);

/* "hakmem 0.2.0 (build id 1a2b...)". */
const char *version_text(void);

#endif
