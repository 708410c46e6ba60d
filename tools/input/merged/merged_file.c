/*
 * merged_file.c: the file of a merge.
 *
 *   head                       magic, versions, sizes, checksum of the body
 *   body: zeros count words    4 + 4 + 8 * count bytes: `zeros` words of zero, then `count` words as they follow; again until the structure is full
 *
 * The same merge always makes the same bytes. The words are as in memory: little-endian, as every machine that hakmem runs on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"
#include "merged.h"

#define MAGIC "HAKMERGE"
#define FORMAT 1
#define WORDS (sizeof(struct merged) / sizeof(uint64_t))
#define GAP 2 /* zeros in a row that end a run of words; a single zero takes less room than the head of a new run */

struct head {
  char magic[8];
  uint32_t format, stats_version;
  uint64_t size, body, checksum; /* size of the structure; bytes of the body */
};
struct run {
  uint32_t zeros, count;
};

static uint64_t checksum_of(const void *data, size_t size) {
  uint64_t h = size;
  for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
    uint64_t word;
    memcpy(&word, (const char *)data + i, sizeof(word));
    h = (h ^ word) * 0x9fb21c651e98df25u;
    h ^= h >> 29;
  }
  return h;
}

/* ---- Reading. ---- */

bool merged_is_file(int fd) {
  char magic[sizeof(MAGIC) - 1];
  return pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) && memcmp(magic, MAGIC, sizeof(magic)) == 0;
}

static bool check_head(const struct head *head, uint64_t size, const char *path) {
  if (size < sizeof(*head)) return fail("%s is cut off: %llu of at least %zu bytes", path, (unsigned long long)size, sizeof(*head));
  if (head->format != FORMAT || head->stats_version != STATS_VERSION || head->size != sizeof(struct merged)) {
    return fail("%s was written by another version of hakmem merge (%u.%u, this program reads %d.%d); use the hakmem that wrote it", path, head->format,
                head->stats_version, FORMAT, STATS_VERSION);
  }
  if (head->body > 2 * sizeof(struct merged)) return fail("%s is damaged: its size is wrong", path);
  const uint64_t whole = sizeof(*head) + head->body;
  if (size < whole) return fail("%s is cut off: %llu of %llu bytes", path, (unsigned long long)size, (unsigned long long)whole);
  return (size - sizeof(*head) == head->body && head->body % sizeof(uint64_t) == 0) || fail("%s is damaged: its size is wrong", path);
}

static bool decode(struct merged *m, const uint64_t *body, size_t length) {
  uint64_t *const words = (uint64_t *)m;
  size_t at = 0, read = 0;
  while (read < length && at < WORDS) {
    struct run run;
    memcpy(&run, &body[read++], sizeof(run));
    if (run.zeros > WORDS - at || run.count > WORDS - at - run.zeros || run.count > length - read) return false;
    at += run.zeros;
    memcpy(&words[at], &body[read], run.count * sizeof(uint64_t));
    at += run.count;
    read += run.count;
  }
  return at == WORDS && read == length;
}

static bool is_true_set(const struct merged_ids *ids) {
  if (ids->count > MERGED_IDS || ids->more > 1) return false;
  for (size_t i = 1; i < ids->count; i++) {
    if (ids->id[i] <= ids->id[i - 1]) return false;
  }
  return true;
}

static bool is_true_text(const struct merged_text *text) {
  return text->first[STATS_TEXT - 1] == '\0' && text->last[STATS_TEXT - 1] == '\0' && strcmp(text->first, text->last) <= 0;
}

static bool is_true_histogram(const struct histogram *h) {
  uint64_t count = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    if (__builtin_add_overflow(count, h->bucket[i], &count)) count = UINT64_MAX;
    if (count == UINT64_MAX) break;
  }
  return count == h->count && (count == 0 || ~h->min_inverted <= h->max);
}

static bool is_true(const struct merged *m) {
  if (m->sums.processes == 0 || m->highest.overflowed > 1 || m->hosts.count == 0) return false;
  if (m->highest.most.strategy >= lookup_strategy_count || !is_true_set(&m->hosts) || !is_true_set(&m->members)) return false;
  if (!is_true_text(&m->program) || !is_true_text(&m->version)) return false;
  for (size_t i = 0; i < MERGED_HISTOGRAMS; i++) {
    if (!is_true_histogram(&(&m->latency.lookup[0][0])[i])) return false;
  }
  return true;
}

bool merged_read(struct merged *m, int fd, const char *path) {
  struct head head;
  struct stat status;
  const bool there = pread(fd, &head, sizeof(head), 0) >= 0 && fstat(fd, &status) == 0;
  if (!there) return fail("cannot read %s: %s", path, strerror(errno));
  if (!check_head(&head, (uint64_t)status.st_size, path)) return false;
  uint64_t *const body = must_allocate(head.body + 1);
  const bool whole = pread(fd, body, head.body, sizeof(head)) == (ssize_t)head.body;
  memset(m, 0, sizeof(*m));
  const bool good = whole && checksum_of(body, head.body) == head.checksum && decode(m, body, head.body / sizeof(uint64_t)) && is_true(m);
  free(body);
  return good || fail("%s is damaged: what is in it is not what hakmem merge wrote", path);
}

/* ---- Writing. ---- */

/* Returns the number of words; the caller frees `*body`. */
static size_t encode(const struct merged *m, uint64_t **body) {
  const uint64_t *const words = (const uint64_t *)m;
  size_t length = 0, capacity = 0, at = 0;
  *body = NULL;
  while (at < WORDS) {
    struct run run = {0};
    while (at < WORDS && words[at] == 0) at++, run.zeros++;
    size_t end = at, zeros = 0;
    for (size_t i = at; i < WORDS && zeros < GAP; i++) {
      zeros = words[i] == 0 ? zeros + 1 : 0;
      if (zeros == 0) end = i + 1;
    }
    run.count = (uint32_t)(end - at);
    *body = must_grow(*body, length, &capacity, sizeof(**body));
    memcpy(&(*body)[length++], &run, sizeof(run));
    for (; at < end; at++) {
      *body = must_grow(*body, length, &capacity, sizeof(**body));
      (*body)[length++] = words[at];
    }
  }
  return length;
}

static bool write_all(int fd, const void *data, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t wrote = write(fd, (const char *)data + done, size - done);
    if (wrote < 0 && errno != EINTR) return false;
    if (wrote > 0) done += (size_t)wrote;
  }
  return true;
}

bool merged_write(const struct merged *m, const char *path) {
  uint64_t *body;
  const size_t size = encode(m, &body) * sizeof(*body);
  struct head head = {MAGIC, FORMAT, STATS_VERSION, sizeof(*m), size, checksum_of(body, size)};
  char *const beside = must_print("%s.XXXXXX", path);
  const mode_t mask = umask(0);
  umask(mask);
  const int fd = mkstemp(beside);
  bool good = fd >= 0 && fchmod(fd, 0666 & ~mask) == 0 && write_all(fd, &head, sizeof(head)) && write_all(fd, body, size) && fsync(fd) == 0;
  if (fd >= 0 && close(fd) != 0) good = false;
  good = good && rename(beside, path) == 0;
  if (!good) fail("cannot write %s: %s", path, strerror(errno));
  if (!good && fd >= 0) unlink(beside);
  free(body);
  free(beside);
  return good;
}
