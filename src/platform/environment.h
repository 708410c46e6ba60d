/*
 * environment.h: reads the options from the environment, HAKMEM_<NAME>=value. Each wrong one is reported in one line on standard error:
 *
 *   a bad value        and which value is used instead
 *   an unknown name    and the nearest option, if one is near
 *   an old name        and the new one, whose value it sets; if both are set, the new name wins
 */
#ifndef HAKMEM_ENVIRONMENT_H
#define HAKMEM_ENVIRONMENT_H

#include "base.h"

/*
 * Sets `config`. Called before main, by one thread. A set-uid program gets the defaults. Returns false, with the defaults in force,
 * if the C library has no environment yet: call again later.
 */
bool environment_read(void);

/* For HAKMEM_HELP=1: writes the table of options to `fd`, as text. */
void environment_help(int fd);

#endif
