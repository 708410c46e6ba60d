/*
 * error.h: how a failure travels up. A function that can fail returns bool. It returns fail("what happened, to what, what to do"). Its callers
 * return fail_within("their task") or just false. The command prints the outcome once. One message is kept per process.
 */
#ifndef HAKMEM_TOOLS_ERROR_H
#define HAKMEM_TOOLS_ERROR_H

#include <stdbool.h>

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

#endif
