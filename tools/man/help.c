#include "help.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "roff.h"

#define LINE_MAX_BYTES 8192

/* Begins to read what `program command --help` prints, each item on one line; `command` may be NULL. */
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

static void command_line(char *line) {
  static const char usage[] = "Usage: ";
  if (strncmp(line, usage, strlen(usage)) == 0) {
    roff_font('B', line + strlen(usage));
    fputc('\n', page);
  } else if (strncmp(line, "  ", 2) == 0 && line[strspn(line, " ")] == '-') {
    option(line);
  } else if (*line != '\0') {
    fputs(".PP\n", page);
    roff_line(line);
  }
}

static bool describe(const char *program, const char *command) {
  char line[LINE_MAX_BYTES];
  pid_t child;
  FILE *const help = help_open(program, command, &child);
  if (help == NULL) return false;
  fputs(".SS ", page);
  roff_line(command);
  while (next_line(help, line)) command_line(line);
  return help_close(help, child);
}

bool help_commands(const char *program) {
  char line[LINE_MAX_BYTES];
  pid_t child;
  bool listed = false, good = true;
  FILE *const help = help_open(program, NULL, &child);
  if (help != NULL) {
    while (good && next_line(help, line)) {
      if (listed && *line == '\0') break;
      if (listed) good = describe(program, strtok(line, " "));
      if (strcmp(line, "Commands:") == 0) listed = true;
    }
    while (next_line(help, line)) {}
    good = help_close(help, child) && good && listed;
  }
  if (help == NULL || !good) fprintf(stderr, "man: %s --help does not list its commands\n", program);
  return help != NULL && good;
}
