#include "environment.h"

#include <string.h>
#include <sys/auxv.h>

#include "config.h"
#include "message.h"
#include "options.h"
#include "syscall.h"

#define PREFIX_LENGTH (sizeof(OPTION_PREFIX) - 1)
#define SHOWN_MOST 255 /* bytes of a wrong name or value */

extern char **environ;

static char *member_of(const struct config_option *o) { return (char *)&config + o->offset; }

static void put_name(struct message *m, const char *name) {
  message_text(m, OPTION_PREFIX);
  message_text(m, name);
}

static void put_default(struct message *m, const struct config_option *o) {
  size_t length = 0;
  const char *choice;
  switch (o->kind) {
    case OPTION_NUMBER:
    case OPTION_BYTES: message_number(m, o->default_value); break;
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

/* Text that did not come from this library, cut so that the rest of the message fits. */
static void put_foreign(struct message *m, const char *text, size_t length) {
  char copy[SHOWN_MOST + 1];
  const size_t kept = min_size(length, SHOWN_MOST);
  memcpy(copy, text, kept);
  copy[kept] = '\0';
  message_quoted(m, copy);
  if (kept < length) message_text(m, "...");
}

static void say_bad_value(const struct config_option *o, const char *value) {
  struct message m;
  message_start(&m);
  message_text(&m, "hakmem: ");
  put_name(&m, o->name);
  message_text(&m, "=");
  put_foreign(&m, value, strlen(value));
  message_text(&m, " is not allowed (");
  put_range(&m, o);
  message_text(&m, "); using ");
  put_default(&m, o);
  message_error(&m);
}

static void say_unknown(const char *name, size_t length) {
  const struct config_option *const nearest = option_nearest(name, length);
  struct message m;
  message_start(&m);
  message_text(&m, "hakmem: " OPTION_PREFIX);
  put_foreign(&m, name, length);
  message_text(&m, " is not an option and is ignored; ");
  if (nearest != NULL) {
    message_text(&m, "the nearest is ");
    put_name(&m, nearest->name);
    message_text(&m, "; ");
  }
  message_text(&m, "HAKMEM_HELP=1 lists the options");
  message_error(&m);
}

static void say_old(const struct old_option *old, bool ignored) {
  struct message m;
  message_start(&m);
  message_text(&m, "hakmem: ");
  put_name(&m, old->name);
  if (old->now == NULL) {
    message_text(&m, " is no longer an option and is ignored; HAKMEM_HELP=1 lists the options");
  } else {
    message_text(&m, ignored ? " is ignored: it is the old name of " : " is the old name of ");
    put_name(&m, old->now);
    message_text(&m, ignored ? ", which is also set" : ": it works in this release, but not in the next");
  }
  message_error(&m);
}

static void read_value(const struct config_option *o, const char *value) {
  uint64_t number;
  if (!option_parse(o, value, &number)) return say_bad_value(o, value);
  switch (o->kind) {
    case OPTION_NUMBER:
    case OPTION_CHOICE: *(uint32_t *)member_of(o) = (uint32_t)number; break;
    case OPTION_BYTES: *(uint64_t *)member_of(o) = number; break;
    case OPTION_TEXT: strcpy(member_of(o), value); break;
  }
}

static bool is_set(const char *name) {
  const size_t length = strlen(name);
  for (char **entry = environ; *entry != NULL; entry++) {
    if (strncmp(*entry, OPTION_PREFIX, PREFIX_LENGTH) == 0 && strncmp(*entry + PREFIX_LENGTH, name, length) == 0 && (*entry)[PREFIX_LENGTH + length] == '=') {
      return true;
    }
  }
  return false;
}

static void read_old(const struct old_option *old, const char *value) {
  const bool ignored = old->now == NULL || is_set(old->now);
  say_old(old, ignored);
  if (!ignored) read_value(option_find(old->now, strlen(old->now)), value);
}

#if HAKMEM_FAULTS
/* True if the name is FAULT, which is no option of a library that is installed. */
static bool read_fault(const char *name, size_t length, const char *value) {
  if (length != strlen("FAULT") || memcmp(name, "FAULT", length) != 0) return false;
  const char *const wrong = refuse_read(value);
  if (wrong == NULL) return true;
  struct message m;
  message_start(&m);
  message_text(&m, "hakmem: HAKMEM_FAULT: no system call will fail: cannot read ");
  put_foreign(&m, wrong, strcspn(wrong, ":,"));
  message_text(&m, " (CALL:nth=N|every=N|p=P|from=N|to=N[:seed=S][:errno=E], with commas between the calls)");
  message_error(&m);
  return true;
}
#else
static bool read_fault(const char *name, size_t length, const char *value) {
  (void)name, (void)length, (void)value;
  return false;
}
#endif

bool environment_read(void) {
  if (environ == NULL) return false;
  if (getauxval(AT_SECURE) != 0) return true;
  for (char **entry = environ; *entry != NULL; entry++) {
    if (strncmp(*entry, OPTION_PREFIX, PREFIX_LENGTH) != 0) continue;
    const char *const name = *entry + PREFIX_LENGTH, *const equals = strchr(name, '=');
    if (equals == NULL) continue;
    const size_t length = (size_t)(equals - name);
    if (read_fault(name, length, equals + 1)) continue;
    const struct config_option *const found = option_find(name, length);
    const struct old_option *const old = option_find_old(name, length);
    if (found != NULL) {
      read_value(found, equals + 1);
    } else if (old != NULL) {
      read_old(old, equals + 1);
    } else {
      say_unknown(name, length);
    }
  }
  return true;
}

void environment_help(int fd) {
  struct message m;
  message_start(&m);
  message_text(&m, "hakmem options, from the environment:");
  message_send(&m, fd);
  for (const struct config_option *o = option_table; o->name != NULL; o++) {
    message_text(&m, "  ");
    put_name(&m, o->name);
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
