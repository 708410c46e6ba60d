#include "rooted.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"

#define LINKS_MAX 40 /* as the kernel's */

static void replace(char **text, char *with) {
  free(*text);
  *text = with;
}

/* Takes the first name off `rest`. NULL at its end. The caller frees it. */
static char *take_name(char **rest) {
  const char *const start = *rest + strspn(*rest, "/");
  const size_t length = strcspn(start, "/");
  if (length == 0) return NULL;
  char *const name = must_print("%.*s", (int)length, start);
  replace(rest, must_copy(start + length));
  return name;
}

static void go_up(char *at) {
  char *const slash = strrchr(at, '/');
  if (slash != NULL) *slash = '\0';
}

/* Whether `root``next` exists. If it is a symlink, puts its target before `rest`; else goes there. */
static bool enter(const char *root, char **at, char *next, char **rest, unsigned *links) {
  char *const real = must_print("%s%s", root, next), target[PATH_MAX];
  struct stat status;
  const bool exists = lstat(real, &status) == 0, is_link = exists && S_ISLNK(status.st_mode);
  const ssize_t length = is_link ? readlink(real, target, sizeof(target) - 1) : 0;
  free(real);
  if (!exists || length < 0 || (is_link && ++*links > LINKS_MAX)) {
    free(next);
    return false;
  }
  if (!is_link) {
    replace(at, next);
    return true;
  }
  free(next);
  target[length] = '\0';
  replace(rest, must_print("%s/%s", target, *rest));
  if (target[0] == '/') replace(at, must_copy(""));
  return true;
}

char *rooted_path(const char *root, const char *path) {
  char *at = must_copy(""), *rest = must_copy(path), *name;
  unsigned links = 0;
  bool good = true;
  while (good && (name = take_name(&rest)) != NULL) {
    if (strcmp(name, "..") == 0) go_up(at);
    else if (strcmp(name, ".") != 0) good = enter(root, &at, must_print("%s/%s", at, name), &rest, &links);
    free(name);
  }
  char *const found = good ? must_print("%s%s", root, at) : NULL;
  free(at);
  free(rest);
  return found;
}
