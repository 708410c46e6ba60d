#include "short_name.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

#define OPERATOR "operator"
#define ANONYMOUS "(anonymous namespace)"

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_' || c == '$'; }

/* The length of "operator<<", "operator()" or the like at `at`, whose brackets open no list; 0 if there is none. */
static size_t operator_length(const char *whole, const char *at) {
  static const char *const with_brackets[] = {"<=>", "<<=", ">>=", "->*", "<<", ">>", "<=", ">=", "->", "()", "<", ">"};
  if (!begins(at, OPERATOR) || (at > whole && is_word(at[-1]))) return 0;
  const size_t length = strlen(OPERATOR);
  for (size_t i = 0; i < sizeof(with_brackets) / sizeof(with_brackets[0]); i++) {
    if (begins(at + length, with_brackets[i])) return length + strlen(with_brackets[i]);
  }
  return 0;
}

/* The end of the list that opens at `at`; NULL if it never closes. Within (...), < and > are comparisons. */
static const char *list_end(const char *whole, const char *at) {
  size_t angles = *at == '<', brackets = *at == '(';
  for (at++; *at != '\0';) {
    const size_t skipped = operator_length(whole, at);
    if (skipped > 0) {
      at += skipped;
      continue;
    }
    if (*at == '(') brackets++;
    else if (*at == '<' && brackets == 0) angles++;
    else if (*at == ')' && brackets > 0) brackets--;
    else if (*at == '>' && brackets == 0 && angles > 0) angles--;
    at++;
    if (angles == 0 && brackets == 0) return at;
  }
  return NULL;
}

#define UNCLOSED_MOST 16 /* lists without an end; a name with more of them is no C++ name, and looking for all those ends would take long */

char *short_name(const char *name) {
  char *const text = must_allocate(2 * strlen(name) + sizeof("(...)")), *out = text; /* "<T>" grows by two bytes */
  unsigned unclosed = 0;
  for (const char *at = name; *at != '\0';) {
    const bool opens = *at == '<' || *at == '(';
    size_t kept = begins(at, ANONYMOUS) ? strlen(ANONYMOUS) : operator_length(name, at);
    const char *const end = opens && kept == 0 && unclosed < UNCLOSED_MOST ? list_end(name, at) : NULL;
    if (end != NULL && end > at + 2) {
      out = stpcpy(out, *at == '<' ? "<...>" : "(...)");
      at = end;
      continue;
    }
    if (opens && kept == 0 && end == NULL) unclosed++;
    if (kept == 0) kept = end != NULL ? (size_t)(end - at) : 1;
    memcpy(out, at, kept);
    out += kept;
    at += kept;
  }
  *out = '\0';
  return text;
}
