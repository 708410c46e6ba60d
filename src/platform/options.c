#include "options.h"

#include <signal.h>
#include <string.h>

#define ROW_NUMBER(member, NAME, def, low, high, unit, meaning) \
  {#NAME, OPTION_NUMBER, offsetof(struct config, member), def, low, high, unit, meaning},
#define ROW_CHOICE(member, NAME, def, choices, meaning) \
  {#NAME, OPTION_CHOICE, offsetof(struct config, member), def, 0, 0, choices, meaning},
#define ROW_TEXT(member, NAME, form, meaning) {#NAME, OPTION_TEXT, offsetof(struct config, member), 0, 0, 0, form, meaning},
const struct config_option option_table[] = {CONFIG_OPTIONS(ROW_NUMBER, ROW_CHOICE, ROW_TEXT){.name = NULL}};

const struct config_option *option_find(const char *name, size_t length) {
  for (const struct config_option *o = option_table; o->name != NULL; o++) {
    if (strlen(o->name) == length && memcmp(o->name, name, length) == 0) return o;
  }
  return NULL;
}

const char *option_choice(const char *choices, uint32_t index, size_t *length) {
  for (; index > 0; index--) {
    choices = strchr(choices, '|');
    if (choices == NULL) return NULL;
    choices++;
  }
  const char *end = strchr(choices, '|');
  *length = end != NULL ? (size_t)(end - choices) : strlen(choices);
  return choices;
}

/* 1024 for "K", 1024^2 for "M", 1024^3 for "G", 1 for "", else 0. */
static uint64_t unit_of(const char *suffix, size_t length) {
  if (length == 0) return 1;
  if (length > 1) return 0;
  switch (suffix[0]) {
    case 'k': case 'K': return KIB;
    case 'm': case 'M': return MIB;
    case 'g': case 'G': return 1024 * MIB;
    default: return 0;
  }
}

/* Digits, then a suffix: *suffix is its start. False if there is no digit or the number is above `highest`. */
static bool parse_digits(const char *text, size_t length, uint64_t highest, uint64_t *out, size_t *suffix) {
  uint64_t value = 0;
  size_t i = 0;
  for (; i < length && text[i] >= '0' && text[i] <= '9'; i++) {
    value = value * 10 + (uint64_t)(text[i] - '0');
    if (value > highest) return false;
  }
  *out = value;
  *suffix = i;
  return i > 0;
}

static bool parse_bytes(const char *text, size_t length, uint64_t highest, uint64_t *out) {
  uint64_t value;
  size_t suffix;
  if (!parse_digits(text, length, highest, &value, &suffix)) return false;
  const uint64_t unit = unit_of(text + suffix, length - suffix);
  if (unit == 0 || value > highest / unit) return false;
  *out = value * unit;
  return true;
}

bool option_parse_bytes(const char *text, uint64_t highest, uint64_t *out) {
  return parse_bytes(text, strlen(text), highest, out);
}

static bool parse_number(const struct config_option *o, const char *text, uint32_t *out) {
  uint64_t value;
  size_t suffix;
  const size_t length = strlen(text);
  const bool good = strcmp(o->form, "bytes") == 0 ? parse_bytes(text, length, o->highest, &value)
                                                  : parse_digits(text, length, o->highest, &value, &suffix) && suffix == length;
  if (!good || value < o->lowest) return false;
  *out = (uint32_t)value;
  return true;
}

/* Where the choices are sizes, the same size in other words is the same choice: 2m, 2048K and 2097152 are 2M. */
static bool is_same(const char *text, size_t length, const char *choice, size_t choice_length) {
  if (length == choice_length && memcmp(text, choice, length) == 0) return true;
  uint64_t a, b;
  return unit_of(&choice[choice_length - 1], 1) > 1 && parse_bytes(choice, choice_length, UINT32_MAX, &b) &&
         parse_bytes(text, length, UINT32_MAX, &a) && a == b;
}

static bool parse_choice(const struct config_option *o, const char *text, uint32_t *out) {
  size_t length;
  const char *choice;
  for (uint32_t i = 0; (choice = option_choice(o->form, i, &length)) != NULL; i++) {
    if (!is_same(text, strlen(text), choice, length)) continue;
    *out = i;
    return true;
  }
  return false;
}

bool option_parse(const struct config_option *o, const char *text, uint32_t *out) {
  switch (o->kind) {
    case OPTION_NUMBER: return parse_number(o, text, out);
    case OPTION_CHOICE: return parse_choice(o, text, out);
    default: return strlen(text) < CONFIG_TEXT_MAX;
  }
}

bool option_log_words(const char *list, uint32_t *set) {
  static const struct { const char *word; uint32_t set; } words[] = {
    {"drain", OPTION_LOG_DRAIN}, {"ss", OPTION_LOG_SS}, {"hdr", OPTION_LOG_HDR},
    {"all", OPTION_LOG_DRAIN | OPTION_LOG_SS | OPTION_LOG_HDR}};
  bool good = true;
  *set = 0;
  while (*list != '\0') {
    const char *comma = strchr(list, ',');
    const size_t length = comma != NULL ? (size_t)(comma - list) : strlen(list);
    uint32_t found = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
      if (strlen(words[i].word) == length && memcmp(words[i].word, list, length) == 0) found = words[i].set;
    }
    good = good && found != 0;
    *set |= found;
    list += length + (comma != NULL ? 1 : 0);
  }
  return good;
}

int option_signal(const char *name) {
  int number = 0;
  const char *digit = name;
  for (; *digit >= '0' && *digit <= '9' && number < 1000; digit++) number = number * 10 + (*digit - '0');
  if (*digit == '\0' && number < NSIG) return number;
  if (strncmp(name, "SIG", 3) == 0) name += 3;
  for (int i = 1; i < NSIG; i++) {
    const char *abbreviation = sigabbrev_np(i);
    if (abbreviation != NULL && strcmp(abbreviation, name) == 0) return i;
  }
  return 0;
}
