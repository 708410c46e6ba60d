#include "words.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/platform/options.h"
#include "common/error.h"
#include "common/escape.h"
#include "common/memory.h"
#include "export/export.h"
#include "input/process/process.h"
#include "plans.h"
#include "report/print.h"

/* ---- Options ---- */

/* An option is sought by its long name (of `length` letters, which may be cut short as long as it is the only one) or by its letter. */
struct sought {
  const char *name;
  size_t length;
  int letter;
  const struct argp_option *found;
  bool exact, several;
};

typedef void use_option(void *context, const struct argp_option *option);

static void each_option(const struct argp *argp, use_option *use, void *context) {
  for (const struct argp_option *o = argp->options; o != NULL && (o->name != NULL || o->key != 0 || o->doc != NULL); o++) {
    if ((o->flags & OPTION_HIDDEN) == 0 && o->name != NULL) use(context, o);
  }
  for (const struct argp_child *child = argp->children; child != NULL && child->argp != NULL; child++) each_option(child->argp, use, context);
}

/* argp's own. */
static const struct argp_option own_options[] = {{"help", '?', NULL, 0, "Give this help list", 0},
                                                 {"usage", 256, NULL, 0, "Give a short usage message", 0},
                                                 {"version", 'V', NULL, 0, "Print program version", 0},
                                                 {0}};
static const struct argp own = {.options = own_options};

static bool has_letter(const struct argp_option *o) { return o->key > ' ' && o->key < 127; }

static void seek(void *context, const struct argp_option *o) {
  struct sought *const s = context;
  if (s->letter != 0) {
    if (has_letter(o) && o->key == s->letter) s->found = o;
  } else if (!s->exact && strncmp(o->name, s->name, s->length) == 0) {
    s->several = s->found != NULL;
    s->found = o;
    s->exact = strlen(o->name) == s->length;
    if (s->exact) s->several = false;
  }
}

static const struct argp_option *find_option(const struct argp *argp, struct sought s) {
  each_option(argp, seek, &s);
  each_option(&own, seek, &s);
  return s.several ? NULL : s.found;
}

/* ---- Reading a command line as argp does ---- */

enum read { READ_OPTION, READ_UNKNOWN, READ_WAITS, READ_ARGUMENT, READ_END };

/* The kind of `word`. *option becomes its option; with READ_WAITS, the next word is the option's value. */
static enum read read_word(const struct command *command, const char *word, const struct argp_option **option) {
  *option = NULL;
  if (word[0] != '-' || word[1] == '\0') return READ_ARGUMENT;
  if (strcmp(word, "--") == 0) return READ_END;
  if (word[1] == '-') {
    const size_t length = strcspn(word + 2, "=");
    *option = find_option(command->argp, (struct sought){.name = word + 2, .length = length});
    if (*option == NULL) return READ_UNKNOWN;
    return (*option)->arg != NULL && word[2 + length] == '\0' ? READ_WAITS : READ_OPTION;
  }
  for (const char *letter = word + 1; *letter != '\0'; letter++) {
    *option = find_option(command->argp, (struct sought){.letter = *letter});
    if (*option == NULL) return READ_OPTION; /* argp says that itself: no letter is near to another */
    if ((*option)->arg != NULL) return letter[1] == '\0' ? READ_WAITS : READ_OPTION;
  }
  return READ_OPTION;
}

/* Behind the name of the program that it starts, the command has no options. */
static bool starts_program(const struct command *command) { return strstr(command->argp->args_doc != NULL ? command->argp->args_doc : "", "PROGRAM") != NULL; }

/* ---- What was meant ---- */

char *words_meant(const char *word, const char *choices) {
  const char *choice;
  size_t length;
  struct nearest n = nearest_to(word, strlen(word));
  char *const copy = must_copy(choices);
  for (uint32_t i = 0; (choice = option_choice(choices, i, &length)) != NULL; i++) {
    char *const known = copy + (choice - choices);
    known[length] = '\0';
    if (length > 0) nearest_look(&n, known);
  }
  char *const text = nearest_text(&n, "");
  free(copy);
  return text;
}

const struct command *words_command(const char *name) {
  for (const struct command *c = commands; c->name != NULL; c++) {
    if (strcmp(c->name, name) == 0) return c;
  }
  return NULL;
}

char *words_command_meant(const char *name) {
  struct nearest n = nearest_to(name, strlen(name));
  for (const struct command *c = commands; c->name != NULL; c++) nearest_look(&n, c->name);
  return nearest_text(&n, "");
}

static void compare_option(void *context, const struct argp_option *o) { nearest_look(context, o->name); }

/* "; hakmem report has that option", or NULL if no command has it. */
static char *command_with(const char *option, size_t length) {
  for (const struct command *c = commands; c->name != NULL; c++) {
    struct sought s = {.name = option, .length = length};
    each_option(c->argp, seek, &s);
    if (s.exact) return must_print("; hakmem %s has that option", c->name);
  }
  return NULL;
}

void words_check_options(const struct command *command, int argc, char **argv) {
  const struct argp_option *option;
  for (int i = 1; i < argc; i++) {
    const enum read kind = read_word(command, argv[i], &option);
    if (kind == READ_END || (kind == READ_ARGUMENT && starts_program(command))) return;
    if (kind == READ_WAITS) i++;
    if (kind != READ_UNKNOWN) continue;
    const size_t length = strcspn(argv[i] + 2, "=");
    struct nearest n = nearest_to(argv[i] + 2, length);
    each_option(command->argp, compare_option, &n);
    each_option(&own, compare_option, &n);
    char *text = command_with(argv[i] + 2, length);
    if (text == NULL && n.known != NULL) text = nearest_text(&n, "--");
    if (text == NULL && strcmp(command->name, "export") == 0) text = must_copy("; hakmem export --list lists the formats");
    if (text == NULL) return;
    say("%s: unrecognized option '%s'%s", command->name, argv[i], text);
    exit(EXIT_USAGE);
  }
}

/* ---- Completion ---- */

struct completion {
  const char *before; /* what stands before the words, of the same word: "--section=" */
  const char *typed;  /* the rest of it */
};

static unsigned offered; /* words */

static void offer(const struct completion *c, const char *word, const char *end, const char *meaning) {
  if (strncmp(word, c->typed, strlen(c->typed)) != 0) return;
  printf("%s%s%s\t%s\n", c->before, word, end, meaning);
  offered++;
}

static void offer_option(void *context, const struct argp_option *o) {
  const struct completion *const c = context;
  char *const word = must_print("--%s%s", o->name, o->arg != NULL ? "=" : "");
  offer(c, word, "", o->doc);
  free(word);
}

/* NAME=VALUE of the library's options. */
static void offer_settings(const struct completion *c) {
  const char *const equals = strchr(c->typed, '=');
  for (const struct config_option *o = option_table; equals == NULL && o->name != NULL; o++) offer(c, o->name, "=", o->meaning);
  const struct config_option *const o = equals != NULL ? option_find(c->typed, (size_t)(equals - c->typed)) : NULL;
  if (o == NULL || o->kind != OPTION_CHOICE) return;
  const char *choice;
  size_t length;
  char *const before = must_print("%s%s=", c->before, o->name);
  const struct completion value = {before, equals + 1};
  for (uint32_t i = 0; (choice = option_choice(o->form, i, &length)) != NULL; i++) {
    char *const word = must_print("%.*s", (int)length, choice);
    offer(&value, word, "", "");
    free(word);
  }
  free(before);
}

/* The processes of this user that keep statistics, with the name of each. */
static void offer_process(void *context, uint32_t pid, const char *stats_path) {
  (void)stats_path;
  char *const word = must_print("%u", pid), *const path = must_print("/proc/%u/comm", pid);
  char name[32] = "";
  FILE *const file = fopen(path, "re");
  if (file != NULL && fgets(name, sizeof(name), file) != NULL) name[strcspn(name, "\n")] = '\0';
  if (file != NULL) fclose(file);
  char *const meaning = escape(name);
  offer(context, word, "", meaning);
  free(meaning);
  free(path);
  free(word);
}

/* The values of an option that has a table of them. */
static void offer_values(const struct completion *c, const struct argp_option *option) {
#define SECTION(name, what) offer(c, #name, "", what);
#define VALUE(name, unit, what) offer(c, #name, "", what);
#define GROUPING(constant, name) offer(c, name, "", "");
  if (strcmp(option->name, "option") == 0) offer_settings(c);
  if (strcmp(option->name, "pid") == 0) process_each(offer_process, (void *)c);
  if (strcmp(option->name, "section") == 0) {
    PRINT_SECTIONS(SECTION)
  }
  if (strcmp(option->name, "by") == 0) {
    GROUPINGS(GROUPING)
  }
  if (strcmp(option->name, "value") == 0) {
    EXPORT_VALUES(VALUE)
    offer(c, "ns", "", "nanoseconds of refills and drains, by class");
  }
}

static void offer_commands(const struct completion *c, bool with_help) {
  for (const struct command *command = commands; command->name != NULL; command++) offer(c, command->name, "", command->summary);
  if (with_help) offer(c, "help", "", "Tell more about a command");
}

/* "--section=": the start of a word, of its first `length` letters. */
static void offer_behind(const char *word, size_t length, const struct argp_option *option) {
  char *const before = must_print("%.*s", (int)length, word);
  offer_values(&(struct completion){before, word + length}, option);
  free(before);
}

/* The argument after `before` others. */
static void offer_argument(const struct command *command, const char *word, unsigned before) {
  const struct completion whole = {"", word};
  const char *const form = command->argp->args_doc != NULL ? command->argp->args_doc : "";
#define PLAN(name, rounds, ops) offer(&whole, #name, "", "");
  if (strcmp(command->name, "bench") == 0 && before == 0) {
    PLANS(PLAN)
  } else if (strcmp(command->name, "set") == 0 && before > 0) {
    offer_settings(&whole);
  } else if (strstr(form, "PID") != NULL) {
    process_each(offer_process, (void *)&whole);
    if (offered > 0 && (strstr(form, "DIR") != NULL || strstr(form, "A B") != NULL)) puts(":files");
  }
}

static void complete_word(const struct command *command, const char *word, const struct argp_option *waits, bool may_be_option, unsigned arguments) {
  const struct completion whole = {"", word};
  const struct argp_option *option;
  if (waits != NULL) {
    offer_values(&whole, waits);
  } else if (may_be_option && word[0] == '-') {
    const size_t equals = strcspn(word, "=");
    read_word(command, word, &option);
    if (word[equals] == '=' && option != NULL) {
      offer_behind(word, equals + 1, option);
    } else if (word[1] != '-' && word[1] != '\0' && option != NULL && option->arg != NULL) {
      offer_behind(word, 2, option);
    } else {
      each_option(command->argp, offer_option, (void *)&whole);
      each_option(&own, offer_option, (void *)&whole);
    }
  } else if (starts_program(command)) {
    puts(":commands");
  } else {
    offer_argument(command, word, arguments);
  }
}

void words_complete(int count, char **words) {
  if (count < 1) return;
  const char *const word = words[count - 1];
  const struct completion whole = {"", word};
  if (count == 1) {
    if (word[0] == '-') each_option(&own, offer_option, (void *)&whole);
    if (word[0] != '-') offer_commands(&whole, true);
    return;
  }
  if (strcmp(words[0], "help") == 0 && count == 2) offer_commands(&whole, false);
  const struct command *const command = words_command(words[0]);
  if (command == NULL) return;
  const struct argp_option *waits = NULL, *option;
  bool may_be_option = true;
  unsigned arguments = 0;
  for (int i = 1; i < count - 1; i++) {
    const enum read kind = waits == NULL && may_be_option ? read_word(command, words[i], &option) : READ_ARGUMENT;
    if (waits == NULL && kind == READ_ARGUMENT && starts_program(command)) return; /* the program's own arguments */
    if (waits == NULL && kind == READ_ARGUMENT) arguments++;
    waits = kind == READ_WAITS ? option : NULL;
    if (kind == READ_END) may_be_option = false;
  }
  complete_word(command, word, waits, may_be_option, arguments);
}
