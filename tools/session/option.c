#include "option.h"

#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "src/platform/options.h"
#include "common/error.h"
#include "common/memory.h"

#define PREFIX_LENGTH (sizeof(OPTION_PREFIX) - 1)

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* How many letters must be put in, left out or replaced to make one of the other (Levenshtein). */
static size_t distance(const char *a, const char *b) {
  const size_t width = strlen(b) + 1;
  size_t *const row = must_allocate(width * sizeof(*row));
  for (size_t i = 0; i < width; i++) row[i] = i;
  for (size_t i = 1; a[i - 1] != '\0'; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j < width; j++) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
    }
  }
  const size_t result = row[width - 1];
  free(row);
  return result;
}

static const char *nearest(const char *name) {
  const char *best = "";
  size_t best_distance = SIZE_MAX;
  for (const struct config_option *o = option_table; o->name != NULL; o++) {
    const size_t d = distance(name, o->name);
    if (d >= best_distance) continue;
    best = o->name;
    best_distance = d;
  }
  return best;
}

static bool bad_value(const struct config_option *o, const char *value) {
  if (o->kind == OPTION_NUMBER) {
    return fail(OPTION_PREFIX "%s=%s is not allowed: %u to %u %s", o->name, value, o->lowest, o->highest, o->form);
  }
  return fail(OPTION_PREFIX "%s=%s is not allowed: %s", o->name, value, o->form);
}

/* What the library itself can only say once the program runs. */
static bool is_good_text(const struct config_option *o, const char *value) {
  uint32_t words;
  if (strcmp(o->name, "LOG") == 0) return option_log_words(value, &words);
  if (strcmp(o->name, "STATS_SIGNAL") != 0) return true;
  const int number = option_signal(value);
  return *value == '\0' || (number != 0 && number != SIGKILL && number != SIGSTOP);
}

static bool check(const char *name, const char *value) {
  const struct config_option *const o = option_find(name, strlen(name));
  uint32_t number;
  if (o == NULL) {
    return fail(OPTION_PREFIX "%s is not an option of the library; the nearest is " OPTION_PREFIX "%s, and "
                "libhakmem(7) lists all", name, nearest(name));
  }
  if (strcmp(name, "STATS_FILE") == 0) return fail(OPTION_PREFIX "STATS_FILE is set by hakmem itself; -o says where the data go");
  return (option_parse(o, value, &number) && is_good_text(o, value)) || bad_value(o, value);
}

bool option_read(const char *text, char **name, const char **value) {
  const char *const whole = text;
  if (strncasecmp(text, OPTION_PREFIX, PREFIX_LENGTH) == 0) text += PREFIX_LENGTH;
  const char *const equals = strchr(text, '=');
  if (equals == NULL || equals == text) return fail("%s is not NAME=VALUE", whole);
  *name = must_print(OPTION_PREFIX "%.*s", (int)(equals - text), text);
  for (char *c = *name; *c != '\0'; c++) *c = (char)toupper((unsigned char)*c);
  *value = equals + 1;
  if (check(*name + PREFIX_LENGTH, *value)) return true;
  free(*name);
  return false;
}
