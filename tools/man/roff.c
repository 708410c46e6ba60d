#include "roff.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

FILE *page;

void roff_text(const char *text) {
  for (; *text; text++) {
    switch (*text) {
      case '\\': fputs("\\e", page); break;
      case '-': fputs("\\-", page); break;
      case '\'': fputs("\\(aq", page); break;
      default: fputc(*text, page);
    }
  }
}

void roff_line(const char *text) {
  if (*text == '.' || *text == '\'') fputs("\\&", page);
  roff_text(text);
  fputc('\n', page);
}

void roff_font(char font, const char *text) {
  fprintf(page, "\\f%c", font);
  roff_text(text);
  fputs("\\fR", page);
}

/* A value, as in "full: every operation ...", stays as it is written. */
void roff_sentence(const char *half) {
  const bool is_value = half[strcspn(half, " :")] == ':';
  fputc(is_value ? *half : toupper((unsigned char)*half), page);
  roff_text(half + 1);
  fputs(".\n", page);
}
