/*
 * A program whose allocation sites are known: `leaky` keeps 3000 blocks of 100 bytes, `pinning` keeps one block in 64 of 20000 that it allocates
 * side by side, of 500 bytes, `large` keeps 4 of 200000 bytes. With an argument, it waits after that until its standard input ends, then `leaky` keeps
 * as much once more, and it waits again. With "fork", a child keeps as much once more, too. With "hold", `holding` holds 50 MiB by every 50th of its
 * blocks, for more than a second.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *kept[20000];
static size_t count;

__attribute__((noinline)) void leaky(void) {
  for (int i = 0; i < 3000; i++) kept[count++] = malloc(100);
}

__attribute__((noinline)) void pinning(void) {
  static void *block[20000];
  for (int i = 0; i < 20000; i++) block[i] = malloc(500);
  for (int i = 0; i < 20000; i++) {
    if (i % 64 == 0) kept[count++] = block[i];
    else free(block[i]);
  }
}

__attribute__((noinline)) void large(void) {
  for (int i = 0; i < 4; i++) kept[count++] = malloc(200000);
}

__attribute__((noinline)) void holding(void) {
  static void *block[60000];
  for (int i = 0; i < 60000; i++) memset(block[i] = malloc(900), 1, 900);
  for (int i = 0; i < 60000; i++) {
    if (i % 50 != 0) free(block[i]);
  }
}

/* Comes by often enough for a snapshot that is due. */
static void work(void) {
  for (int i = 0; i < 10000; i++) free(malloc(300000));
}

int main(int argc, char **argv) {
  char line[16];
  leaky();
  pinning();
  large();
  if (argc > 1 && strcmp(argv[1], "fork") == 0) {
    const pid_t child = fork();
    if (child == 0) leaky();
    else waitpid(child, NULL, 0);
  } else if (argc > 1 && strcmp(argv[1], "hold") == 0) {
    holding();
    for (int i = 0; i < 12; i++) {
      usleep(110000);
      work();
    }
  } else if (argc > 1) {
    usleep(300000);
    work();
    puts("first");
    fflush(stdout);
    if (fgets(line, sizeof(line), stdin) == NULL) return 1;
    leaky();
    usleep(300000);
    work();
    puts("second");
    fflush(stdout);
    if (fgets(line, sizeof(line), stdin) == NULL) return 1;
  }
  return 0;
}
