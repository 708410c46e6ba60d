/*
 * help.h: the commands of the companion program, as its own --help tells them.
 */
#ifndef HAKMEM_MAN_HELP_H
#define HAKMEM_MAN_HELP_H

#include <stdbool.h>

/* Writes a subsection for each command of `program`. False, after a message, where it does not give its help. */
bool help_commands(const char *program);

#endif
