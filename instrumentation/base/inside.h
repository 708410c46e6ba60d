/*
 * inside.h: what the instrumentation must not do to the thread that it runs on.
 *
 * It may run in every call of malloc, and sinks and libunwind allocate. So the thread remembers that it is inside: an event within an event is
 * counted and not raised, and a stack within a stack is not taken. The thread cannot be cancelled while it is inside.
 */
#ifndef HAKMEM_INSIDE_H
#define HAKMEM_INSIDE_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/single_threaded.h>

extern __thread bool inside_event __attribute__((tls_model("initial-exec"))); /* a sink is handling an event */
extern __thread bool inside_stack __attribute__((tls_model("initial-exec"))); /* a stack is being taken, or libunwind is being opened */

#define CANCELLATION_AS_IT_WAS (-1)

/*
 * malloc and free are no cancellation points, but open, read and write are. A thread that is cancelled in one of these would leak a block, a lock
 * or a flag. A process of one thread skips this: no other thread can cancel it. And when the process starts, pthread_setcancelstate may be a function of
 * another library that is not ready yet, such as AddressSanitizer.
 */
static inline int cancellation_hold(void) {
  if (__libc_single_threaded) return CANCELLATION_AS_IT_WAS;
  int before;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
  return before;
}
static inline void cancellation_restore(int before) {
  if (before != CANCELLATION_AS_IT_WAS) pthread_setcancelstate(before, NULL);
}

#endif
