/*
 * memcheck.h: Valgrind's client requests, and nothing else.
 */
#ifndef HAKMEM_MEMCHECK_H
#define HAKMEM_MEMCHECK_H

#include "../src/events.h"

/*
 * The sink that tells Valgrind of every block, where the program runs under it and its own malloc replacement is off
 * (--soname-synonyms=somalloc=nouserintercepts); else NULL, and nothing is paid. It wants to see every operation.
 */
const struct hak_event_sink *memcheck_start(void);

/* Under it only: between the two, no errors of this thread are reported. An unwinder reads what may be anything. They nest. */
void memcheck_hold_errors(void);
void memcheck_release_errors(void);

#endif
