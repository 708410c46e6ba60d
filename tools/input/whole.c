/*
 * A stream of a trace made by LTTng has an index beside it (lttng-tools, ABI 1.x; numbers are big-endian):
 *
 *   index/NAME.idx:  magic  major  minor  entry size   (4 bytes each)
 *                    entries: offset of the packet in NAME, its size in bits, ...   (8 bytes each)
 *
 *   size of NAME == offset + size of the last packet; it is less if a write failed
 */
#include "whole.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "instrumentation/statistics/stats_block.h"
#include "common/error.h"
#include "inputs.h"
#include "common/memory.h"
#include "input/trace/metadata.h"
#include "common/regular.h"
#include "read_stats.h"

#define INDEX_MAGIC 0xC1F1DCC1u
#define SAID_MAX 5 /* a full disk cuts the data of each process */

struct index_header {
  uint32_t magic, major, minor, entry_size;
};
struct index_entry {
  uint64_t offset, packet_bits;
};

/* Counts one more missing item; failure() has its text. */
static void miss(struct whole *w) {
  if (w->missing++ < SAID_MAX) say("%s", failure());
}

/* The end of the last packet by the index; false if the index itself is cut off. */
static bool read_index(const char *path, uint64_t *end) {
  struct index_header header;
  struct index_entry entry;
  struct stat status;
  const int fd = regular_open(path);
  if (fd < 0) return false;
  *end = 0;
  bool good = fstat(fd, &status) == 0 && pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) && be32toh(header.magic) == INDEX_MAGIC;
  const uint64_t size = good ? be32toh(header.entry_size) : 0, entries = good ? (uint64_t)status.st_size - sizeof(header) : 0;
  good = good && size >= sizeof(entry) && entries % size == 0;
  if (good && entries > 0) {
    good = pread(fd, &entry, sizeof(entry), (off_t)(sizeof(header) + entries - size)) == (ssize_t)sizeof(entry);
    *end = be64toh(entry.offset) + be64toh(entry.packet_bits) / 8;
  }
  close(fd);
  return good || fail("%s is damaged or cut off", path);
}

static bool check_stream(const char *directory, const char *name) {
  char *const index = must_print("%s/index/%s.idx", directory, name), *const stream = must_print("%s/%s", directory, name);
  struct stat status;
  uint64_t end = 0;
  bool good = access(index, F_OK) != 0 || read_index(index, &end); /* not every tracer writes an index */
  if (good && access(index, F_OK) == 0 && stat(stream, &status) == 0 && (uint64_t)status.st_size < end) {
    good = fail("%s is cut off: %llu of %llu bytes", stream, (unsigned long long)status.st_size, (unsigned long long)end);
  }
  free(index);
  free(stream);
  return good;
}

static bool check_trace(const char *directory) {
  if (!metadata_check(directory)) return false;
  DIR *const files = opendir(directory);
  if (files == NULL) return fail("cannot read %s: %s", directory, strerror(errno));
  bool good = true;
  for (const struct dirent *entry; good && (entry = readdir(files)) != NULL;) {
    const bool stream = entry->d_name[0] != '.' && strcmp(entry->d_name, "metadata") != 0 && strcmp(entry->d_name, "index") != 0;
    if (stream) good = check_stream(directory, entry->d_name);
  }
  closedir(files);
  return good;
}

/* Whether another process's statistics could be written. */
static bool check_room(const char *directory) {
  char *const path = must_print("%s/.room", directory);
  const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  int error = fd < 0 ? errno : posix_fallocate(fd, 0, sizeof(struct stats_block));
  if (error == EOPNOTSUPP || error == EINVAL) error = 0;
  if (fd >= 0) close(fd);
  if (fd >= 0) unlink(path);
  free(path);
  return error == 0 || fail("nothing more can be written to %s (%s), so data may be missing", directory, strerror(error));
}

/* Checks each file. Returns the number of processes: one that called exec has several files. */
static size_t check_stats(struct whole *w, const struct inputs *inputs) {
  struct stats_identity *const all = must_allocate((inputs->stats_count + 1) * sizeof(*all));
  size_t files = 0, processes = 0;
  for (size_t i = 0; i < inputs->stats_count; i++) {
    if (read_stats_check(inputs->stats[i], &all[files])) files++;
    else miss(w);
  }
  for (size_t i = 0; i < files; i++) {
    bool became = false;
    for (size_t other = 0; other < files && !all[i].complete && !became; other++) became = read_stats_became(&all[i], &all[other]);
    processes += !became;
  }
  free(all);
  return processes;
}

struct whole whole_check(const char *directory, bool with_trace) {
  struct whole w = {0};
  struct inputs inputs = {0};
  struct stat status;
  if (stat(directory, &status) != 0) {
    fail("the data are gone: cannot find %s: %s", directory, strerror(errno));
    miss(&w);
    return w;
  }
  inputs_add(&inputs, directory); /* the counts report a directory without data */
  w.processes = check_stats(&w, &inputs);
  if (with_trace && inputs.trace_count == 0) {
    fail("there is no trace in %s", directory);
    miss(&w);
  }
  for (size_t i = 0; i < inputs.trace_count; i++) {
    if (!check_trace(inputs.traces[i])) miss(&w);
  }
  if (!check_room(directory)) miss(&w);
  if (w.missing > SAID_MAX) say("and %zu more like these", w.missing - SAID_MAX);
  inputs_fini(&inputs);
  return w;
}
