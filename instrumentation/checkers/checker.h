/*
 * checker.h: tools that see every operation, each in a file of its own: memcheck.c alone knows Valgrind, asan.c AddressSanitizer. At the start the
 * hub asks each whether it is active.
 */
#ifndef HAKMEM_CHECKER_H
#define HAKMEM_CHECKER_H

#include "base/sink.h"

struct checker {
  struct hak_event_sink sink; /* sees every event, also those within other events */
  bool guards;                /* it closes memory, so the core keeps borders for it: hub_checked in src/checker_hooks.h */
  void (*hold)(void);         /* between hold and release the calling thread may touch closed memory without a report; calls nest */
  void (*release)(void);
  void (*guard)(const void *base, size_t size, bool closed); /* only if `guards` */
  size_t (*size)(const void *p, size_t most);
  void (*table)(const void *base, size_t size, bool mapped); /* hub_note_table; may be NULL */
  void (*stop)(void);                                        /* the process is about to end; may be NULL */
};

/* The active checker, or NULL; never changes after hub_checker_start. */
extern const struct checker *checker __attribute__((visibility("hidden")));

/*
 * NULL unless the program runs under Valgrind with a tool that takes blocks from a client (memcheck, massif) and its own malloc replacement off
 * (--soname-synonyms=somalloc=nouserintercepts). NULL costs nothing.
 */
const struct checker *memcheck_start(void);

/* NULL unless the library was built with -fsanitize=address. */
const struct checker *asan_start(void);

#endif
