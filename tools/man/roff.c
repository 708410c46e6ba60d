#include "roff.h"

#include <ctype.h>

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

void roff_sentence(const char *half) {
  fputc(toupper((unsigned char)*half), page);
  roff_text(half + 1);
  fputs(".\n", page);
}
