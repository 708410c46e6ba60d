#include "option.h"

#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "src/platform/options.h"
#include "common/error.h"
#include "common/memory.h"
#include "words/words.h"

#define PREFIX_LENGTH (sizeof(OPTION_PREFIX) - 1)

/* What the first wrong word of a list meant. */
static char *meant_of_log(const char *list) {
  char *const copy = must_copy(list), *rest = copy, *word;
  uint32_t words;
  while ((word = strsep(&rest, ",")) != NULL && option_log_words(word, &words)) {}
  char *const meant = word != NULL ? words_meant(word, "drain|ss|hdr|all") : must_copy("");
  free(copy);
  return meant;
}

static bool bad_value(const struct config_option *o, const char *value) {
  if (o->kind == OPTION_NUMBER) {
    return fail(OPTION_PREFIX "%s=%s is not allowed: %u to %u %s", o->name, value, o->lowest, o->highest, o->form);
  }
  char *const meant = o->kind == OPTION_CHOICE ? words_meant(value, o->form) : strcmp(o->name, "LOG") == 0 ? meant_of_log(value) : must_copy("");
  fail(OPTION_PREFIX "%s=%s is not allowed: %s%s", o->name, value, o->form, meant);
  free(meant);
  return false;
}

/* Checks that the library itself makes only once the program runs. */
static bool is_good_text(const struct config_option *o, const char *value) {
  uint32_t words;
  if (strcmp(o->name, "LOG") == 0) return option_log_words(value, &words);
  if (strcmp(o->name, "STATS_SIGNAL") != 0) return true;
  const int number = option_signal(value);
  return *value == '\0' || (number != 0 && number != SIGKILL && number != SIGSTOP);
}

static bool unknown(const char *name) {
  const struct config_option *const nearest = option_nearest(name, strlen(name));
  if (nearest == NULL) return fail(OPTION_PREFIX "%s is not an option of the library; libhakmem(7) lists all", name);
  return fail(OPTION_PREFIX "%s is not an option of the library; the nearest is " OPTION_PREFIX "%s; libhakmem(7) lists all", name, nearest->name);
}

/* The option with this name or old name; NULL if there is none. */
static const struct config_option *find(const char *name) {
  const struct old_option *const old = option_find_old(name, strlen(name));
  if (old != NULL && old->now != NULL) name = old->now;
  return option_find(name, strlen(name));
}

static bool check(const char *name, const char *value) {
  const struct config_option *const o = find(name);
  uint64_t number;
  if (o == NULL) return unknown(name);
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

static void say_renamed(const char *name, const char *now) { say("%s is the old name of %s: it works in this release, but not in the next", name, now); }

char *option_new_name(char *name) {
  const struct old_option *const old = option_find_old(name + PREFIX_LENGTH, strlen(name) - PREFIX_LENGTH);
  if (old == NULL || old->now == NULL) return name;
  char *const now = must_print(OPTION_PREFIX "%s", old->now);
  say_renamed(name, now);
  free(name);
  return now;
}

static void rename_one(struct launch *l, const char *name, const char *now) {
  if (launch_get(l, name) == NULL) return;
  if (now == NULL) {
    say("%s is no longer an option and is ignored; libhakmem(7) lists the options", name);
  } else if (launch_get(l, now) != NULL) {
    say("%s is ignored: it is the old name of %s, which is also set", name, now);
  } else {
    say_renamed(name, now);
    launch_set(l, now, launch_get(l, name));
  }
  launch_set(l, name, NULL);
}

void option_rename(struct launch *l) {
  for (const struct old_option *old = option_old_names; old->name != NULL; old++) {
    char *const name = must_print(OPTION_PREFIX "%s", old->name);
    char *const now = old->now != NULL ? must_print(OPTION_PREFIX "%s", old->now) : NULL;
    rename_one(l, name, now);
    free(name);
    free(now);
  }
}
