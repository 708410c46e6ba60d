/*
 * A program whose allocation sites are known: `leaky` keeps 3000 blocks of 100 bytes, `pinning` keeps one block in 64 of 20000 that it allocates
 * side by side, of 500 bytes, `large` keeps 4 of 200000 bytes. With "wait", it works after that until it reads a line, then `leaky` keeps as much once
 * more; it works until the next line, and rests. With "fork", a child keeps as much once more, too. With "hold", `holding` holds 50 MiB by every 50th of its
 * blocks, for more than a second.
 */
#include <poll.h>
#include <stdbool.h>
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

/* Enters the slow path often enough for a snapshot that is due. */
static void work(void) {
  for (int i = 0; i < 10000; i++) free(malloc(300000));
}

static void say(const char *what) {
  puts(what);
  fflush(stdout);
}

/* False at the end of the input. */
static bool work_until_line(const char *what) {
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  char c = 0;
  say(what);
  while (poll(&input, 1, 20) == 0) work();
  while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n') continue;
  return c == '\n';
}

int main(int argc, char **argv) {
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
    if (!work_until_line("first")) return 1;
    leaky();
    if (!work_until_line("second")) return 1;
    say("third");
    pause();
  }
  return 0;
}
