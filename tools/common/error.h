/*
 * error.h: how a failure travels up. A function that can fail returns bool. It returns fail("what happened, to what, what to do"). Its callers
 * return fail_within("their task") or just false. The command prints the outcome once. One message is kept per process.
 */
#ifndef HAKMEM_TOOLS_ERROR_H
#define HAKMEM_TOOLS_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* The exit codes of every subcommand. */
enum exit_code {
  EXIT_DONE = 0,
  EXIT_FAILED = 1,
  EXIT_USAGE = 2,
  EXIT_WAITS = 3, /* asked of a process that has not answered: set, dump, trim */
};

/* Sets the message; always false. */
__attribute__((format(printf, 1, 2))) bool fail(const char *format, ...);

/* Puts "this: " before the message; always false. */
__attribute__((format(printf, 1, 2))) bool fail_within(const char *format, ...);

/* The message so far, "" if nothing failed. */
const char *failure(void);

/* Prints "hakmem: " and the text on standard error, escaped, on a line of its own. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/*
 * The word that was meant by a wrong one: the known word that differs least from it, in at most every third letter. Call nearest_look for each known
 * word. Then `known` is the nearest, or NULL.
 */
struct nearest {
  const char *word;
  size_t length, least;
  const char *known;
};
struct nearest nearest_to(const char *word, size_t length);
void nearest_look(struct nearest *n, const char *known);
/* "; did you mean X?" with `before` in front of the word, or "". The caller frees it. */
char *nearest_text(const struct nearest *n, const char *before);

#endif
