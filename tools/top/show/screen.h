/*
 * screen.h: what `hakmem top` shows, as rows of text. A terminal draws them (terminal.h), or --batch prints them.
 *
 * A row is text with styles in it: a byte below STYLE_COUNT begins a style, which lasts to the next one or to the end of the row. All text from
 * outside is escaped, so it holds no such byte. Hits say which key a click stands for.
 */
#ifndef HAKMEM_TOOLS_TOP_SCREEN_H
#define HAKMEM_TOOLS_TOP_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum style { STYLE_PLAIN = 1, STYLE_BOLD, STYLE_DIM, STYLE_TITLE, STYLE_HEAD, STYLE_SELECTED, STYLE_LIVE, STYLE_FREE, STYLE_OTHER, STYLE_BAD, STYLE_COUNT };
#define PLAIN "\x01"
#define BOLD "\x02"
#define DIM "\x03"
#define TITLE "\x04"
#define HEAD "\x05"
#define SELECTED "\x06"
#define LIVE "\x07"
#define FREE "\x08"
#define OTHER "\x09"
#define BAD "\x0a"

/* A click on columns [from, to) of a row stands for this key. */
struct hit {
  size_t row;
  int from, to, key;
};

struct screen {
  int width, height; /* columns; rows, 0: as many as there is to show */
  char **rows;
  size_t count, capacity;
  struct hit *hits;
  size_t hit_count, hit_capacity;
};

__attribute__((format(printf, 2, 3))) void screen_row(struct screen *s, const char *format, ...);
/* Of the next row to be added. */
void screen_hit(struct screen *s, int from, int to, int key);
/* Adds empty rows until there are `count`. */
void screen_fill(struct screen *s, size_t count);
void screen_clear(struct screen *s);

/* Prints all rows without their styles. */
void screen_print(const struct screen *s, FILE *out);

/* `text` cut to `width` columns, or filled with spaces. `right`: these come before it. The caller frees it. */
char *screen_fit(const char *text, int width, bool right);

#endif
