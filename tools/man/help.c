#include "help.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "roff.h"

#define LINE_MAX_BYTES 8192

/* Opens the output of `program command --help`, each item on one line; `command` may be NULL. */
static FILE *help_open(const char *program, const char *command, pid_t *child) {
  int ends[2];
  if (pipe(ends) != 0) return NULL;
  *child = fork();
  if (*child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    setenv("ARGP_HELP_FMT", "rmargin=4000,no-dup-args-note", 1);
    if (command == NULL) execl(program, program, "--help", (char *)NULL);
    if (command != NULL) execl(program, program, command, "--help", (char *)NULL);
    _exit(127);
  }
  close(ends[1]);
  FILE *const help = *child > 0 ? fdopen(ends[0], "r") : NULL;
  if (help == NULL) close(ends[0]);
  return help;
}

static bool help_close(FILE *help, pid_t child) {
  int status = -1;
  fclose(help);
  return waitpid(child, &status, 0) == child && status == 0;
}

static bool next_line(FILE *help, char *line) {
  if (fgets(line, LINE_MAX_BYTES, help) == NULL) return false;
  line[strcspn(line, "\n")] = '\0';
  return true;
}

/* "-o, --output=DIR": the option bold, its argument in italics. */
static void option_names(char *names) {
  char *rest;
  const char *between = "";
  for (char *name = strtok_r(names, ", ", &rest); name != NULL; name = strtok_r(NULL, ", ", &rest)) {
    char *const equals = strchr(name, '=');
    if (equals != NULL) *equals = '\0';
    fputs(between, page);
    roff_font('B', name);
    if (equals != NULL) {
      fputc('=', page);
      roff_font('I', equals + 1);
    }
    between = ", ";
  }
  fputc('\n', page);
}

/* "  -o, --output=DIR           Put ...". */
static void option(char *line) {
  line += strspn(line, " ");
  char *const gap = strstr(line, "  ");
  const char *const meaning = gap != NULL ? gap + strspn(gap, " ") : "";
  if (gap != NULL) *gap = '\0';
  if (strstr(line, "--help") != NULL || strstr(line, "--usage") != NULL) return; /* every command has them */
  fputs(".TP\n", page);
  option_names(line);
  roff_line(meaning);
}

/* "  phase8    random_mixed with ...", of a list behind the options. */
static void item(char *line) {
  line += strspn(line, " ");
  char *const gap = strchr(line, ' ');
  fputs(".TP\n", page);
  if (gap != NULL) *gap = '\0';
  roff_font('B', line);
  fputc('\n', page);
  if (gap != NULL) roff_line(gap + 1 + strspn(gap + 1, " "));
}

/* The current part of a command's help. */
enum part { PART_START, PART_DESCRIPTION, PART_OPTIONS, PART_NOTES };

/* True if a heading was written. */
static bool begin_part(enum part *part, enum part next) {
  static const char *const headings[] = {"SYNOPSIS", "DESCRIPTION", "OPTIONS", "NOTES"};
  if (*part >= next) return false;
  *part = next;
  fprintf(page, ".SH %s\n", headings[next]);
  return true;
}

static void command_line(char *line, enum part *part) {
  static const char usage[] = "Usage: ";
  const bool indented = strncmp(line, "  ", 2) == 0;
  if (*line == '\0') return;
  if (strncmp(line, usage, strlen(usage)) == 0) {
    fputs(".SH SYNOPSIS\n", page);
    roff_font('B', line + strlen(usage));
    fputc('\n', page);
  } else if (indented && line[strspn(line, " ")] == '-') {
    begin_part(part, PART_OPTIONS);
    option(line);
  } else if (indented) {
    item(line);
  } else {
    if (!begin_part(part, *part < PART_OPTIONS ? PART_DESCRIPTION : PART_NOTES)) fputs(".PP\n", page);
    roff_line(line);
  }
}

/* Calls `use` with the name and the summary of each command in the list that `program --help` prints. */
static bool each_command(const char *program, void (*use)(const char *name, const char *summary, const char *wanted), const char *wanted) {
  char line[LINE_MAX_BYTES];
  pid_t child;
  bool listed = false, ended = false;
  FILE *const help = help_open(program, NULL, &child);
  while (help != NULL && next_line(help, line)) {
    if (listed && *line == '\0') ended = true;
    if (listed && !ended) {
      char *rest;
      const char *const name = strtok_r(line, " ", &rest);
      use(name, rest + strspn(rest, " "), wanted);
    }
    if (strcmp(line, "Commands:") == 0) listed = true;
  }
  const bool good = help != NULL && help_close(help, child) && listed;
  if (!good) fprintf(stderr, "man: %s --help does not list its commands\n", program);
  return good;
}

static void list_command(const char *name, const char *summary, const char *wanted) {
  (void)wanted;
  fputs(".TP\n\\fBhakmem\\-", page);
  roff_text(name);
  fputs("\\fR(1)\n", page);
  roff_sentence(summary);
}

/* "hakmem-run - run a program ...": a summary in the list begins with a capital letter, a NAME with a small one. */
static void name_command(const char *name, const char *summary, const char *wanted) {
  if (strcmp(name, wanted) != 0) return;
  fputs(".SH NAME\nhakmem\\-", page);
  roff_text(name);
  fprintf(page, " \\- %c", tolower((unsigned char)*summary));
  roff_text(summary + 1);
  fputc('\n', page);
}

bool help_commands(const char *program) { return each_command(program, list_command, NULL); }

bool help_command(const char *program, const char *command) {
  char line[LINE_MAX_BYTES];
  pid_t child;
  enum part part = PART_START;
  if (!each_command(program, name_command, command)) return false;
  FILE *const help = help_open(program, command, &child);
  while (help != NULL && next_line(help, line)) command_line(line, &part);
  const bool good = help != NULL && help_close(help, child);
  if (!good) fprintf(stderr, "man: %s %s --help failed\n", program, command);
  return good;
}
