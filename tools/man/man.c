/*
 * man.c: makes a manual page, or the JSON Schema of the report, from its template. Lines that begin with @ are replaced by tables of the source:
 *
 *   @TH NAME SECTION       the title line, with the version
 *   @OPTIONS               the options of the library (src/platform/config.h)
 *   @OLD_OPTIONS           the old names of options (the same)
 *   @EVENTS                the events and their fields (src/events.h)
 *   @COMMANDS              the commands of the companion program, from its --help
 *   @COMMAND NAME          the sections from NAME to NOTES of one of them
 *   @LOSSES @COUNTERS @CLASS_COUNTERS @GAUGES @BUCKETS   members of the JSON report (tools/model/model.h, instrumentation/statistics/stats_block.h)
 *   @SITE_FIGURES          members of a call site (instrumentation/statistics/stats_block.h)
 *   @SCHEMA NAME           a part of the schema; see schema.c
 *   @RULES @THRESHOLDS     the rules of hakmem explain, and their thresholds (tools/explain/explain.h)
 *   @FILE PATH             a file, as it is
 *
 * Runs during hakmem's build:   man TEMPLATE PAGE [COMPANION PROGRAM]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/platform/config.h"
#include "src/events.h"
#include "explain/explain.h"
#include "help.h"
#include "model/model.h"
#include "roff.h"
#include "schema.h"

#define LINE_MAX_BYTES 4096

/* ---- @OPTIONS ---- */

/* The term of option `name`, whose value is shown as `value`. */
static void option_term(const char *name, const char *value) {
  fputs(".TP\n\\fBHAKMEM_", page);
  roff_text(name);
  fputs("\\fR=", page);
  roff_font('I', value);
  fputc('\n', page);
}

static void number_option(const char *name, uint32_t standard, uint32_t lowest, uint32_t highest, const char *unit, const char *meaning) {
  option_term(name, unit);
  roff_sentence(meaning);
  fprintf(page, "A number from %u to %u; %u if not set.\n", lowest, highest, standard);
}

/* Choice number `index` of "a|b|c". */
static void choice(const char *choices, unsigned index) {
  for (; index > 0; index--) choices = strchr(choices, '|') + 1;
  char one[LINE_MAX_BYTES];
  snprintf(one, sizeof(one), "%.*s", (int)strcspn(choices, "|"), choices);
  roff_font('B', one);
}

static void choice_option(const char *name, unsigned standard, const char *choices, const char *meaning) {
  option_term(name, choices);
  roff_sentence(meaning);
  choice(choices, standard);
  fputs(" if not set.\n", page);
}

static void text_option(const char *name, const char *value, const char *meaning) {
  option_term(name, value);
  roff_sentence(meaning);
}

static void bytes_option(const char *name, unsigned standard, const char *meaning) {
  option_term(name, "bytes, or auto");
  roff_sentence(meaning);
  fprintf(page, "%u if not set.\n", standard);
}

static void options(void) {
#define NUMBER(member, NAME, standard, lowest, highest, unit, meaning) number_option(#NAME, standard, lowest, highest, unit, meaning);
#define CHOICE(member, NAME, standard, choices, meaning) choice_option(#NAME, standard, choices, meaning);
#define TEXT(member, NAME, value, meaning) text_option(#NAME, value, meaning);
#define BYTES(member, NAME, standard, meaning) bytes_option(#NAME, standard, meaning);
  CONFIG_OPTIONS(NUMBER, CHOICE, TEXT, BYTES)
}

static void old_option(const char *name, const char *now) {
  fputs(".TP\n\\fBHAKMEM_", page);
  roff_text(name);
  fputs("\\fR\n", page);
  if (now == NULL) {
    fputs("Removed.\n", page);
    return;
  }
  fputs("Now \\fBHAKMEM_", page);
  roff_text(now);
  fputs("\\fR.\n", page);
}

static void old_options(void) {
#define RENAMED(OLD, NEW) old_option(#OLD, #NEW);
#define REMOVED(OLD) old_option(#OLD, NULL);
  CONFIG_OLD_NAMES(RENAMED, REMOVED)
}

/* ---- @EVENTS ---- */

static bool first_field;

static void event(const char *name, const char *meaning) {
  fputs(".TP\n", page);
  roff_font('B', name);
  fputc('\n', page);
  roff_sentence(meaning);
  fputs("Fields:\n", page);
  first_field = true;
}

static void field(const char *name, const char *kind) {
  if (!first_field) fputs(",\n", page);
  first_field = false;
  roff_font('I', name);
  if (*kind) {
    fputs(" (", page);
    roff_text(kind);
    fputc(')', page);
  }
}

#define ENUM_NAME(constant, name) ", " name
#define ENUM_NAMES(e) (&("" ENUM_##e(ENUM_NAME))[2]) /* without the first comma */
#define F_PTR(f) field(#f, "");
#define F_U32(f) field(#f, "");
#define F_U64(f) field(#f, "");
#define F_BYTES(f) field(#f, "bytes");
#define F_TICKS(f) field(#f, "clock ticks");
#define F_BYTE(f) field(#f, "");
#define F_CLS(f) field(#f, "");
#define F_ENUM(f, e) field(#f, ENUM_NAMES(e));
#define F_TEXT(f) field(#f, "text");
#define F_ADDRESSES(f, n) field(#f, "addresses");
#define F_COUNTS(f, n) field(#f, "counts");

static void events(void) {
#define EVENT_PARAGRAPH(name, meaning, fields) \
  event(#name, meaning); \
  fields fputs(".\n", page);
  HAK_EVENTS(EVENT_PARAGRAPH)
}

/* ---- Members of the JSON report. ---- */

static void member(const char *name, const char *meaning) {
  fputs(".TP\n", page);
  roff_font('B', name);
  fputc('\n', page);
  roff_sentence(meaning);
}

#define MEMBER(name, meaning) member(#name, meaning);
static void losses(void) { MODEL_LOSSES(MEMBER) }
static void counters(void) { STATS_COUNTERS(MEMBER) }
static void class_counters(void) { STATS_CLASS_COUNTERS(MEMBER) }
static void gauges(void) { MODEL_GAUGES(MEMBER) }
static void buckets(void) { STATS_BUCKETS(MEMBER) }
static void site_figures(void) { STATS_SITE_FIGURES(MEMBER) }

/* ---- The tables of hakmem explain. ---- */

static void threshold_term(const char *name, double value, const char *unit, const char *why) {
  fputs(".TP\n", page);
  roff_font('B', name);
  fprintf(page, "\n%.15g ", value);
  roff_text(unit);
  fputs(": ", page);
  roff_sentence(why);
}

static void rules(void) { EXPLAIN_RULES(MEMBER) }
#define THRESHOLD(name, value, unit, why) threshold_term(#name, value, unit, why);
static void thresholds(void) { EXPLAIN_THRESHOLDS(THRESHOLD) }

/* ---- The template. ---- */

static const struct {
  const char *name;
  void (*write)(void);
} tables[] = {
  {"@OPTIONS", options}, {"@OLD_OPTIONS", old_options}, {"@EVENTS", events},
  {"@LOSSES", losses},   {"@COUNTERS", counters},       {"@CLASS_COUNTERS", class_counters},
  {"@GAUGES", gauges},   {"@BUCKETS", buckets},         {"@SITE_FIGURES", site_figures},
  {"@RULES", rules},     {"@THRESHOLDS", thresholds},
};

static void fail(const char *what, const char *path) {
  fprintf(stderr, "man: cannot %s %s: %s\n", what, path, strerror(errno));
  exit(1);
}

static FILE *open_or_fail(const char *path, const char *mode) {
  FILE *const file = fopen(path, mode);
  if (file == NULL) fail("open", path);
  return file;
}

static void include(const char *path) {
  FILE *const file = open_or_fail(path, "r");
  char line[LINE_MAX_BYTES];
  fputs(".nf\n", page);
  while (fgets(line, sizeof(line), file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    roff_line(line);
  }
  fputs(".fi\n", page);
  fclose(file);
}

static void title(char *arguments) {
  const char *const name = strtok(arguments, " "), *const section = strtok(NULL, " ");
  fprintf(page, ".TH %s %s \"\" \"hakmem %s\"\n", name, section, HAKMEM_VERSION);
}

static bool copy(const char *template, const char *program);

static bool directive(char *line, const char *program) {
  line[strcspn(line, "\n")] = '\0';
  for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
    if (strcmp(line, tables[i].name) != 0) continue;
    tables[i].write();
    return true;
  }
  if (strncmp(line, "@FILE ", 6) == 0) {
    include(line + 6);
  } else if (strncmp(line, "@TH ", 4) == 0) {
    title(line + 4);
  } else if (strncmp(line, "@SCHEMA ", 8) == 0 && schema_write(line + 8)) {
    return true;
  } else if (strncmp(line, "@PART ", 6) == 0) {
    return copy(line + 6, program);
  } else if (strcmp(line, "@COMMANDS") == 0 && program != NULL) {
    return help_commands(program);
  } else if (strncmp(line, "@COMMAND ", 9) == 0 && program != NULL) {
    return help_command(program, line + 9);
  } else {
    fprintf(stderr, "man: does not know '%s'\n", line);
    return false;
  }
  return true;
}

static bool copy(const char *template, const char *program) {
  FILE *const in = open_or_fail(template, "r");
  char line[LINE_MAX_BYTES];
  bool good = true;
  while (good && fgets(line, sizeof(line), in) != NULL) {
    if (*line == '@') good = directive(line, program);
    else fputs(line, page);
  }
  fclose(in);
  return good;
}

int main(int argc, char **argv) {
  if (argc != 3 && argc != 4) {
    fprintf(stderr, "usage: man TEMPLATE PAGE [COMPANION PROGRAM]\n");
    return 2;
  }
  page = open_or_fail(argv[2], "w");
  if (!copy(argv[1], argv[3])) return 1;
  if (ferror(page) || fclose(page) != 0) fail("write", argv[2]);
  return 0;
}
