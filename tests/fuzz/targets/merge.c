/*
 * merge: the file of a merge whose checksum is right, whatever is in it; it is read, added to another merge, and shown.
 *
 *   form 1: even: patches of a sound merge:   part 1   offset 3   length 1 (mod 32)   bytes
 *           odd: the runs of the body:        zeros 3   count 1 (mod 64)   words: each a length 1 (mod 9), and its lowest bytes
 */
#include "tests/fuzz/block.h"
#include "tests/fuzz/text.h"

#include "common/error.h"
#include "input/merged/merged.h"
#include "input/stats_model.h"
#include "report/print.h"

#define WORDS (sizeof(struct merged) / sizeof(uint64_t))
#define BODY_MOST 65536
#define PATCHES_MOST 64

static struct {
  char magic[8];
  uint32_t format, stats_version;
  uint64_t size, body, checksum;
  uint64_t words[BODY_MOST];
} file = {.magic = "HAKMERGE"};

static uint64_t checksum(size_t count) {
  uint64_t h = count * sizeof(uint64_t);
  for (size_t i = 0; i < count; i++) {
    h = (h ^ file.words[i]) * 0x9fb21c651e98df25u;
    h ^= h >> 29;
  }
  return h;
}

static size_t build_runs(struct input *in) {
  size_t count = 0, at = 0;
  while (input_left(in) > 0 && count + 300 < BODY_MOST && at < WORDS) {
    size_t zeros = (size_t)input_number(in, 3), words = (size_t)input_number(in, 1) % 64;
    if (zeros > WORDS - at) zeros = WORDS - at;
    if (words > WORDS - at - zeros) words = WORDS - at - zeros;
    file.words[count++] = zeros | words << 32;
    for (size_t i = 0; i < words; i++) file.words[count++] = input_number(in, (unsigned)input_number(in, 1) % 9);
    at += zeros + words;
  }
  if (at < WORDS) file.words[count++] = WORDS - at;
  return count;
}

/* ---- A sound merge, and patches on it. ---- */

static const struct {
  size_t offset, size;
} parts[] = {
#define PART(name) {offsetof(struct merged, name), sizeof(((struct merged *)0)->name)},
  PART(sums) PART(highest) PART(program) PART(version) PART(hosts) PART(members) PART(latency) PART(errors)};

static void make_sound(struct merged *m) {
  struct input none = {0};
  struct report *const r = model_create(SOURCE_STATS, "/nowhere");
  MUST(stats_model_add(r, block_of(&none, 0), "block"));
  model_finish(r);
  MUST(merged_add_report(m, r));
  model_destroy(r);
}

/* Runs of words, as the writer of merges makes them, but for its rule on short gaps. */
static size_t encode(const struct merged *m) {
  const uint64_t *const words = (const uint64_t *)(const void *)m;
  size_t count = 0;
  for (size_t at = 0; at < WORDS && count + 2 < BODY_MOST;) {
    const size_t begin = at, head = count++;
    while (at < WORDS && words[at] == 0) at++;
    const size_t first = at;
    while (at < WORDS && words[at] != 0 && count < BODY_MOST) file.words[count++] = words[at++];
    file.words[head] = (first - begin) | (uint64_t)(at - first) << 32;
  }
  return count;
}

static size_t build_patched(struct input *in) {
  static struct merged sound, m;
  static struct { size_t at, size; } patched[PATCHES_MOST];
  static unsigned patches;
  if (sound.sums.processes == 0) {
    make_sound(&sound);
    m = sound;
  }
  while (patches-- > 0) memcpy((char *)&m + patched[patches].at, (const char *)&sound + patched[patches].at, patched[patches].size);
  for (patches = 0; patches < PATCHES_MOST && input_left(in) > 0; patches++) {
    const size_t part = (size_t)input_number(in, 1) % (sizeof(parts) / sizeof(parts[0])), offset = (size_t)input_number(in, 3);
    const size_t length = (size_t)input_number(in, 1) % 32 + 1, at = parts[part].offset + offset % (parts[part].size - length + 1);
    input_copy(in, (char *)&m + at, length);
    patched[patches].at = at;
    patched[patches].size = length;
  }
  return encode(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static struct merged m, other;
  struct input in = {bytes, bytes + size};
  const size_t count = input_number(&in, 1) % 2 == 0 ? build_patched(&in) : build_runs(&in);
  file.format = 1;
  file.stats_version = STATS_VERSION;
  file.size = sizeof(struct merged);
  file.body = count * sizeof(uint64_t);
  file.checksum = checksum(count);
  const char *const path = input_file(&file, offsetof(typeof(file), words) + file.body);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  MUST(fd >= 0 && merged_is_file(fd));
  const bool good = merged_read(&m, fd, path);
  close(fd);
  MUST(good || failure()[0] != '\0');
  if (!good) return 0;
  memset(&other, 0, sizeof(other));
  MUST(merged_add(&other, &m));
  struct report *const r = model_create(SOURCE_STATS, "/nowhere");
  merged_to_report(r, &m);
  model_finish(r);
  char *text;
  size_t text_size;
  FILE *const out = open_memstream(&text, &text_size);
  MUST(out != NULL);
  print_text(out, &(struct page){.stats = r, .main = r, .memory = r, .path = "/nowhere", .all = true});
  fclose(out);
  MUST(text_is_plain(text, text_size));
  free(text);
  model_destroy(r);
  return 0;
}
