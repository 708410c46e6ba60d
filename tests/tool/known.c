/* known N: N allocations of 100 bytes (class 6) and N - 7 frees, by each of two threads; nothing else that grows with N. */
#include <pthread.h>
#include <stdlib.h>

static long count;

static void *work(void *kept) {
  void **const blocks = kept;
  for (long i = 0; i < count; i++) {
    char *const block = malloc(100);
    if (block == NULL) abort();
    block[0] = 1;
    if (i < 7) blocks[i] = block;
    else free(block);
  }
  return NULL;
}

int main(int argc, char **argv) {
  static void *kept[2][7];
  pthread_t threads[2];
  count = argc > 1 ? atol(argv[1]) : 0;
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, work, kept[i]);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  return 0;
}
