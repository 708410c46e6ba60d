/*
 * guard.h: work on data that nobody vouches for, in a process of its own. The libraries that read traces and debug
 * information stop, crash or run for ever on some damaged files; here that ends the child, and becomes a message and an
 * exit code.
 */
#ifndef HAKMEM_TOOLS_GUARD_H
#define HAKMEM_TOOLS_GUARD_H

/* Runs work(context) in a child and returns its exit code; EXIT_FAILED, with a message, where it crashed or hung. */
int guard_run(int (*work)(void *context), void *context);

/*
 * To be called by the work whenever it gets on: without it, the child ends after GUARD_SECONDS of processor time.
 * (Waiting for a slow disk is not hanging.)
 */
void guard_alive(void);
#define GUARD_SECONDS 20

/* Silences standard error for what libraries write there, and back. Messages of this program are still shown. */
void guard_silence(void);
void guard_unsilence(void);

#endif
