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

/* Without a message, which would need 2 KB of a stack that may be a fiber's of one page. */
void config_expand_path(const char *pattern, char *out, size_t size) {
  char pid[20];
  size_t from = sizeof(pid), length = 0;
  for (uint64_t rest = (uint64_t)sys_getpid(); rest != 0 || from == sizeof(pid); rest /= 10) pid[--from] = (char)('0' + rest % 10);
  for (; *pattern && length < size - 1; pattern++) {
    if (pattern[0] == '%' && pattern[1] == 'p') {
      const size_t kept = min_size(sizeof(pid) - from, size - 1 - length);
      memcpy(out + length, pid + from, kept);
      length += kept;
      pattern++;
    } else {
      out[length++] = *pattern;
    }
  }
  out[length] = '\0';
}
