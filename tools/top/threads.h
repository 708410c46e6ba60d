/*
 * threads.h: the threads of the watched process, as the kernel lists them.
 */
#ifndef HAKMEM_TOOLS_TOP_THREADS_H
#define HAKMEM_TOOLS_TOP_THREADS_H

#include <stddef.h>
#include <stdint.h>

struct thread {
  uint32_t tid;
  char state;
  char name[32];          /* to be escaped before it is shown */
  double processor, load; /* seconds; processors, since the last list */
};

struct threads {
  struct thread *list;
  size_t count, capacity;
  double as_of;
};

/* Lists them anew; those of a process that ended stay. */
void threads_refresh(struct threads *all, uint32_t pid, double now);

#endif
