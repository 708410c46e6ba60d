/*
 * valid.h: whether every structure of the core keeps its invariants. Only the cores that are built for tests include it (tests/CMakeLists.txt).
 */
#ifndef HAKMEM_VALID_H
#define HAKMEM_VALID_H

/* The name of the first broken structure, NULL if there is none. No lock is held, and no other thread is in the core. */
const char *core_broken(void);

#endif
