#include "workdir.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "memory.h"

#define NAME_MAX_SHOWN 64
#define TEMPORARY_LENGTH_MAX 48 /* sockets lie up to 40 bytes deeper, and their paths end at 107 */
#define OPEN_DIRECTORIES 16

static bool is_empty(const char *path) {
  DIR *const directory = opendir(path);
  if (directory == NULL) return false;
  bool empty = true;
  for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    empty = empty && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
  }
  closedir(directory);
  return empty;
}

/* hakmem-PROGRAM-PID; PROGRAM loses all characters that a shell or an option of the library would misread. */
static char *default_name(const char *program) {
  const char *const slash = strrchr(program, '/');
  char *const name = must_print("hakmem-%.*s-%d", NAME_MAX_SHOWN, slash != NULL ? slash + 1 : program, (int)getpid());
  for (char *c = name; *c != '\0'; c++) {
    if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-", *c) == NULL) *c = '_';
  }
  return name;
}

/* Makes the directories above `path` that are missing. Why one cannot be made, the making of `path` itself says. */
static void make_parents(char *path) {
  for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    mkdir(path, 0777);
    *slash = '/';
  }
}

char *workdir_create(const char *path, const char *program) {
  char *const name = path != NULL ? must_copy(path) : default_name(program);
  char *absolute = NULL;
  make_parents(name);
  if (mkdir(name, 0777) != 0 && errno != EEXIST) {
    fail("cannot make the directory %s: %s; name another with -o", name, strerror(errno));
  } else if (!is_empty(name)) {
    fail("%s is not an empty directory; name another with -o, or remove it", name);
  } else if ((absolute = realpath(name, NULL)) == NULL) {
    fail("cannot find %s again: %s", name, strerror(errno));
  } else if (strchr(absolute, '%') != NULL) {
    fail("%s holds a %%, which stands for the process id in paths of data; name another with -o", absolute);
    free(absolute);
    absolute = NULL;
  }
  free(name);
  return absolute;
}

char *workdir_sub(const char *parent, const char *name) {
  char *const path = must_print("%s/%s", parent, name);
  if (mkdir(path, 0777) == 0) return path;
  fail("cannot make the directory %s: %s", path, strerror(errno));
  free(path);
  return NULL;
}

char *workdir_temporary(void) {
  const char *parent = getenv("TMPDIR");
  if (parent == NULL || parent[0] != '/' || strlen(parent) + strlen("/hakmem-XXXXXX") > TEMPORARY_LENGTH_MAX) parent = "/tmp";
  char *const path = must_print("%s/hakmem-XXXXXX", parent);
  if (mkdtemp(path) != NULL) return path;
  fail("cannot make a temporary directory in %s: %s; set TMPDIR to a directory that can be written to", parent, strerror(errno));
  free(path);
  return NULL;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place) {
  (void)status, (void)type, (void)place;
  remove(path);
  return 0;
}

void workdir_remove(const char *path) { nftw(path, remove_entry, OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS | FTW_MOUNT); }

void workdir_remove_empty(const char *path) { rmdir(path); }

char *workdir_quote(const char *path) {
  if (*path != '\0' && *path != '-' && strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/+:@,=-") == strlen(path)) {
    return must_copy(path);
  }
  char *const quoted = must_allocate(strlen(path) * 4 + 3);
  char *at = quoted;
  *at++ = '\'';
  for (; *path != '\0'; path++) {
    if (*path == '\'') {
      memcpy(at, "'\\''", 4);
      at += 4;
    } else {
      *at++ = *path;
    }
  }
  *at++ = '\'';
  return quoted;
}
