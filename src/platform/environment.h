/*
 * environment.h: the options as the environment gives them, HAKMEM_<NAME>=value. Each wrong one is said in one line on standard error:
 *
 *   a bad value        and which value is used instead
 *   an unknown name    and the nearest option, if one is near
 *   an old name        and the new one, whose value it sets; if both are set, the new name wins
 */
#ifndef HAKMEM_ENVIRONMENT_H
#define HAKMEM_ENVIRONMENT_H

#include "base.h"

/*
 * Sets `config`; before main, by one thread. A set-uid program gets the defaults. Returns false, with the defaults in force,
 * if the C library has no environment yet: call again later.
 */
bool environment_read(void);

/* HAKMEM_HELP: the table of options, as text. */
void environment_help(int fd);

#endif
