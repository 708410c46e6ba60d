#include "config.h"

#include <string.h>
#include <sys/auxv.h>

#include "message.h"
#include "syscall.h"

#define PREFIX "HAKMEM_"
#define PREFIX_LENGTH (sizeof(PREFIX) - 1)

enum kind { KIND_NUMBER, KIND_CHOICE, KIND_TEXT };

struct option {
  const char *name;
  enum kind kind;
  size_t offset; /* of the member in struct config */
  uint32_t default_value, lowest, highest;
  const char *form; /* unit, choices, or what the text is */
  const char *meaning;
};

#define OPTION_NUMBER(member, NAME, def, low, high, unit, meaning) \
  {#NAME, KIND_NUMBER, offsetof(struct config, member), def, low, high, unit, meaning},
#define OPTION_CHOICE(member, NAME, def, choices, meaning) \
  {#NAME, KIND_CHOICE, offsetof(struct config, member), def, 0, 0, choices, meaning},
#define OPTION_TEXT(member, NAME, form, meaning) \
  {#NAME, KIND_TEXT, offsetof(struct config, member), 0, 0, 0, form, meaning},
static const struct option options[] = {CONFIG_OPTIONS(OPTION_NUMBER, OPTION_CHOICE, OPTION_TEXT)};

#define DEFAULT_NUMBER(member, NAME, def, ...) .member = def,
#define DEFAULT_TEXT(member, NAME, ...) .member = "",
struct config config = {CONFIG_OPTIONS(DEFAULT_NUMBER, DEFAULT_NUMBER, DEFAULT_TEXT)};

extern char **environ;

static uint32_t *number_of(const struct option *o) { return (uint32_t *)((char *)&config + o->offset); }
static char *text_of(const struct option *o) { return (char *)&config + o->offset; }

/* The choice with index `index` in "a|b|c": its start, its length in *length; NULL past the last one. */
static const char *choice_at(const char *choices, uint32_t index, size_t *length) {
  for (; index > 0; index--) {
    choices = strchr(choices, '|');
    if (choices == NULL) return NULL;
    choices++;
  }
  const char *end = strchr(choices, '|');
  *length = end != NULL ? (size_t)(end - choices) : strlen(choices);
  return choices;
}

static bool parse_choice(const char *text, const char *choices, uint32_t *out) {
  size_t length;
  const char *choice;
  for (uint32_t i = 0; (choice = choice_at(choices, i, &length)) != NULL; i++) {
    if (strlen(text) == length && memcmp(text, choice, length) == 0) {
      *out = i;
      return true;
    }
  }
  return false;
}

/* 1024 for "K", 1024^2 for "M", 1024^3 for "G", 1 for "", else 0. */
static uint64_t unit_of(const char *suffix) {
  if (suffix[0] != '\0' && suffix[1] != '\0') return 0;
  switch (suffix[0]) {
    case '\0': return 1;
    case 'K': return KIB;
    case 'M': return MIB;
    case 'G': return 1024 * MIB;
    default: return 0;
  }
}

/* Bytes may have a unit. */
static bool parse_number(const char *text, const struct option *o, uint32_t *out) {
  uint64_t value = 0;
  if (*text < '0' || *text > '9') return false;
  for (; *text >= '0' && *text <= '9'; text++) {
    value = value * 10 + (uint64_t)(*text - '0');
    if (value > o->highest) return false;
  }
  const uint64_t unit = strcmp(o->form, "bytes") == 0 ? unit_of(text) : *text == '\0';
  value *= unit;
  if (unit == 0 || value < o->lowest || value > o->highest) return false;
  *out = (uint32_t)value;
  return true;
}

static void put_default(struct message *m, const struct option *o) {
  size_t length = 0;
  const char *choice;
  switch (o->kind) {
    case KIND_NUMBER: message_number(m, o->default_value); break;
    case KIND_CHOICE:
      choice = choice_at(o->form, o->default_value, &length);
      for (size_t i = 0; i < length; i++) message_text(m, (const char[2]){choice[i], '\0'});
      break;
    case KIND_TEXT: message_text(m, "not set"); break;
  }
}

static void put_range(struct message *m, const struct option *o) {
  if (o->kind == KIND_NUMBER) {
    message_number(m, o->lowest);
    message_text(m, " to ");
    message_number(m, o->highest);
    message_text(m, " ");
  }
  message_text(m, o->form);
}

static void say_bad_value(const struct option *o, const char *value) {
  struct message m;
  message_start(&m);
  message_text(&m, "hakmem: " PREFIX);
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

static void read_value(const struct option *o, const char *value) {
  bool good = false;
  switch (o->kind) {
    case KIND_NUMBER: good = parse_number(value, o, number_of(o)); break;
    case KIND_CHOICE: good = parse_choice(value, o->form, number_of(o)); break;
    case KIND_TEXT:
      good = strlen(value) < CONFIG_TEXT_MAX;
      if (good) strcpy(text_of(o), value);
      break;
  }
  if (!good) say_bad_value(o, value);
}

bool config_read(void) {
  if (environ == NULL) return false;
  if (getauxval(AT_SECURE) != 0) return true;
  for (char **entry = environ; *entry != NULL; entry++) {
    if (strncmp(*entry, PREFIX, PREFIX_LENGTH) != 0) continue;
    const char *equals = strchr(*entry, '=');
    if (equals == NULL) continue;
    const char *name = *entry + PREFIX_LENGTH;
    const size_t length = (size_t)(equals - name);
    const struct option *found = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++) {
      if (strlen(options[i].name) == length && memcmp(options[i].name, name, length) == 0) found = &options[i];
    }
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
  for (size_t i = 0; i < ARRAY_LENGTH(options); i++) {
    const struct option *o = &options[i];
    message_text(&m, "  " PREFIX);
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
