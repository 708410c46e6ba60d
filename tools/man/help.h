/*
 * help.h: the commands of the companion program, from its own --help.
 */
#ifndef HAKMEM_MAN_HELP_H
#define HAKMEM_MAN_HELP_H

#include <stdbool.h>

/* Writes the list of the commands of `program`, each with its page. False, after a message, if its help cannot be read. */
bool help_commands(const char *program);

/* Writes the sections from NAME to NOTES of one command's page. False, after a message, if the help of `program` cannot be read. */
bool help_command(const char *program, const char *command);

#endif
