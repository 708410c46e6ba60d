#include "config.h"

#include <string.h>

#include "message.h"
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

void config_expand_path(const char *pattern, char *out, size_t size) {
  struct message m;
  message_start(&m);
  for (; *pattern; pattern++) {
    if (pattern[0] == '%' && pattern[1] == 'p') {
      message_number(&m, (uint64_t)sys_getpid());
      pattern++;
    } else {
      message_text(&m, (const char[2]){*pattern, '\0'});
    }
  }
  const size_t length = min_size(m.length, size - 1);
  memcpy(out, m.text, length);
  out[length] = '\0';
}
