#include "config.h"

#include <string.h>

#include "syscall.h"

#define DEFAULT_NUMBER(member, NAME, def, ...) .member = def,
#define DEFAULT_TEXT(member, NAME, ...) .member = "",
struct config config = {CONFIG_OPTIONS(DEFAULT_NUMBER, DEFAULT_NUMBER, DEFAULT_TEXT, DEFAULT_NUMBER)};

bool config_file_path(const char *pattern, char out[PATH_MAX]) {
  static char start[PATH_MAX];
  if (start[0] == '\0' && sys_getcwd(start, sizeof(start) - 1) <= 0) start[0] = '\0';
  char own[CONFIG_TEXT_MAX + 32];
  config_expand_path(pattern, own, sizeof(own));
  const bool relative = own[0] != '/' && start[0] == '/'; /* for a directory outside of the root, the kernel says "(unreachable)/..." */
  const size_t before = relative ? strlen(start) : 0, length = strlen(own);
  if (before + 1 + length >= PATH_MAX) return false;
  memcpy(out, start, before);
  if (relative) out[before] = '/';
  memcpy(out + before + relative, own, length + 1);
  return true;
}

/* Returns how many digits there are. Not a message, which would need 2 KB of a stack that may be a fiber's of one page. */
static size_t put_number(char *at, uint64_t value) {
  char digits[20];
  size_t from = sizeof(digits);
  for (; value != 0 || from == sizeof(digits); value /= 10) digits[--from] = (char)('0' + value % 10);
  memcpy(at, digits + from, sizeof(digits) - from);
  return sizeof(digits) - from;
}

void config_expand_path(const char *pattern, char *out, size_t size) {
  char pid[20];
  const size_t digits = put_number(pid, (uint64_t)sys_getpid());
  size_t length = 0;
  for (; *pattern && length < size - 1; pattern++) {
    if (pattern[0] == '%' && pattern[1] == 'p') {
      const size_t kept = min_size(digits, size - 1 - length);
      memcpy(out + length, pid, kept);
      length += kept;
      pattern++;
    } else {
      out[length++] = *pattern;
    }
  }
  out[length] = '\0';
}

void config_other_path(char *path, size_t length, unsigned name) {
  path[length++] = '.';
  length += put_number(path + length, (uint64_t)sys_getpid());
  if (name > 1) path[length++] = '.';
  if (name > 1) length += put_number(path + length, name);
  path[length] = '\0';
}
