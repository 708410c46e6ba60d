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

/* The end of the list that opens at `at`; NULL if it never closes. Comparisons between template arguments stand in brackets. */
static const char *list_end(const char *whole, const char *at) {
  const char close = *at == '<' ? '>' : ')';
  for (at++; *at != '\0';) {
    const size_t skipped = operator_length(whole, at);
    if (skipped > 0) {
      at += skipped;
      continue;
    }
    if (*at == close) return at + 1;
    if (*at == '(' || (*at == '<' && close == '>')) {
      at = list_end(whole, at);
      if (at == NULL) return NULL;
    } else {
      at++;
    }
  }
  return NULL;
}

char *short_name(const char *name) {
  char *const text = must_allocate(2 * strlen(name) + sizeof("(...)")), *out = text; /* "<T>" grows by two bytes */
  for (const char *at = name; *at != '\0';) {
    const bool opens = *at == '<' || *at == '(';
    size_t kept = begins(at, ANONYMOUS) ? strlen(ANONYMOUS) : operator_length(name, at);
    const char *const end = opens && kept == 0 ? list_end(name, at) : NULL;
    if (end != NULL && end > at + 2) {
      out = stpcpy(out, *at == '<' ? "<...>" : "(...)");
      at = end;
      continue;
    }
    if (kept == 0) kept = end != NULL ? (size_t)(end - at) : 1;
    memcpy(out, at, kept);
    out += kept;
    at += kept;
  }
  *out = '\0';
  return text;
}
