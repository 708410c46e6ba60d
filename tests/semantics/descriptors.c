/*
 * Programs that do with descriptors what hakmem must not be hurt by, and must not hurt. The last argument of each, if any, is run or named by the script.
 *
 *   pipe      closes all but the standard files, and makes a pipe of their numbers: what was written to it is what is read from it
 *   files     closes all, and opens own00, own01, ... under their numbers: nothing reads or writes these
 *   swap      puts a file own00 in the place of standard error
 *   broken    runs itself as `misuse` with a standard error that is not read
 *   limited   may write 4 KiB to a file, by its limit
 *   misuse    frees a block twice
 *   leave     as work, and ends by _exit
 *   children  makes two children, which work and end by _exit and exit
 *   again     as misuse, and runs itself as `work`
 *   rest      works, says so, and rests until standard input ends; works again
 *   work      allocates
 *   watch     runs itself as `misuse`; exit status 1 if the file `device` was opened meanwhile
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS 2000
#define FILES 40

static void work(int rounds) {
  static char *blocks[BLOCKS];
  for (int round = 0; round < rounds; round++) {
    for (int i = 0; i < BLOCKS; i++) {
      blocks[i] = malloc(20 + (size_t)i * 7);
      if (blocks[i] == NULL) abort();
      blocks[i][0] = 1;
    }
    for (int i = 0; i < BLOCKS; i++) free(blocks[i]);
  }
}

static void misuse(void) {
  void *volatile block = malloc(10);
  free(block);
  free(block);
}

static int use_pipe(void) {
  static const char text[] = "the program's own";
  char got[64];
  int ends[2];
  close_range(3, ~0u, 0);
  if (pipe(ends) != 0 || write(ends[1], text, sizeof(text)) != (ssize_t)sizeof(text)) return 2;
  work(20);
  misuse();
  const ssize_t length = read(ends[0], got, sizeof(got));
  return length == (ssize_t)sizeof(text) && memcmp(got, text, sizeof(text)) == 0 ? 0 : 1;
}

static int open_own(int number) {
  char name[16];
  snprintf(name, sizeof(name), "own%02d", number);
  return open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
}

static int use_files(void) {
  int files[FILES];
  close_range(0, ~0u, 0);
  for (int i = 0; i < FILES; i++) files[i] = open_own(i);
  for (int number = 240; number < 244; number++) dup2(files[0], number);
  work(20);
  misuse();
  for (int i = 0; i < FILES; i++) {
    if (files[i] != i || lseek(files[i], 0, SEEK_CUR) != 0) return 1;
  }
  return 0;
}

static int run_self(const char *as) {
  execl("/proc/self/exe", "descriptors", as, (char *)NULL);
  return 2;
}

static int use_broken(void) {
  int ends[2];
  signal(SIGPIPE, SIG_DFL);
  if (pipe(ends) != 0) return 2;
  dup2(ends[1], STDERR_FILENO);
  close(ends[0]);
  close(ends[1]);
  return run_self("misuse");
}

static int make_children(void) {
  for (int i = 0; i < 2; i++) {
    const pid_t child = fork();
    int status;
    if (child == 0) {
      work(30);
      if (i == 0) _exit(0);
      exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) return 1;
  }
  return 0;
}

static int watch(void) {
  char event[1024];
  const int watched = inotify_init1(IN_NONBLOCK);
  if (watched < 0 || inotify_add_watch(watched, "device", IN_OPEN) < 0) return 2;
  const pid_t child = fork();
  int status;
  if (child == 0) _exit(run_self("misuse"));
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) return 2;
  return read(watched, event, sizeof(event)) > 0;
}

static int rest(void) {
  char byte;
  work(30);
  puts("resting");
  fflush(stdout);
  while (read(STDIN_FILENO, &byte, 1) > 0) {}
  work(200);
  return 0;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "pipe") == 0) return use_pipe();
  if (strcmp(what, "files") == 0) return use_files();
  if (strcmp(what, "broken") == 0) return use_broken();
  if (strcmp(what, "children") == 0) return make_children();
  if (strcmp(what, "watch") == 0) return watch();
  if (strcmp(what, "rest") == 0) return rest();
  if (strcmp(what, "swap") == 0) dup2(open_own(0), STDERR_FILENO);
  if (strcmp(what, "limited") == 0) {
    signal(SIGXFSZ, SIG_DFL);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, 4096});
  }
  if (strcmp(what, "swap") == 0 || strcmp(what, "misuse") == 0 || strcmp(what, "again") == 0 || strcmp(what, "limited") == 0) misuse();
  work(30);
  if (strcmp(what, "leave") == 0) _exit(0);
  if (strcmp(what, "again") == 0) return run_self("work");
  return 0;
}
