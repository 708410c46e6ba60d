#include "mappings.h"

#include <stdlib.h>
#include <string.h>

#include "src/platform/base.h"
#include "src/platform/file.h"
#include "src/memory/os.h"

#define NAMES_MOST 64u /* further ones are added to none */

struct reading {
  struct own_file file;
  off_t at;
  char buffer[4096];
  size_t length, next;
  struct stats_mapping names[NAMES_MOST];
  uint32_t count;
  struct stats_mapping *current; /* whose lines are being read */
  bool after_guard, is_guard;    /* the last mapping but one, and the last one, allow no access */
};

/* ---- Lines. ---- */

static bool next_byte(struct reading *r, char *c) {
  if (r->next == r->length) {
    const ssize_t got = file_read_at(&r->file, r->buffer, sizeof(r->buffer), r->at);
    if (got <= 0) return false;
    r->at += got;
    r->length = (size_t)got;
    r->next = 0;
  }
  *c = r->buffer[r->next++];
  return true;
}

/* The next line, cut to `size` bytes. False at the end of the file. */
static bool next_line(struct reading *r, char *line, size_t size) {
  size_t length = 0;
  char c;
  bool any = false;
  for (; next_byte(r, &c); any = true) {
    if (c == '\n') break;
    if (length + 1 < size) line[length++] = c;
  }
  line[length] = '\0';
  return any || length > 0;
}

/* ---- Mappings. ---- */

static struct stats_mapping *place_of(struct reading *r, const char *name) {
  for (uint32_t i = 0; i < r->count; i++) {
    if (strcmp(r->names[i].name, name) == 0) return &r->names[i];
  }
  if (r->count == NAMES_MOST) return NULL;
  struct stats_mapping *const m = &r->names[r->count++];
  memset(m, 0, sizeof(*m));
  for (size_t i = 0; i + 1 < sizeof(m->name) && name[i] != '\0'; i++) m->name[i] = name[i];
  return m;
}

/* The part behind the n-th run of spaces. */
static const char *field(const char *line, unsigned n) {
  for (; n > 0 && *line != '\0'; n--) {
    while (*line != ' ' && *line != '\0') line++;
    while (*line == ' ') line++;
  }
  return line;
}

/* "7f00-7f10 rw-p 00000000 00:00 0   NAME". The C library puts a page without access before each stack, and hakmem around its own memory. */
static void begin_mapping(struct reading *r, const char *line) {
  const char *const access = field(line, 1), *const name = field(line, 5);
  r->after_guard = r->is_guard;
  r->is_guard = strncmp(access, "---", 3) == 0 && *name == '\0' && !os_is_guard((uintptr_t)strtoull(line, NULL, 16));
  const bool is_stack = r->after_guard && !r->is_guard;
  r->current = place_of(r, *name != '\0' ? name : is_stack ? STATS_MAPPING_STACKS : STATS_MAPPING_ANONYMOUS);
}

static void take_resident(struct reading *r, const char *line) {
  uint64_t kib = 0;
  for (const char *digit = field(line, 1); *digit >= '0' && *digit <= '9'; digit++) kib = kib * 10 + (uint64_t)(*digit - '0');
  if (r->current != NULL) r->current->resident += kib * 1024;
}

static void take_line(struct reading *r, const char *line) {
  if ((*line >= '0' && *line <= '9') || (*line >= 'a' && *line <= 'f')) begin_mapping(r, line);
  else if (strncmp(line, "Rss:", 4) == 0) take_resident(r, line);
}

static void keep_largest(struct stats_block *b, struct reading *r) {
  for (unsigned i = 0; i < STATS_MAPPINGS; i++) {
    struct stats_mapping *most = NULL;
    for (uint32_t n = 0; n < r->count; n++) {
      if (r->names[n].resident > 0 && (most == NULL || r->names[n].resident > most->resident)) most = &r->names[n];
    }
    if (most == NULL) return;
    b->mappings[i] = *most;
    most->resident = 0;
  }
}

void mappings_take(struct stats_block *b) {
  static struct reading r BULK; /* at the end of the process, by one thread */
  char line[STATS_TEXT + 96];
  memset(b->mappings, 0, sizeof(b->mappings));
  if (!stats_has_much_else(b)) return;
  memset(&r, 0, sizeof(r));
  r.file = file_open_process("smaps");
  while (next_line(&r, line, sizeof(line))) take_line(&r, line);
  file_close(&r.file);
  keep_largest(b, &r);
}
