#include "maps.h"

#include <string.h>

#include "platform/file.h"
#include "platform/syscall.h"
#include "os.h"

#define CHUNK 256                      /* bytes of one read: stacks of coroutines are small */
#define LINE_MAX_KEPT (80 + MAPS_PATH) /* the text before the path is shorter than 80 characters */

static const char *hex_number(const char *text, uint64_t *value) {
  for (*value = 0;; text++) {
    const char c = *text;
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return text;
    *value = *value << 4 | (uint64_t)digit;
  }
}

/* One line "start-end perms offset dev inode   path"; false if it is not one. */
static bool parse_line(const char *line, struct maps_region *out) {
  uint64_t start, end;
  line = hex_number(line, &start);
  if (*line++ != '-') return false;
  line = hex_number(line, &end);
  if (strlen(line) < 6) return false;
  out->start = start;
  out->end = end;
  out->readable = line[1] == 'r';
  out->writable = line[2] == 'w';
  out->executable = line[3] == 'x';
  out->shared = line[4] == 's';
  line = hex_number(line + 6, &out->offset);
  const char *path = strpbrk(line, "/[");
  const size_t length = path != NULL ? min_size(strlen(path), MAPS_PATH - 1) : 0;
  if (length != 0) memcpy(out->path, path, length);
  out->path[length] = '\0';
  return true;
}

/* Calls `visit` for each line until it returns true. False if the file cannot be read. */
static bool each_line(const struct own_file *file, bool (*visit)(const char *line, void *context), void *context) {
  char chunk[CHUNK], line[LINE_MAX_KEPT];
  size_t length = 0;
  off_t offset = 0;
  for (ssize_t n; (n = file_read_at(file, chunk, sizeof(chunk), offset)) != 0; offset += n) {
    if (n < 0) return false;
    for (ssize_t i = 0; i < n; i++) {
      if (chunk[i] != '\n') {
        if (length < sizeof(line) - 1) line[length++] = chunk[i];
        continue;
      }
      line[length] = '\0';
      length = 0;
      if (visit(line, context)) return true;
    }
  }
  return true;
}

struct visitor {
  bool (*visit)(const struct maps_region *region, void *context);
  void *context;
};

static bool visit_region(const char *line, void *context) {
  const struct visitor *visitor = context;
  struct maps_region region;
  return parse_line(line, &region) && visitor->visit(&region, visitor->context);
}

bool maps_each(bool (*visit)(const struct maps_region *region, void *context), void *context) {
  const int saved = errno;
  struct own_file file = file_open_process("maps");
  const bool whole = each_line(&file, visit_region, &(struct visitor){visit, context});
  file_close(&file);
  errno = saved;
  return whole;
}

struct search {
  uintptr_t address;
  struct maps_region *out;
  bool found;
};

/* Stops at the first mapping that ends behind the address: either it holds the address, or nothing does. */
static bool decides(const struct maps_region *region, void *context) {
  struct search *search = context;
  if (search->address >= region->end) return false;
  search->found = search->address >= region->start;
  if (search->found) *search->out = *region;
  return true;
}

enum maps_answer maps_find(uintptr_t address, struct maps_region *out) {
  struct search search = {address, out, false};
  if (!maps_each(decides, &search)) return MAPS_UNKNOWN;
  return search.found ? MAPS_FOUND : MAPS_NOTHING;
}

/* The kernel copies the set of signals, 8 bytes, before it refuses what should be done with it. */
static long answer_about(const void *p) {
  const uint64_t *const word = (const uint64_t *)align_down((uintptr_t)p, sizeof(uint64_t));
  return sys_raw(SYS_rt_sigprocmask, ~0L, (long)word, 0, sizeof(*word), 0, 0);
}

bool maps_is_readable(const void *p) { return answer_about(p) != -EFAULT; }

bool maps_is_surely_readable(const void *p) { return answer_about(p) == -EINVAL; }

/* By the thread's number: once the first thread has ended, the kernel finds no memory behind the process's. */
bool maps_read(void *to, const void *from, size_t size) {
  const int saved = errno;
  const struct iovec here = {to, size}, there = {(void *)(uintptr_t)from, size};
  const bool read_all = sys_process_vm_readv(sys_gettid(), &here, &there) == (ssize_t)size;
  errno = saved;
  return read_all;
}

struct wiped {
  uintptr_t address;
  bool here, wiped;
};

#define FLAGS "VmFlags:"

static bool tells_wiped(const char *line, void *context) {
  struct wiped *w = context;
  struct maps_region region;
  if (parse_line(line, &region)) {
    w->here = w->address >= region.start && w->address < region.end;
    return region.start > w->address;
  }
  if (!w->here || strncmp(line, FLAGS, sizeof(FLAGS) - 1) != 0) return false;
  w->wiped = strstr(line, " wf") != NULL;
  return true;
}

bool maps_is_wiped(const void *p, uint8_t got) {
  struct wiped w = {.address = (uintptr_t)p};
  if (got != 0 || !os_was_forked()) return false;
  const int saved = errno;
  struct own_file file = file_open_process("smaps");
  each_line(&file, tells_wiped, &w);
  file_close(&file);
  errno = saved;
  return w.wiped;
}
