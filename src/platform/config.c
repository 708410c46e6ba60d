#include "config.h"

#include <string.h>
#include <sys/auxv.h>

#include "message.h"
#include "options.h"
#include "syscall.h"

#define PREFIX_LENGTH (sizeof(OPTION_PREFIX) - 1)

#define DEFAULT_NUMBER(member, NAME, def, ...) .member = def,
#define DEFAULT_TEXT(member, NAME, ...) .member = "",
struct config config = {CONFIG_OPTIONS(DEFAULT_NUMBER, DEFAULT_NUMBER, DEFAULT_TEXT)};

extern char **environ;

static uint32_t *number_of(const struct config_option *o) { return (uint32_t *)((char *)&config + o->offset); }
static char *text_of(const struct config_option *o) { return (char *)&config + o->offset; }

static void put_default(struct message *m, const struct config_option *o) {
  size_t length = 0;
  const char *choice;
  switch (o->kind) {
    case OPTION_NUMBER: message_number(m, o->default_value); break;
    case OPTION_CHOICE:
      choice = option_choice(o->form, o->default_value, &length);
      for (size_t i = 0; i < length; i++) message_text(m, (const char[2]){choice[i], '\0'});
      break;
    case OPTION_TEXT: message_text(m, "not set"); break;
  }
}

static void put_range(struct message *m, const struct config_option *o) {
  if (o->kind == OPTION_NUMBER) {
    message_number(m, o->lowest);
    message_text(m, " to ");
    message_number(m, o->highest);
    message_text(m, " ");
  }
  message_text(m, o->form);
}

static void say_bad_value(const struct config_option *o, const char *value) {
  struct message m;
  message_start(&m);
  message_text(&m, "hakmem: " OPTION_PREFIX);
  message_text(&m, o->name);
  message_text(&m, "=");
  message_quoted(&m, value);
  message_text(&m, " is not allowed (");
  put_range(&m, o);
  message_text(&m, "); using ");
  put_default(&m, o);
  message_error(&m);
}

static void say_unknown(const char *name, size_t length) {
  char copy[64];
  const size_t kept = min_size(length, sizeof(copy) - 1);
  memcpy(copy, name, kept);
  copy[kept] = '\0';
  struct message m;
  message_start(&m);
  message_text(&m, "hakmem: ");
  message_quoted(&m, copy);
  message_text(&m, " is not an option and is ignored; HAKMEM_HELP=1 lists the options");
  message_error(&m);
}

static void read_value(const struct config_option *o, const char *value) {
  if (!option_parse(o, value, number_of(o))) {
    say_bad_value(o, value);
  } else if (o->kind == OPTION_TEXT) {
    strcpy(text_of(o), value);
  }
}

bool config_read(void) {
  if (environ == NULL) return false;
  if (getauxval(AT_SECURE) != 0) return true;
  for (char **entry = environ; *entry != NULL; entry++) {
    if (strncmp(*entry, OPTION_PREFIX, PREFIX_LENGTH) != 0) continue;
    const char *equals = strchr(*entry, '=');
    if (equals == NULL) continue;
    const char *name = *entry + PREFIX_LENGTH;
    const size_t length = (size_t)(equals - name);
    const struct config_option *const found = option_find(name, length);
    if (found != NULL) {
      read_value(found, equals + 1);
    } else {
      say_unknown(*entry, length + PREFIX_LENGTH);
    }
  }
  return true;
}

void config_print(int fd) {
  struct message m;
  message_start(&m);
  message_text(&m, "hakmem options, from the environment:");
  message_send(&m, fd);
  for (const struct config_option *o = option_table; o->name != NULL; o++) {
    message_text(&m, "  " OPTION_PREFIX);
    message_text(&m, o->name);
    message_text(&m, "=");
    put_range(&m, o);
    message_text(&m, " (default ");
    put_default(&m, o);
    message_text(&m, ")");
    message_send(&m, fd);
    message_text(&m, "      ");
    message_text(&m, o->meaning);
    message_send(&m, fd);
  }
}

bool config_file_path(const char *pattern, char out[PATH_MAX]) {
  static char start[PATH_MAX];
  if (start[0] == '\0' && sys_getcwd(start, sizeof(start) - 1) <= 0) start[0] = '\0';
  char own[CONFIG_TEXT_MAX + 32];
  config_expand_path(pattern, own, sizeof(own));
  const bool relative = own[0] != '/' && start[0] == '/'; /* the kernel says "(unreachable)/..." of what lies outside of the root */
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
