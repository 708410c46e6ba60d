#include "jit_map.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/regular.h"

#define SIZE_MOST ((off_t)256 << 20) /* bytes of a map; longer ones are cut */
#define LOOK_BACK 64                 /* functions that begin before an address and are looked at */
#define SECOND_NS 1000000000u

struct function {
  uint64_t start, size;
  size_t line;
  char *name;
};
struct jit_map {
  char *text;
  struct function *functions;
  size_t count, capacity;
};

/* ---- Reading ---- */

static int by_start(const void *a, const void *b) {
  const struct function *const x = a, *const y = b;
  return x->start != y->start ? (x->start < y->start ? -1 : 1) : x->line < y->line ? -1 : x->line > y->line;
}

/* A line that is no function is left out. */
static void take_line(struct jit_map *map, char *line, size_t number) {
  char *end;
  errno = 0;
  const uint64_t start = strtoull(line, &end, 16);
  if (end == line || *end != ' ') return;
  char *after;
  const uint64_t size = strtoull(end + 1, &after, 16);
  if (after == end + 1 || *after != ' ' || errno != 0 || size == 0 || after[1] == '\0') return;
  map->functions = must_grow(map->functions, map->count, &map->capacity, sizeof(*map->functions));
  map->functions[map->count++] = (struct function){start, size, number, after + 1};
}

static void take_text(struct jit_map *map) {
  size_t number = 0;
  for (char *line = map->text, *end; line != NULL && *line != '\0'; line = end) {
    end = strchr(line, '\n');
    if (end != NULL) *end++ = '\0';
    take_line(map, line, number++);
  }
  if (map->count > 1) qsort(map->functions, map->count, sizeof(*map->functions), by_start);
}

/* The bytes of the file; NULL if they cannot be read. */
static char *read_text(int fd, off_t size) {
  const size_t most = (size_t)(size < SIZE_MOST ? size : SIZE_MOST);
  char *const text = must_allocate(most + 1);
  size_t length = 0;
  for (ssize_t got; length < most && (got = read(fd, text + length, most - length)) > 0;) length += (size_t)got;
  text[length] = '\0';
  return text;
}

/* Somebody else could put names into a report; an older file is another process's with the same id. */
static bool is_trusted(const struct stat *status, uint64_t start_realtime_ns) {
  return (status->st_uid == geteuid() || status->st_uid == 0) && ((uint64_t)status->st_mtime + 1) * SECOND_NS >= start_realtime_ns;
}

static int open_trusted(const char *path, uint64_t start_realtime_ns, struct stat *status) {
  const int fd = regular_open(path);
  if (fd >= 0 && fstat(fd, status) == 0 && is_trusted(status, start_realtime_ns)) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

struct jit_map *jit_map_read(const char *directory, uint32_t pid, uint64_t start_realtime_ns) {
  struct stat status;
  char *const kept = must_print("%s/%" PRIu32 ".map", directory, pid), *const theirs = must_print("/tmp/perf-%" PRIu32 ".map", pid);
  int fd = open_trusted(kept, start_realtime_ns, &status);
  if (fd < 0) fd = open_trusted(theirs, start_realtime_ns, &status);
  free(kept);
  free(theirs);
  if (fd < 0) return NULL;
  struct jit_map *const map = must_allocate(sizeof(*map));
  map->text = read_text(fd, status.st_size);
  close(fd);
  take_text(map);
  return map;
}

void jit_map_free(struct jit_map *map) {
  if (map == NULL) return;
  free(map->functions);
  free(map->text);
  free(map);
}

/* ---- Asking ---- */

const char *jit_map_find(const struct jit_map *map, uint64_t address) {
  size_t low = 0, high = map->count; /* the functions that begin at or before the address are those below `high` */
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (map->functions[middle].start <= address) low = middle + 1;
    else high = middle;
  }
  const struct function *found = NULL;
  for (size_t i = 0; i < LOOK_BACK && i < high; i++) {
    const struct function *const f = &map->functions[high - 1 - i];
    if (address - f->start < f->size && (found == NULL || f->line > found->line)) found = f;
  }
  return found != NULL ? found->name : NULL;
}

/* ---- Keeping ---- */

static void copy(const char *directory, uint32_t pid) {
  char *const from = must_print("/tmp/perf-%" PRIu32 ".map", pid), *const to = must_print("%s/%" PRIu32 ".map", directory, pid);
  struct stat status;
  const int in = open_trusted(from, 0, &status), out = in >= 0 ? open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
  if (out >= 0) {
    char *const text = read_text(in, status.st_size);
    const size_t length = strlen(text);
    for (size_t done = 0; done < length;) {
      const ssize_t wrote = write(out, text + done, length - done);
      if (wrote <= 0) break;
      done += (size_t)wrote;
    }
    free(text);
    close(out);
  }
  if (in >= 0) close(in);
  free(from);
  free(to);
}

void jit_map_keep(const char *stats, const char *directory) {
  DIR *const entries = opendir(stats);
  if (entries == NULL) return;
  for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    char *end;
    const unsigned long pid = strtoul(entry->d_name, &end, 10);
    if (end != entry->d_name && strcmp(end, ".stats") == 0 && pid > 0 && pid <= UINT32_MAX) copy(directory, (uint32_t)pid);
  }
  closedir(entries);
}
