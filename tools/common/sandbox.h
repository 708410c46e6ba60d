/*
 * sandbox.h: work on data that nobody vouches for, in a process of its own. The libraries that read traces and debug
 * information stop, crash or run for ever on some damaged files; here that ends the child, and becomes a message and an
 * exit code.
 */
#ifndef HAKMEM_TOOLS_SANDBOX_H
#define HAKMEM_TOOLS_SANDBOX_H

/* Runs work(context) in a child and returns its exit code; EXIT_FAILED, with a message, if it crashed or hung. */
int sandbox_run(int (*work)(void *context), void *context);

/*
 * To be called by the work whenever it gets on: without it, the child ends after SANDBOX_SECONDS of processor time.
 * (Waiting for a slow disk is not hanging.)
 */
void sandbox_alive(void);
#define SANDBOX_SECONDS 20

/* Silences standard error for what libraries write there, and back. Messages of this program are still shown. */
void sandbox_silence(void);
void sandbox_unsilence(void);

#endif
