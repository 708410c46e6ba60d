/*
 * grid.h: a table on the screen that sorts, filters and scrolls. Every table of `hakmem top` is one.
 */
#ifndef HAKMEM_TOOLS_TOP_GRID_H
#define HAKMEM_TOOLS_TOP_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "screen.h"

#define GRID_COLUMNS 10
#define GRID_FILTER 64
#define GRID_NONE UINT64_MAX

struct grid_column {
  const char *title;
  int width;   /* columns; 0: the rest of the row, for the last one */
  bool number; /* aligned to the right, and sorted by its value, the largest first; else by its text */
};

struct grid_row {
  uint64_t id; /* which stays the same while the figures change */
  char *cells[GRID_COLUMNS];
  double values[GRID_COLUMNS];
  enum style style;
};

struct grid {
  const struct grid_column *columns;
  size_t column_count;
  struct grid_row *rows;
  size_t count, capacity;
  const char *empty; /* is shown if there is no row */
};

/* What the user has chosen; it outlives the grid. */
struct grid_state {
  size_t sort; /* a column */
  bool reversed;
  char filter[GRID_FILTER];
  uint64_t selected; /* a row's id, or GRID_NONE: the first one */
  size_t at, first;  /* the index of that row, and of the first one shown */
  size_t shown;      /* rows that fitted */
};

struct grid_row *grid_add(struct grid *g, uint64_t id, enum style style);
/* The next cell of a row, by its column; `value` is for sorting. */
__attribute__((format(printf, 4, 5))) void grid_cell(struct grid_row *row, size_t column, double value, const char *format, ...);

/* Sorts and filters the rows and finds the selected one; if that is gone, the one in its place is selected. */
void grid_arrange(struct grid *g, struct grid_state *state);

/* Adds the head and the rows from state->first on, `height` rows at most (0: all). Hits on a row stand for GRID_HIT_ROW + its place on the screen. */
void grid_draw(struct screen *s, const struct grid *g, struct grid_state *state, int height);
#define GRID_HIT_ROW 0x10000
#define GRID_HIT_COLUMN 0x20000

void grid_free(struct grid *g);

#endif
