#include "options.h"

#include <signal.h>
#include <string.h>

#define SHORT_NUMBER(member, NAME, ...) _Static_assert(sizeof(#NAME) - 1 <= OPTION_NAME_MOST, "an option's name is too long");
#define SHORT_RENAMED(OLD, NEW) _Static_assert(sizeof(#OLD) - 1 <= OPTION_NAME_MOST, "an old name is too long");
#define SHORT_REMOVED(OLD) SHORT_RENAMED(OLD, )
CONFIG_OPTIONS(SHORT_NUMBER, SHORT_NUMBER, SHORT_NUMBER, SHORT_NUMBER)
CONFIG_OLD_NAMES(SHORT_RENAMED, SHORT_REMOVED)

#define ROW_NUMBER(member, NAME, def, low, high, unit, meaning) {#NAME, OPTION_NUMBER, offsetof(struct config, member), def, low, high, unit, meaning},
#define ROW_CHOICE(member, NAME, def, choices, meaning) {#NAME, OPTION_CHOICE, offsetof(struct config, member), def, 0, 0, choices, meaning},
#define ROW_TEXT(member, NAME, form, meaning) {#NAME, OPTION_TEXT, offsetof(struct config, member), 0, 0, 0, form, meaning},
#define ROW_BYTES(member, NAME, def, meaning) {#NAME, OPTION_BYTES, offsetof(struct config, member), def, 0, 0, "bytes, or auto", meaning},
const struct config_option option_table[] = {CONFIG_OPTIONS(ROW_NUMBER, ROW_CHOICE, ROW_TEXT, ROW_BYTES){.name = NULL}};

#define ROW_RENAMED(OLD, NEW) {#OLD, #NEW},
#define ROW_REMOVED(OLD) {#OLD, NULL},
const struct old_option option_old_names[] = {CONFIG_OLD_NAMES(ROW_RENAMED, ROW_REMOVED){.name = NULL}};

static bool is_name(const char *known, const char *name, size_t length) { return strlen(known) == length && memcmp(known, name, length) == 0; }

const struct config_option *option_find(const char *name, size_t length) {
  for (const struct config_option *o = option_table; o->name != NULL; o++) {
    if (is_name(o->name, name, length)) return o;
  }
  return NULL;
}

const struct old_option *option_find_old(const char *name, size_t length) {
  for (const struct old_option *o = option_old_names; o->name != NULL; o++) {
    if (is_name(o->name, name, length)) return o;
  }
  return NULL;
}

size_t option_distance(const char *name, size_t length, const char *known) {
  size_t row[OPTION_NAME_MOST + 1]; /* row[j]: from the letters of the name so far to the first j of `known` */
  const size_t width = strlen(known);
  for (size_t j = 0; j <= width; j++) row[j] = j;
  for (size_t i = 1; i <= length; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= width; j++) {
      const size_t replaced = diagonal + (name[i - 1] != known[j - 1]);
      diagonal = row[j];
      row[j] = min_size(replaced, min_size(row[j], row[j - 1]) + 1);
    }
  }
  return row[width];
}

const struct config_option *option_nearest(const char *name, size_t length) {
  const struct config_option *nearest = NULL;
  size_t least = (length + 2) / 3 + 1; /* with this many wrong letters, it is another word */
  for (const struct config_option *o = option_table; o->name != NULL; o++) {
    const size_t wrong = option_distance(name, length, o->name);
    if (wrong >= least) continue;
    nearest = o;
    least = wrong;
  }
  for (const struct old_option *o = option_old_names; o->name != NULL; o++) {
    const size_t wrong = option_distance(name, length, o->name);
    if (wrong >= least || o->now == NULL) continue;
    nearest = option_find(o->now, strlen(o->now));
    least = wrong;
  }
  return nearest;
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

/* Bytes of the suffix: 1024 for "K", 1024^2 for "M", 1024^3 for "G", 1 for "". 0 for any other. */
static uint64_t unit_of(const char *suffix, size_t length) {
  if (length == 0) return 1;
  if (length > 1) return 0;
  switch (suffix[0]) {
    case 'k':
    case 'K': return KIB;
    case 'm':
    case 'M': return MIB;
    case 'g':
    case 'G': return 1024 * MIB;
    default: return 0;
  }
}

static bool parse_number(const char *text, size_t length, uint64_t highest, uint64_t *out) {
  uint64_t value = 0;
  size_t digits = 0;
  for (; digits < length && text[digits] >= '0' && text[digits] <= '9'; digits++) {
    value = value * 10 + (uint64_t)(text[digits] - '0');
    if (value > highest) return false;
  }
  const uint64_t unit = unit_of(text + digits, length - digits);
  if (digits == 0 || unit == 0 || value > highest / unit) return false;
  *out = value * unit;
  return true;
}

bool option_parse_number(const char *text, uint64_t highest, uint64_t *out) { return parse_number(text, strlen(text), highest, out); }

/* If the choices are sizes, a size may be written in other ways: 2m, 2048K and 2097152 all choose 2M. */
static bool is_same(const char *text, size_t length, const char *choice, size_t choice_length) {
  if (length == choice_length && memcmp(text, choice, length) == 0) return true;
  uint64_t a, b;
  return unit_of(&choice[choice_length - 1], 1) > 1 && parse_number(choice, choice_length, UINT32_MAX, &b) && parse_number(text, length, UINT32_MAX, &a) &&
         a == b;
}

static bool parse_choice(const struct config_option *o, const char *text, uint64_t *out) {
  size_t length;
  const char *choice;
  for (uint32_t i = 0; (choice = option_choice(o->form, i, &length)) != NULL; i++) {
    if (!is_same(text, strlen(text), choice, length)) continue;
    *out = i;
    return true;
  }
  return false;
}

bool option_parse(const struct config_option *o, const char *text, uint64_t *out) {
  switch (o->kind) {
    case OPTION_NUMBER: return option_parse_number(text, o->highest, out) && *out >= o->lowest;
    case OPTION_BYTES:
      if (strcmp(text, "auto") != 0) return option_parse_number(text, INT64_MAX, out);
      *out = BYTES_AUTO;
      return true;
    case OPTION_CHOICE: return parse_choice(o, text, out);
    default: return strlen(text) < CONFIG_TEXT_MAX;
  }
}

bool option_log_words(const char *list, uint32_t *set) {
  static const struct {
    const char *word;
    uint32_t set;
  } words[] = {{"drain", OPTION_LOG_DRAIN}, {"ss", OPTION_LOG_SS}, {"hdr", OPTION_LOG_HDR}, {"all", OPTION_LOG_DRAIN | OPTION_LOG_SS | OPTION_LOG_HDR}};
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
