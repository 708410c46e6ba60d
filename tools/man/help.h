/*
 * help.h: the commands of the companion program, as its own --help tells them.
 */
#ifndef HAKMEM_MAN_HELP_H
#define HAKMEM_MAN_HELP_H

#include <stdbool.h>

/* Writes the list of the commands of `program`, each with its page. False, after a message, if it does not give its help. */
bool help_commands(const char *program);

/* Writes the sections from NAME to NOTES of the page of one command. False, after a message, if `program` does not give its help. */
bool help_command(const char *program, const char *command);

#endif
