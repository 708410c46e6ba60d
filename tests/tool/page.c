/*
 * page.c: something for every part of the page: a heap that grows and is freed but for every tenth block, a double free, lasting blocks, a child
 * process, and a function with a hostile name.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS 20000

void *hostile(size_t size) __asm__("\"</script><img src=x onerror=document.title='owned'>\"");

__attribute__((noinline)) void *hostile(size_t size) {
  char *volatile block = malloc(size);
  memset(block, 1, size);
  return block;
}

__attribute__((noinline)) static void *keep(size_t size) {
  char *volatile block = malloc(size);
  memset(block, 2, size);
  return block;
}

static void wait_ms(long ms) {
  const struct timespec span = {.tv_nsec = ms * 1000000};
  nanosleep(&span, NULL);
}

static void fill_and_free(void) {
  static void *blocks[BLOCKS];
  for (unsigned i = 0; i < BLOCKS; i++) {
    blocks[i] = i % 3 == 0 ? hostile(100 + i % 700) : keep(50 + i % 400);
    if (i % 1000 == 0) wait_ms(12);
  }
  for (unsigned i = 0; i < BLOCKS; i++) {
    if (i % 10 != 0) free(blocks[i]);
    if (i % 1000 == 0) wait_ms(12);
  }
}

int main(void) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    for (unsigned i = 0; i < 500; i++) keep(1000);
    return 0;
  }
  waitpid(child, NULL, 0);
  fill_and_free();
  void *volatile twice = keep(77);
  free(twice);
  free(twice);
  for (unsigned i = 0; i < 20; i++) { /* let it take snapshots with the rest */
    for (unsigned k = 0; k < 3000; k++) free(keep(64));
    wait_ms(12);
  }
  return 0;
}
