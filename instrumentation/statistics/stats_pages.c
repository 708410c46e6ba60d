/*
 * stats_pages.c: from the block to its file.
 *
 *   in the file:  the pages of the block that are, or were, not zero; `publication` is odd while they are written, and even once they are
 *                 consistent; the first page is written last, with the checksum if the process ends
 */
#include <string.h>
#include <sys/single_threaded.h>

#include "src/memory/os.h"
#include "histogram.h"
#include "stats_pages.h"

#define PARTS_AT_ONCE 16
#define PAGES_AT_ONCE 8 /* most of the block is never touched */
#define PAGE_MAX_COUNT (sizeof(struct stats_block) / 4096 + 2 + PAGES_AT_ONCE)
#define TRIES 3
#define CHECKED_AT_ONCE 16384 /* bytes */
#define COPY_PUBLICATION 4    /* even, and not that of a file with nothing but its beginning */

static bool in_file[PAGE_MAX_COUNT] BULK; /* the pages that are not holes, */
static bool touched[PAGE_MAX_COUNT] BULK; /* and those of the block that may have something, when they were last written */
static uint32_t map_in_file[STATS_MAPS];  /* map_made of the maps that the file has; 0: none */
static size_t resident;                   /* bytes; atomic */

size_t pages_resident(void) { return __atomic_load_n(&resident, __ATOMIC_RELAXED); }

void pages_none(void) {
  memset(in_file, 0, sizeof(in_file));
  __atomic_store_n(&resident, 0, __ATOMIC_RELAXED);
  pages_truncated();
}

void pages_truncated(void) { memset(map_in_file, 0, sizeof(map_in_file)); }

/* Asks the kernel which pages of the block were ever touched. If it does not tell, all count as touched. */
static void find_touched(const struct stats_block *b, size_t page, size_t count) {
  static uint64_t entries[PAGE_MAX_COUNT] BULK;
  struct own_file pagemap = file_open_process("pagemap");
  const ssize_t got = file_read_at(&pagemap, entries, count * sizeof(entries[0]), (off_t)((uintptr_t)b / page * sizeof(entries[0])));
  file_close(&pagemap);
  const size_t known = got > 0 ? (size_t)got / sizeof(entries[0]) : 0;
  size_t present = 0;
  memset(touched, 0, known);
  memset(touched + known, 1, count - known);
  for (size_t i = 0; i < known; i += PAGES_AT_ONCE) {
    uint64_t any = 0;
    for (size_t k = 0; k < PAGES_AT_ONCE; k++) any |= entries[i + k]; /* beyond the last one are old ones: some of the array is behind `known` */
    if (any >> 62 == 0) continue;
    for (size_t k = i; k < i + PAGES_AT_ONCE && k < known; k++) {
      touched[k] = entries[k] >> 62 != 0; /* in memory, or swapped out */
      present += entries[k] >> 63;
    }
  }
  __atomic_store_n(&resident, known == count ? present * page : 0, __ATOMIC_RELAXED);
}

struct part {
  size_t start, end;
}; /* bytes of the block */

/* Parts that are written together: the file is checked, and the signals are blocked, once for all of them. */
struct parts {
  const struct own_file *file;
  struct file_piece piece[PARTS_AT_ONCE];
  size_t count;
};

static int write_parts(struct parts *parts) {
  const int error = parts->count == 0 ? 0 : file_write_pieces(parts->file, parts->piece, parts->count);
  parts->count = 0;
  return error;
}

static int add_part(const struct stats_block *b, struct parts *parts, const struct part *part) {
  if (part->start == part->end) return 0;
  parts->piece[parts->count++] = (struct file_piece){(const char *)b + part->start, part->end - part->start, (off_t)part->start};
  return parts->count == PARTS_AT_ONCE ? write_parts(parts) : 0;
}

/* Whether a part is all zero. READS_RACILY: other threads count in it at the same time; the next copy has their counts. */
READS_RACILY static bool is_zero(const struct stats_block *b, size_t start, size_t end) {
  static_assert(sizeof(*b) % sizeof(uint64_t) == 0, "read by words");
  for (size_t at = start; at < end; at += sizeof(uint64_t)) {
    if (__atomic_load_n((const uint64_t *)((const char *)b + at), __ATOMIC_RELAXED) != 0) return false;
  }
  return true;
}

/* Whether a page holds nothing but a map that the file has already, or that was never made. */
static bool is_written_map(const uint32_t made[STATS_MAPS], size_t start, size_t end) {
  const size_t maps = offsetof(struct stats_block, maps), size = sizeof(struct stats_map);
  if (start < maps) return false;
  const size_t first = (start - maps) / size, last = (end - 1 - maps) / size;
  return last < STATS_MAPS && made[first] == map_in_file[first] && made[last] == map_in_file[last];
}

/* The first page from `i` on that is in the file or may have something; `count` or more if there is none. */
static size_t find_page(size_t i, size_t count) {
  while (i < count && !in_file[i] && !touched[i]) {
    uint64_t kept, fresh; /* eight pages in a word */
    memcpy(&kept, &in_file[i], sizeof(kept));
    memcpy(&fresh, &touched[i], sizeof(fresh));
    i += (kept | fresh) == 0 ? sizeof(kept) : 1;
  }
  return i;
}

/* Of the pages from the second on. */
READS_RACILY static uint64_t sum_of_pages(const struct stats_block *b, size_t page, size_t count) {
  uint64_t sum = 0;
  for (size_t i = find_page(1, count); i < count; i = find_page(i + 1, count)) {
    const size_t start = i * page, end = min_size(start + page, sizeof(*b));
    sum = stats_checksum(sum, (const uint64_t *)(const void *)((const char *)b + start), (end - start) / sizeof(uint64_t), start);
  }
  return sum;
}

/* What a thread that is alone knows of the file: nothing may have changed between two sums, and each page must be written between them. */
struct known {
  bool wanted, whole;
  uint64_t sum;
};

/* Writes what `parts` has, and the pages from the second on; adjacent pages in one call. */
static int write_pages(const struct stats_block *b, struct parts *parts, size_t page, size_t count, struct known *known) {
  struct part part = {page, page};
  uint32_t made[STATS_MAPS];
  int error = 0;
  memcpy(made, b->map_made, sizeof(made));
  find_touched(b, page, count);
  known->whole = known->wanted;
  if (known->wanted) known->sum = sum_of_pages(b, page, count);
  for (size_t i = find_page(1, count); i < count && error == 0; i = find_page(i + 1, count)) {
    const size_t start = i * page, end = min_size(start + page, sizeof(*b));
    if (is_written_map(made, start, end)) { /* of one that was begun and not ended, the sum has words that the file lacks */
      known->whole = known->whole && !in_file[i] && is_zero(b, start, end);
      continue;
    }
    if (!in_file[i] && (!touched[i] || is_zero(b, start, end))) continue;
    in_file[i] = true;
    if (part.end != start) {
      error = add_part(b, parts, &part);
      part.start = start;
    }
    part.end = end;
  }
  if (error == 0) error = add_part(b, parts, &part);
  if (error == 0) error = write_parts(parts);
  if (error == 0) memcpy(map_in_file, made, sizeof(made));
  return error;
}

/* A bucket or a snapshot that is written while one of these numbers grows may be of two moments. */
struct versions {
  uint32_t rounds, changes;
};
static struct versions versions_of(const struct stats_block *b) {
  return (struct versions){histogram_rounds(), __atomic_load_n(&b->changes, __ATOMIC_SEQ_CST)};
}
static bool is_still(const struct stats_block *b, struct versions before) {
  const struct versions now = versions_of(b);
  return now.rounds == before.rounds && now.changes == before.changes;
}

/*
 * Of an ended process, whose other threads may still count: so the sum is that of the file. Any later writing of the first page takes it away again, because
 * `checksum` is 0 in memory.
 */
static int read_checksum(const struct own_file *file, size_t page, size_t count) {
  static uint64_t words[CHECKED_AT_ONCE / sizeof(uint64_t)] BULK;
  uint64_t sum = 0;
  for (size_t i = 0; i < count;) {
    size_t pages = 0;
    while (i + pages < count && in_file[i + pages] && (pages + 1) * page <= sizeof(words)) pages++;
    const size_t start = i * page, size = min_size(start + pages * page, sizeof(struct stats_block)) - start;
    if (pages == 0 && in_file[i]) return 0; /* pages that are larger than the buffer */
    i += pages > 0 ? pages : 1;
    if (pages == 0) continue;
    if (file_read_at(file, words, size, (off_t)start) != (ssize_t)size) return 0;
    sum = stats_checksum(sum, words, size / sizeof(words[0]), start);
  }
  return file_write_at(file, &sum, sizeof(sum), offsetof(struct stats_block, checksum));
}

int pages_write(const struct own_file *file, struct stats_block *b, bool first_alone) {
  const size_t page = os_page_size(), count = align_up(sizeof(*b), page) / page;
  const struct part number = {offsetof(struct stats_block, publication), offsetof(struct stats_block, publication) + sizeof(b->publication)};
  struct parts parts = {.file = file, .count = 0};
  const bool ends = b->complete == 1 || b->exited == 1;
  struct known known = {.wanted = ends && __libc_single_threaded};
  int error = 0;
  b->publication |= 1;
  if (in_file[0]) error = add_part(b, &parts, &number);
  for (unsigned i = 0; i < TRIES && error == 0 && !first_alone; i++) {
    const struct versions before = versions_of(b);
    error = write_pages(b, &parts, page, count, &known);
    if (is_still(b, before)) break;
  }
  b->publication++;
  in_file[0] = true;
  const size_t first = min_size(page, sizeof(*b));
  known.whole = known.whole && error == 0 && sum_of_pages(b, page, count) == known.sum;
  if (known.whole) b->checksum = stats_checksum(known.sum, (const uint64_t *)(const void *)b, first / sizeof(uint64_t), 0);
  if (error == 0) error = file_write_at(file, b, first, 0);
  b->checksum = 0;
  return ends && error == 0 && !known.whole ? read_checksum(file, page, count) : error;
}

/* ---- A copy. ---- */

/* Makes the file empty, and writes all pages that are not zero. */
static int write_whole(const struct stats_block *b, const struct own_file *to) {
  const size_t page = os_page_size();
  int error = file_resize(to, 0);
  if (error == 0) error = file_resize(to, STATS_FILE_SIZE);
  for (size_t start = 0; start < sizeof(*b) && error == 0; start += page) {
    const size_t end = min_size(start + page, sizeof(*b));
    if (!is_zero(b, start, end)) error = file_write_at(to, (const char *)b + start, end - start, (off_t)start);
  }
  return error;
}

int pages_copy(const struct own_file *to, const struct stats_block *b) {
  int error = 0;
  for (unsigned i = 0; i < TRIES && error == 0; i++) {
    const struct versions before = versions_of(b);
    error = write_whole(b, to);
    if (is_still(b, before)) break;
  }
  static const uint32_t whole[] = {COPY_PUBLICATION, 1}; /* the block itself may be in the middle of a writing */
  if (error == 0) error = file_write_at(to, &whole[0], sizeof(whole[0]), offsetof(struct stats_block, publication));
  return error != 0 ? error : file_write_at(to, &whole[1], sizeof(whole[1]), offsetof(struct stats_block, is_copy));
}
