#include "screen.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/format.h"
#include "common/memory.h"

void screen_row(struct screen *s, const char *format, ...) {
  char *text;
  va_list arguments;
  va_start(arguments, format);
  const int length = vasprintf(&text, format, arguments);
  va_end(arguments);
  s->rows = must_grow(s->rows, s->count, &s->capacity, sizeof(*s->rows));
  s->rows[s->count++] = length >= 0 ? text : must_copy("");
}

void screen_hit(struct screen *s, int from, int to, int key) {
  s->hits = must_grow(s->hits, s->hit_count, &s->hit_capacity, sizeof(*s->hits));
  s->hits[s->hit_count++] = (struct hit){s->count, from, to, key};
}

void screen_fill(struct screen *s, size_t count) {
  while (s->count < count) screen_row(s, "%s", "");
}

void screen_clear(struct screen *s) {
  for (size_t i = 0; i < s->count; i++) free(s->rows[i]);
  s->count = s->hit_count = 0;
}

void screen_print(const struct screen *s, FILE *out) {
  for (size_t i = 0; i < s->count; i++) {
    size_t spaces = 0; /* spaces at the end are not printed */
    for (const char *c = s->rows[i]; *c != '\0'; c++) {
      if ((unsigned char)*c < STYLE_COUNT) continue;
      if (*c == ' ') {
        spaces++;
        continue;
      }
      fprintf(out, "%*s%c", (int)spaces, "", *c);
      spaces = 0;
    }
    fputc('\n', out);
  }
}

char *screen_fit(const char *text, int width, bool right) {
  const int wide = (int)format_width(text);
  if (wide <= width) return right ? must_print("%*s%s", width - wide, "", text) : must_print("%s%*s", text, width - wide, "");
  int bytes = 0;
  for (int column = 0; column < width; column++) {
    do bytes++;
    while ((text[bytes] & 0xc0) == 0x80);
  }
  return must_print("%.*s", bytes, text);
}
