/*
 * symbolize.c: hakmem symbolize: a filter that replaces the frames of libhakmem.so's log by functions and lines.
 *
 *   anything #0 /path/of/object+0x1a2b      a frame reaches to the end of its line; the text before it stays
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "common/error.h"
#include "common/sandbox.h"
#include "model/model.h"
#include "model/symbol_options.h"
#include "model/symbolize.h"
#include "report/print.h"

struct options {
  const char *path; /* NULL: standard input */
};

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct options *const o = state->input;
  switch (key) {
    case ARGP_KEY_ARG:
      if (o->path != NULL) argp_error(state, "there is more than one FILE");
      o->path = argument;
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp symbolize_argp = {
  .parser = parse,
  .children = symbol_options,
  .args_doc = "[FILE]",
  .doc = "Copy text and name its stacks: frames as libhakmem.so writes them to standard error or HAKMEM_LOG_FILE (\"#0 /path/of/object+0x1a2b\") "
         "become functions, files and lines, with a line for each inlined function. All else stays as it is.\v"
         "Without FILE, standard input is read: program 2>&1 | hakmem symbolize. The objects are those on this machine now, or below "
         "--sysroot; a frame that is not found stays as it is. The exit code is 0, 1 if something could not be read or written, 2 for bad usage.",
};

/* A frame within a line: where "#0 " begins, the path, and the address in it. */
struct frame {
  const char *start;
  char *path; /* ends within the line */
  uint64_t own;
};

/* Finds the frame in a line without its end; false if there is none. Cuts the line behind the path. */
static bool find_frame(char *line, struct frame *frame) {
  char *const plus = strrchr(line, '+');
  if (plus == NULL || plus[1] != '0' || plus[2] != 'x' || !isxdigit((unsigned char)plus[3])) return false;
  char *end;
  errno = 0;
  frame->own = strtoull(plus + 3, &end, 16);
  if (*end != '\0' || errno != 0) return false;
  for (const char *p = line; (p = memchr(p, '#', (size_t)(plus - p))) != NULL; p++) {
    const size_t digits = strspn(p + 1, "0123456789");
    if (digits == 0 || p[1 + digits] != ' ' || p[2 + digits] != '/' || p + 2 + digits > plus) continue;
    frame->start = p;
    frame->path = line + (p - line) + 2 + digits;
    *plus = '\0';
    return true;
  }
  return false;
}

/* Prints a line with a frame. */
static void print_frame(const char *line, const struct frame *frame) {
  struct symbol symbols[SYMBOLS_MAX];
  const size_t count = symbolize_in_file(frame->path, frame->own, symbols);
  if (symbols[0].function == NULL && symbols[0].file == NULL) {
    printf("%s+0x%llx\n", line, (unsigned long long)frame->own);
    return;
  }
  for (size_t i = 0; i < count; i++) {
    fwrite(line, 1, (size_t)(frame->path - line), stdout);
    print_symbol(stdout, &symbols[i], frame->own);
    putchar('\n');
  }
}

/* Whether the line is a row of the bytes around a block. */
static bool is_row(const char *line) { return strncmp(line, "    0x", 6) == 0 && strstr(line, "  |") != NULL; }

/* The value of a byte behind `name`, "0x5f". NULL if the line has none. */
static char *byte_of(char *line, const char *name) {
  char *const at = strstr(line, name);
  return at != NULL && strlen(at) >= strlen(name) + 4 ? at + strlen(name) : NULL;
}

/* Makes the line what HAKMEM_REDACT=1 would have logged: the byte that was found is the expected one, and a link that was overwritten is no number. */
static void redact(char *line) {
  static const char overwritten[] = " in a free block was overwritten by 0x";
  char *const got = byte_of(line, " got="), *const expect = byte_of(line, " expect="), *const link = strstr(line, overwritten);
  if (got != NULL && expect != NULL) memcpy(got, expect, 4);
  if (link != NULL && link[sizeof(overwritten) - 1] != '\0') strcpy(link + sizeof(overwritten) - 1, "0");
}

static bool copy(FILE *in, const char *name) {
  char *line = NULL;
  size_t capacity = 0;
  setvbuf(stdout, NULL, _IOLBF, 0); /* line by line, for a reader that waits for the program */
  for (ssize_t length; (length = getline(&line, &capacity, in)) > 0 && !ferror(stdout);) {
    sandbox_alive();
    struct frame frame;
    const bool whole = line[length - 1] == '\n' && memchr(line, '\0', (size_t)length) == NULL;
    if (whole) line[length - 1] = '\0';
    if (whole && find_frame(line, &frame)) {
      print_frame(line, &frame);
      continue;
    }
    if (whole && model_redacts() && is_row(line)) continue;
    if (whole && model_redacts()) redact(line);
    if (whole) length = stpcpy(line + strlen(line), "\n") - line;
    fwrite(line, 1, (size_t)length, stdout);
  }
  free(line);
  if (ferror(in)) return fail("cannot read %s: %s", name, strerror(errno));
  return (fflush(stdout) == 0 && !ferror(stdout)) || fail("cannot write to standard output");
}

static int run(void *context) {
  const struct options *const o = context;
  FILE *const in = o->path != NULL ? fopen(o->path, "re") : stdin;
  bool good = in != NULL || fail("cannot open %s: %s", o->path, strerror(errno));
  good = good && copy(in, o->path != NULL ? o->path : "standard input");
  if (!good) say("%s", failure());
  if (in != NULL && in != stdin) fclose(in);
  return good ? EXIT_DONE : EXIT_FAILED;
}

int command_symbolize(int argc, char **argv) {
  struct options o = {0};
  argp_parse(&symbolize_argp, argc, argv, 0, NULL, &o);
  return sandbox_run(run, &o);
}
