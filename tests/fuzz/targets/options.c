/*
 * options: each line is an option as the environment has it, HAKMEM_NAME=VALUE. All readers of options must agree on it: the table, the environment,
 * hak_set, and -O of the companion program.
 */
#include "tests/fuzz/input.h"

#include "common/error.h"
#include "control/settings.h"
#include "platform/config.h"
#include "platform/environment.h"
#include "platform/message.h"
#include "platform/options.h"
#include "session/option.h"
#include "words/words.h"

#define LINES_MOST 16

extern char **environ;

const struct command commands[] = {{.name = NULL}}; /* those of main.c are not linked */

/* A number stays within its range, a choice is one that exists. */
static void check_value(const char *name, size_t length, const char *value) {
  const struct config_option *const o = option_find(name, length), *const nearest = option_nearest(name, length);
  const struct old_option *const old = option_find_old(name, length);
  uint64_t number = 0;
  size_t of_choice;
  MUST(o == NULL || old == NULL);
  MUST(o == NULL || nearest == o);
  if (o == NULL) return;
  const bool good = option_parse(o, value, &number);
  if (good && o->kind == OPTION_NUMBER) MUST(number >= o->lowest && number <= o->highest);
  if (good && o->kind == OPTION_CHOICE) MUST(option_choice(o->form, (uint32_t)number, &of_choice) != NULL);
  if (good && o->kind == OPTION_TEXT) MUST(strlen(value) < CONFIG_TEXT_MAX);
}

/* `hakmem run -O` refuses what the library would refuse. */
static void check_tool(const char *line, const char *name, size_t length, const char *value) {
  char *variable;
  const char *rest;
  const struct config_option *const o = option_find(name, length);
  uint64_t number;
  if (!option_read(line, &variable, &rest)) {
    MUST(failure()[0] != '\0');
    return;
  }
  if (o != NULL) MUST(option_parse(o, value, &number) && strcmp(rest, value) == 0);
  variable = option_new_name(variable);
  MUST(option_find(variable + strlen(OPTION_PREFIX), strlen(variable) - strlen(OPTION_PREFIX)) != NULL);
  free(variable);
}

/* No thread runs beside this one, and no time passes: a setting is changed or refused, for a reason. */
static void check_setting(const char *name, size_t length, const char *value) {
  static struct message why;
  if (strstr(name, "GUARD") == name) return; /* it reserves address space */
  message_start(&why);
  const int error = settings_change(name, length, value, 0, &why);
  MUST(why.length <= MESSAGE_MAX && (error == 0 || why.length > 0));
}

static void check_texts(const char *value) {
  char path[PATH_MAX], small[8];
  uint32_t words;
  const bool known = option_log_words(value, &words);
  MUST(words <= 7 && (known || value[0] != '\0'));
  const int number = option_signal(value);
  MUST(number >= 0 && number < 65);
  if (strlen(value) < CONFIG_TEXT_MAX && config_file_path(value, path)) MUST(path[0] == '/' || path[0] == '\0' || value[0] != '/');
  config_expand_path(value, small, sizeof(small));
  MUST(strlen(small) < sizeof(small));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct input in = {bytes, bytes + size};
  char *lines[LINES_MOST + 1] = {NULL}, **const before = environ;
  const struct config defaults = config;
  size_t count = 0;
  while (count < LINES_MOST && input_left(&in) > 0) lines[count++] = input_line(&in);
  environ = lines;
  environment_read();
  environ = before;
  for (const struct config_option *o = option_table; o->name != NULL; o++) {
    if (o->kind != OPTION_NUMBER) continue;
    const uint32_t value = *(const uint32_t *)(const void *)((const char *)&config + o->offset);
    MUST(value >= o->lowest && value <= o->highest);
  }
  config = defaults;
  for (size_t i = 0; i < count; i++) {
    const char *const name = strncmp(lines[i], OPTION_PREFIX, strlen(OPTION_PREFIX)) == 0 ? lines[i] + strlen(OPTION_PREFIX) : lines[i];
    const char *const equals = strchr(name, '=');
    if (equals != NULL) {
      check_value(name, (size_t)(equals - name), equals + 1);
      check_tool(lines[i], name, (size_t)(equals - name), equals + 1);
      check_setting(name, (size_t)(equals - name), equals + 1);
      check_texts(equals + 1);
    }
    free(lines[i]);
  }
  return 0;
}
