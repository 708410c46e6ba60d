/*
 * sandbox.h: work on untrusted data in a process of its own. Some damaged files make the libraries that read traces and debug information abort,
 * crash or loop. Here that ends the child, and becomes a message and an exit code.
 */
#ifndef HAKMEM_TOOLS_SANDBOX_H
#define HAKMEM_TOOLS_SANDBOX_H

/* Runs work(context) in a child and returns its exit code; EXIT_FAILED, with a message, if it crashed or hung. */
int sandbox_run(int (*work)(void *context), void *context);

/*
 * The work calls it whenever it makes progress: otherwise the child ends after SANDBOX_SECONDS of processor time. (Waiting for a slow disk is not
 * hanging.)
 */
void sandbox_alive(void);
#define SANDBOX_SECONDS 20

/* Silences standard error for the output of libraries, and restores it. Messages of this program are still shown. */
void sandbox_silence(void);
void sandbox_unsilence(void);

#endif
