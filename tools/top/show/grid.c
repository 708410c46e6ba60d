#include "grid.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/format.h"
#include "common/memory.h"

struct grid_row *grid_add(struct grid *g, uint64_t id, enum style style) {
  g->rows = must_grow(g->rows, g->count, &g->capacity, sizeof(*g->rows));
  struct grid_row *const row = &g->rows[g->count++];
  *row = (struct grid_row){.id = id, .style = style};
  return row;
}

void grid_cell(struct grid_row *row, size_t column, double value, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int length = vasprintf(&row->cells[column], format, arguments);
  va_end(arguments);
  if (length < 0) row->cells[column] = must_copy("");
  row->values[column] = value;
}

static void free_row(struct grid_row *row) {
  for (size_t i = 0; i < GRID_COLUMNS; i++) free(row->cells[i]);
}

void grid_free(struct grid *g) {
  for (size_t i = 0; i < g->count; i++) free_row(&g->rows[i]);
  free(g->rows);
}

static bool passes(const struct grid *g, const struct grid_row *row, const char *filter) {
  bool found = *filter == '\0';
  for (size_t i = 0; i < g->column_count && !found; i++) found = row->cells[i] != NULL && strcasestr(row->cells[i], filter) != NULL;
  return found;
}

/* What the rows are compared by. */
struct order {
  const struct grid_column *column;
  size_t index;
  bool reversed;
};

static int compare(const void *a, const void *b, void *context) {
  const struct grid_row *const x = a, *const y = b;
  const struct order *const o = context;
  const double p = x->values[o->index], q = y->values[o->index];
  int result = 0;
  if (o->column->number) result = p < q ? 1 : p > q ? -1 : 0;
  else if (x->cells[o->index] != NULL && y->cells[o->index] != NULL) result = strcmp(x->cells[o->index], y->cells[o->index]);
  if (o->reversed) result = -result;
  return result != 0 ? result : x->id < y->id ? -1 : x->id > y->id; /* rows with equal figures must not change places */
}

void grid_arrange(struct grid *g, struct grid_state *state) {
  size_t kept = 0;
  for (size_t i = 0; i < g->count; i++) {
    if (passes(g, &g->rows[i], state->filter)) g->rows[kept++] = g->rows[i];
    else free_row(&g->rows[i]);
  }
  g->count = kept;
  if (kept == 0) {
    state->at = state->first = 0;
    return;
  }
  struct order order = {&g->columns[state->sort], state->sort, state->reversed};
  qsort_r(g->rows, kept, sizeof(*g->rows), compare, &order);
  for (size_t i = 0; i < kept; i++) {
    if (g->rows[i].id == state->selected) state->at = i;
  }
  if (state->at >= kept) state->at = kept - 1;
  state->selected = g->rows[state->at].id;
}

static int width_of(const struct grid *g, size_t column, int whole) {
  if (g->columns[column].width > 0) return g->columns[column].width;
  int rest = whole;
  for (size_t i = 0; i < g->column_count; i++) rest -= g->columns[i].width + (i > 0);
  return rest > 0 ? rest : 0;
}

static void append(char **line, const char *separator, char *cell) {
  char *const longer = must_print("%s%s%s", *line, separator, cell);
  free(*line);
  free(cell);
  *line = longer;
}

static void draw_head(struct screen *s, const struct grid *g, const struct grid_state *state) {
  char *line = must_copy("");
  int at = 0;
  for (size_t i = 0; i < g->column_count; i++) {
    const struct grid_column *const c = &g->columns[i];
    const int width = width_of(g, i, s->width);
    const bool down = c->number != state->reversed;
    char *const title = must_print("%s%s", c->title, i != state->sort ? "" : down ? "\xe2\x86\x93" : "\xe2\x86\x91");
    char *const plain = must_print("%s%s", c->title, i != state->sort ? "" : down ? "v" : "^");
    append(&line, i > 0 ? " " : "", screen_fit(format_is_utf8() ? title : plain, width, c->number));
    free(title);
    free(plain);
    screen_hit(s, at, at + width, GRID_HIT_COLUMN + (int)i);
    at += width + 1;
  }
  char *const whole = screen_fit(line, s->width, false);
  screen_row(s, HEAD "%s", whole);
  free(whole);
  free(line);
}

static void draw_row(struct screen *s, const struct grid *g, const struct grid_row *row, bool selected) {
  char *line = must_copy("");
  for (size_t i = 0; i < g->column_count; i++) {
    const struct grid_column *const c = &g->columns[i];
    append(&line, i > 0 ? " " : "", screen_fit(row->cells[i] != NULL ? row->cells[i] : "", width_of(g, i, s->width), c->number));
  }
  char *const whole = screen_fit(line, s->width, false);
  screen_row(s, "%c%s", selected ? STYLE_SELECTED : row->style, whole);
  free(whole);
  free(line);
}

void grid_draw(struct screen *s, const struct grid *g, struct grid_state *state, int height) {
  const size_t begin = s->count;
  draw_head(s, g, state);
  const size_t room = s->height == 0 ? g->count : height > 1 ? (size_t)height - 1 : 1;
  state->shown = room;
  if (state->at < state->first) state->first = state->at;
  if (state->at >= state->first + room) state->first = state->at - room + 1;
  if (state->first + room > g->count) state->first = g->count > room ? g->count - room : 0;
  for (size_t i = state->first; i < g->count && i < state->first + room; i++) {
    screen_hit(s, 0, s->width, GRID_HIT_ROW + (int)(i - state->first));
    draw_row(s, g, &g->rows[i], s->height != 0 && i == state->at);
  }
  if (g->count == 0) screen_row(s, DIM "%s", *state->filter != '\0' ? "nothing matches the filter; / changes it" : g->empty);
  if (s->height != 0) screen_fill(s, begin + (size_t)height);
}
