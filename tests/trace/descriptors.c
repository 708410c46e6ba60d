/*
 * Closes all descriptors but the standard ones, by the function that is named, opens files of its own under their numbers, and allocates while LTTng works.
 * Exit status 1: something was written to the files; 2: the program could not do what it wanted.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 60
#define NUMBERS 300 /* LTTng's descriptors lie below */
#define BLOCKS 200000
#define LAST_SIZE 7777 /* of the blocks that the script looks for in the trace */
#define LAST_COUNT 10

static int files[FILES];

static void open_own(int i) {
  char name[16];
  snprintf(name, sizeof(name), "own%02d", i);
  files[i] = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (files[i] < 0) exit(2);
}

static void close_all(const char *how) {
  if (strcmp(how, "close") == 0) {
    for (int fd = 3; fd < 1024; fd++) close(fd);
  } else if (strcmp(how, "close_range") == 0) {
    if (close_range(3, ~0u, 0) != 0) exit(2);
  } else if (strcmp(how, "closefrom") == 0) {
    closefrom(3);
  } else {
    open_own(0);
    for (int fd = 3; fd < NUMBERS; fd++) {
      if (fd != files[0] && strcmp(how, "dup2") == 0) dup2(files[0], fd);
      if (fd != files[0] && strcmp(how, "dup3") == 0) dup3(files[0], fd, O_CLOEXEC);
    }
  }
}

static void use(size_t size) {
  char *volatile block = malloc(size);
  if (block == NULL) exit(2);
  block[0] = 1;
  free(block);
}

int main(int argc, char **argv) {
  struct stat status;
  close_all(argc > 1 ? argv[1] : "");
  for (int i = 0; i < FILES; i++) open_own(i);
  for (int i = 0; i < BLOCKS; i++) use(20 + (size_t)i % 1000);
  usleep(300000); /* LTTng's threads read what the daemon sends */
  for (int i = 0; i < LAST_COUNT; i++) use(LAST_SIZE);
  for (int i = 0; i < FILES; i++) {
    if (fstat(files[i], &status) != 0 || !S_ISREG(status.st_mode) || status.st_size != 0 || lseek(files[i], 0, SEEK_CUR) != 0) return 1;
  }
  return 0;
}
