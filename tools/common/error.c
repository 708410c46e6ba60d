#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
