#include "sides.h"

#include <glob.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/error.h"
#include "common/memory.h"
#include "report/load.h"

static void add_path(struct side *side, const char *path) {
  side->paths = must_grow(side->paths, side->count, &side->capacity, sizeof(*side->paths));
  side->paths[side->count++] = must_copy(path);
}

bool side_add(struct side *side, const char *path) {
  struct stat status;
  glob_t found;
  if (stat(path, &status) == 0 || strpbrk(path, "*?[") == NULL) {
    add_path(side, path);
    return true;
  }
  if (glob(path, 0, NULL, &found) != 0) return fail("no run is named %s", path);
  for (size_t i = 0; i < found.gl_pathc; i++) add_path(side, found.gl_pathv[i]);
  globfree(&found);
  return true;
}

static char *directory_of(const char *path) {
  char *const copy = must_copy(path);
  char *const directory = must_copy(dirname(copy));
  free(copy);
  return directory;
}

/* Parts the runs by their directories. */
static bool part(struct side *a, struct side *b, char **arguments, size_t count) {
  char *const first = directory_of(arguments[0]), *second = NULL;
  bool good = true;
  for (size_t i = 0; i < count && good; i++) {
    char *const directory = directory_of(arguments[i]);
    if (strcmp(directory, first) == 0) {
      good = side_add(a, arguments[i]);
    } else if (second == NULL || strcmp(directory, second) == 0) {
      if (second == NULL) second = must_copy(directory);
      good = side_add(b, arguments[i]);
    } else {
      good = fail("%s lies in a third directory; runs of side A must lie in one directory, those of side B in another", arguments[i]);
    }
    free(directory);
  }
  if (good && second == NULL) {
    good = fail("all runs lie in %s; name two of them, or two patterns in quotes, as in hakmem diff 'before*' 'after*'", first);
  }
  free(first);
  free(second);
  return good;
}

bool sides_find(struct side *a, struct side *b, char **arguments, size_t count) {
  if (count == 2) return side_add(a, arguments[0]) && side_add(b, arguments[1]);
  return part(a, b, arguments, count);
}

bool side_read(struct side *side) {
  bool good = true;
  side->runs = must_allocate(side->count * sizeof(*side->runs));
  size_t read = 0;
  for (size_t i = 0; i < side->count; i++) {
    struct page page = {0};
    good &= load_page(&page, &(struct load){.paths = &side->paths[i], .count = 1, .compared = true});
    if (page.main != NULL) figures_of(&side->runs[read++], &page);
    load_free(&page);
  }
  if (read < side->count) {
    for (size_t i = 0; i < read; i++) figures_free(&side->runs[i]);
    free(side->runs);
    side->runs = NULL;
    good = false;
  }
  return good;
}

void side_free(struct side *side) {
  for (size_t i = 0; i < side->count; i++) {
    if (side->runs != NULL) figures_free(&side->runs[i]);
    free(side->paths[i]);
  }
  free(side->runs);
  free(side->paths);
}
