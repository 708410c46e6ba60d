/*
 * checker.h: tools that want to see every operation, each in a file of its own: memcheck.c alone knows Valgrind, asan.c
 * AddressSanitizer. The hub asks each at the start whether it is there.
 */
#ifndef HAKMEM_CHECKER_H
#define HAKMEM_CHECKER_H

#include "base/sink.h"

struct checker {
  struct hak_event_sink sink; /* sees every event, those within other events, too */
  bool guards;                /* it closes memory: the core keeps borders for it; see hub_checked in src/checker_hooks.h */
  void (*hold)(void);         /* between the two the calling thread may touch what is closed, and no error of its is reported; they nest */
  void (*release)(void);
  void (*guard)(const void *base, size_t size, bool closed); /* only where it guards */
  size_t (*size)(const void *p, size_t most);
  void (*stop)(void);         /* the process is about to end; may be NULL */
};

/* The checker that is there, or NULL; never changes after hub_check. */
extern const struct checker *checker __attribute__((visibility("hidden")));

/*
 * Where the program runs under Valgrind, with a tool that asks to be told of blocks (memcheck, massif) and its own malloc replacement off
 * (--soname-synonyms=somalloc=nouserintercepts); else NULL, and nothing is paid.
 */
const struct checker *memcheck_start(void);

/* Where the library was built with -fsanitize=address; else NULL. */
const struct checker *asan_start(void);

#endif
