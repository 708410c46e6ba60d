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
  char *text, *dump; /* the bytes of the two files, which names lie in; NULL if there is none */
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
}

/*
 * A jitdump: a header, then records, each with its id, its size and a time.
 *
 *   | magic 4 | version 4 | header size 4 | ...     | id 4 | size 4 | time 8 | of the id ...
 *   id 0, a function:  pid 4, tid 4, vma 8, address 8, size 8, index 8, name, NUL, code
 *   id 1, it moved:    pid 4, tid 4, vma 8, old address 8, new address 8, size 8, index 8
 */
#define DUMP_MAGIC 0x4a695444u /* as written by a machine of this byte order */
enum { DUMP_HEADER_SIZE = 8, RECORD_HEAD = 16, LOAD_ADDRESS = 32, LOAD_SIZE = 40, LOAD_NAME = 56, MOVE_OLD = 32, MOVE_NEW = 40, MOVE_SIZE = 48, MOVE_END = 64 };
enum { RECORD_LOAD = 0, RECORD_MOVE = 1 };

static uint32_t word_at(const char *at) {
  uint32_t word;
  memcpy(&word, at, sizeof(word));
  return word;
}

static uint64_t long_at(const char *at) {
  uint64_t number;
  memcpy(&number, at, sizeof(number));
  return number;
}

static void add_function(struct jit_map *map, uint64_t start, uint64_t size, char *name) {
  map->functions = must_grow(map->functions, map->count, &map->capacity, sizeof(*map->functions));
  map->functions[map->count] = (struct function){start, size, map->count, name};
  map->count++;
}

static void take_record(struct jit_map *map, char *record, uint32_t size) {
  const uint32_t id = word_at(record);
  if (id == RECORD_LOAD && size > LOAD_NAME && memchr(record + LOAD_NAME, '\0', size - LOAD_NAME) != NULL)
    add_function(map, long_at(record + LOAD_ADDRESS), long_at(record + LOAD_SIZE), record + LOAD_NAME);
  if (id != RECORD_MOVE || size < MOVE_END) return;
  for (size_t i = map->count; i-- > 0;) {
    if (map->functions[i].start != long_at(record + MOVE_OLD)) continue;
    add_function(map, long_at(record + MOVE_NEW), long_at(record + MOVE_SIZE), map->functions[i].name);
    return;
  }
}

/* Up to the first record that is not whole: the process may have been killed while it wrote. */
static void take_dump(struct jit_map *map, size_t length) {
  char *const dump = map->dump;
  if (length < RECORD_HEAD || word_at(dump) != DUMP_MAGIC) return;
  for (size_t at = word_at(dump + DUMP_HEADER_SIZE); at <= length && length - at >= RECORD_HEAD;) {
    const uint32_t size = word_at(dump + at + sizeof(uint32_t));
    if (size < RECORD_HEAD || size > length - at) return;
    take_record(map, dump + at, size);
    at += size;
  }
}

/* The bytes of the file, and a NUL behind them. */
static char *read_bytes(int fd, off_t size, size_t *count) {
  const size_t most = (size_t)(size < SIZE_MOST ? size : SIZE_MOST);
  char *const text = must_allocate(most + 1);
  size_t length = 0;
  for (ssize_t got; length < most && (got = read(fd, text + length, most - length)) > 0;) length += (size_t)got;
  text[length] = '\0';
  *count = length;
  return text;
}

/* A file of another user could put names into a report; an older file is of another process with the same id. */
static bool is_trusted(const struct stat *status, uint64_t start_realtime_ns) {
  return (status->st_uid == geteuid() || status->st_uid == 0) && ((uint64_t)status->st_mtime + 1) * SECOND_NS >= start_realtime_ns;
}

static int open_trusted(const char *path, uint64_t start_realtime_ns, struct stat *status) {
  const int fd = regular_open(path);
  if (fd >= 0 && fstat(fd, status) == 0 && is_trusted(status, start_realtime_ns)) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

/* The files of a process: the kept one, then those in the places that runtimes write to. */
static int open_first(const char *const *places, size_t count, uint64_t start_realtime_ns, struct stat *status) {
  for (size_t i = 0; i < count; i++) {
    const int fd = open_trusted(places[i], start_realtime_ns, status);
    if (fd >= 0) return fd;
  }
  return -1;
}

struct paths {
  char *kept, *theirs[2];
};

static struct paths map_paths(const char *directory, uint32_t pid) {
  return (struct paths){must_print("%s/%" PRIu32 ".map", directory, pid), {must_print("/tmp/perf-%" PRIu32 ".map", pid), NULL}};
}

/* Node.js writes it into the working directory, others into /tmp. */
static struct paths dump_paths(const char *directory, uint32_t pid) {
  return (struct paths){must_print("%s/%" PRIu32 ".dump", directory, pid),
                        {must_print("/tmp/jit-%" PRIu32 ".dump", pid), must_print("jit-%" PRIu32 ".dump", pid)}};
}

static void free_paths(struct paths *p) {
  free(p->kept);
  free(p->theirs[0]);
  free(p->theirs[1]);
}

static char *read_of(struct paths p, uint64_t start_realtime_ns, size_t *length) {
  struct stat status;
  const char *const places[] = {p.kept, p.theirs[0], p.theirs[1]};
  const int fd = open_first(places, p.theirs[1] != NULL ? 3 : 2, start_realtime_ns, &status);
  free_paths(&p);
  if (fd < 0) return NULL;
  char *const bytes = read_bytes(fd, status.st_size, length);
  close(fd);
  return bytes;
}

struct jit_map *jit_map_read(const char *directory, uint32_t pid, uint64_t start_realtime_ns) {
  size_t text_length, dump_length;
  char *const text = read_of(map_paths(directory, pid), start_realtime_ns, &text_length);
  char *const dump = read_of(dump_paths(directory, pid), start_realtime_ns, &dump_length);
  if (text == NULL && dump == NULL) return NULL;
  struct jit_map *const map = must_allocate(sizeof(*map));
  map->text = text;
  map->dump = dump;
  if (text != NULL) take_text(map);
  if (dump != NULL) take_dump(map, dump_length);
  if (map->count > 1) qsort(map->functions, map->count, sizeof(*map->functions), by_start);
  return map;
}

void jit_map_free(struct jit_map *map) {
  if (map == NULL) return;
  free(map->functions);
  free(map->text);
  free(map->dump);
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

static void copy(struct paths p) {
  struct stat status;
  const char *const places[] = {p.theirs[0], p.theirs[1]};
  const int in = open_first(places, p.theirs[1] != NULL ? 2 : 1, 0, &status);
  const int out = in >= 0 ? open(p.kept, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
  if (out >= 0) {
    size_t length;
    char *const bytes = read_bytes(in, status.st_size, &length);
    for (size_t done = 0; done < length;) {
      const ssize_t wrote = write(out, bytes + done, length - done);
      if (wrote <= 0) break;
      done += (size_t)wrote;
    }
    free(bytes);
    close(out);
  }
  if (in >= 0) close(in);
  free_paths(&p);
}

void jit_map_keep(const char *stats, const char *directory) {
  DIR *const entries = opendir(stats);
  if (entries == NULL) return;
  for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    char *end;
    const unsigned long pid = strtoul(entry->d_name, &end, 10);
    if (end != entry->d_name && strcmp(end, ".stats") == 0 && pid > 0 && pid <= UINT32_MAX) {
      copy(map_paths(directory, (uint32_t)pid));
      copy(dump_paths(directory, (uint32_t)pid));
    }
  }
  closedir(entries);
}
