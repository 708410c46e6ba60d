/* dump.h: the statistics as text. */
#ifndef HAKMEM_DUMP_H
#define HAKMEM_DUMP_H

#include <limits.h>

/* Writes the last snapshot's text to `fd`, a descriptor that the program named, or to the log. Returns 0 or the errno of write. Signal safe. */
#define DUMP_TO_LOG INT_MIN
int dump_write(int fd);

#endif
