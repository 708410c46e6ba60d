/* double_free cls=6 got=0x5f expect=0xa6 | debug=double_free | guard=double_free | valgrind=Invalid_free: another thread frees it again; then both threads allocate, and get no block twice */
#include <pthread.h>

#include "misuse.h"

enum { TAKEN = 50 };
static void *theirs[TAKEN], *ours[TAKEN];

/* The thread's list is empty at first. If the second free was pushed there, the next block is that one. */
static void *free_and_take(void *p) {
  use_free(p);
  for (unsigned i = 0; i < TAKEN; i++) theirs[i] = use_malloc(100);
  return NULL;
}

int main(void) {
  void *p = use_malloc(100), *others[3];
  for (unsigned i = 0; i < 3; i++) others[i] = use_malloc(100);
  use_free(p);
  use_free(others[0]); /* few frees: a check that came some frees late would still be to come when the other thread has the block */
  pthread_t t;
  pthread_create(&t, NULL, free_and_take, hide(p));
  pthread_join(t, NULL);
  for (unsigned i = 1; i < 3; i++) use_free(others[i]);
  for (unsigned i = 0; i < TAKEN; i++) {
    ours[i] = use_malloc(100);
    for (unsigned k = 0; k < TAKEN; k++) {
      if (ours[i] == theirs[k]) return fputs("both threads have the same block\n", stderr), 4;
    }
  }
  for (unsigned i = 0; i < TAKEN; i++) {
    use_free(ours[i]);
    use_free(theirs[i]);
  }
  return finish(NULL);
}
