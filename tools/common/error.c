#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/platform/options.h"
#include "escape.h"
#include "memory.h"
#include "progress.h"

#define MESSAGE_SIZE 4096

static char message[MESSAGE_SIZE];

bool fail(const char *format, ...) {
  char text[MESSAGE_SIZE]; /* an argument may be failure() itself */
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  strcpy(message, text);
  return false;
}

bool fail_within(const char *format, ...) {
  char text[MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  char *const whole = must_print("%s: %s", text, message);
  snprintf(message, sizeof(message), "%s", whole);
  free(whole);
  return false;
}

const char *failure(void) { return message; }

void say(const char *format, ...) {
  char text[MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  char *const visible = escape(text);
  progress_clear();
  fprintf(stderr, "hakmem: %s\n", visible);
  free(visible);
}

/* ---- The word that was meant. ---- */

struct nearest nearest_to(const char *word, size_t length) {
  return (struct nearest){word, length, (length + 2) / 3 + 1, NULL};
}

void nearest_look(struct nearest *n, const char *known) {
  const size_t wrong = strlen(known) <= OPTION_NAME_MOST ? option_distance(n->word, n->length, known) : n->least;
  if (wrong < n->least) n->least = wrong, n->known = known;
}

char *nearest_text(const struct nearest *n, const char *before) {
  return n->known != NULL ? must_print("; did you mean %s%s?", before, n->known) : must_copy("");
}
