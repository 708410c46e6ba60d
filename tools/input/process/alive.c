#include "alive.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define LINE 256

/* The process that holds an exclusive flock on the file, in the numbers of this process's pid namespace; 0 if there is none. */
static uint32_t find_holder(const struct stat *file) {
  FILE *const locks = fopen("/proc/locks", "re");
  char line[LINE];
  uint32_t holder = 0;
  if (locks == NULL) return 0;
  while (holder == 0 && fgets(line, sizeof(line), locks) != NULL) {
    uint32_t pid;
    unsigned major, minor;
    uint64_t inode;
    if (sscanf(line, "%*u: FLOCK ADVISORY WRITE %" SCNu32 " %x:%x:%" SCNu64, &pid, &major, &minor, &inode) != 4) continue;
    if (inode == file->st_ino && major == major(file->st_dev) && minor == minor(file->st_dev)) holder = pid;
  }
  fclose(locks);
  return holder;
}

/* In /proc/PID/stat the state's letter follows the name, which ends with the last bracket. */
static char state_of(uint32_t pid) {
  char path[64], text[LINE];
  snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", pid);
  FILE *const file = fopen(path, "re");
  if (file == NULL) return '?';
  const size_t length = fread(text, 1, sizeof(text) - 1, file);
  fclose(file);
  text[length] = '\0';
  const char *const end = strrchr(text, ')');
  return end != NULL && end[1] == ' ' ? end[2] : '?';
}

enum alive alive_writer(int fd, uint32_t *pid) {
  struct stat file;
  *pid = fstat(fd, &file) == 0 ? find_holder(&file) : 0;
  if (*pid == 0) return ALIVE_NO;
  switch (state_of(*pid)) {
    case 'T':
    case 't': return ALIVE_STOPPED;
    case 'Z':
    case 'X': return ALIVE_NO;
    default: return ALIVE_RUNS;
  }
}
