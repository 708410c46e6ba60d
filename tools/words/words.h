/*
 * words.h: the words that a command line may hold, from the tables of the commands and their options: for completion in shells, and for the word that was meant.
 */
#ifndef HAKMEM_TOOLS_WORDS_H
#define HAKMEM_TOOLS_WORDS_H

#include <argp.h>

struct command {
  const char *name, *summary;
  const struct argp *argp;           /* the manual page and completion are made from it, too */
  int (*run)(int argc, char **argv); /* argv[0] is "hakmem NAME"; returns the exit code */
};

/* All of them, in commands/main.c; the last one's name is NULL. */
extern const struct command commands[];

/*
 * Prints the words that may stand last on the command line words[count], in place of what it begins with; words[0] follows "hakmem". A word a line, with
 * its meaning behind a tab; ":commands" for any command of the shell; behind ids of processes ":files" if a name of a file may stand there as well.
 * Nothing, if only a name of a file may.
 */
void words_complete(int count, char **words);

/* The command called `name`; NULL if there is none. */
const struct command *words_command(const char *name);

/* "; did you mean X?" if one of the `choices` ("a|b|c") is near to `word`, else "". The caller frees it. */
char *words_meant(const char *word, const char *choices);
char *words_command_meant(const char *name);

/* If an option on the command line is none of the command's, but near to one: says so, and ends the program. */
void words_check_options(const struct command *command, int argc, char **argv);

#endif
