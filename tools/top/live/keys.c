/*
 * keys.c: what the keys do.
 */
#include <string.h>

#include "common/error.h"
#include "terminal.h"
#include "top.h"

static void move(struct top *t, long by) {
  struct grid_state *const state = top_state(t);
  const long last = (long)t->grid.count - 1, to = (long)state->at + by;
  if (last < 0) return;
  state->at = (size_t)(to < 0 ? 0 : to > last ? last : to);
  state->selected = t->grid.rows[state->at].id;
}

static void enter(struct top *t) {
  const struct grid_state *const state = top_state(t);
  if (state->at >= t->grid.count) return;
  if (t->watched != NULL || top_view(t) == VIEW_SESSIONS) {
    t->mode = MODE_ROW;
    return;
  }
  const struct entry *const e = processes_find(&t->processes, t->grid.rows[state->at].id);
  if (e != NULL && !top_open(t, e->pid, e->path)) t->notice = failure();
}

static void leave(struct top *t) {
  if (t->watched == NULL || t->options->pid != 0) t->is_over = true; /* one that was named on the command line is all there is */
  else top_leave(t);
}

static void back(struct top *t) {
  struct grid_state *const state = top_state(t);
  if (*state->filter != '\0') *state->filter = '\0';
  else if (t->watched != NULL) leave(t);
}

static void press_filter(struct top *t, int key) {
  struct grid_state *const state = top_state(t);
  const size_t length = strlen(state->filter);
  if (key == PRESSED_ENTER || key == PRESSED_ESCAPE) {
    t->mode = MODE_TABLE;
    if (key == PRESSED_ESCAPE) *state->filter = '\0';
  } else if (key == PRESSED_DELETE && length > 0) {
    state->filter[length - 1] = '\0';
  } else if (key >= ' ' && key < 127 && length + 1 < sizeof(state->filter)) {
    state->filter[length] = (char)key;
    state->filter[length + 1] = '\0';
  }
}

static void sort(struct top *t, size_t column) {
  struct grid_state *const state = top_state(t);
  state->reversed = column == state->sort && !state->reversed; /* a second click on a title reverses */
  state->sort = column;
}

static void press_row(struct top *t, size_t shown) {
  struct grid_state *const state = top_state(t);
  const size_t row = state->first + shown;
  if (row >= t->grid.count) return;
  const bool again = row == state->at;
  state->at = row;
  state->selected = t->grid.rows[row].id;
  if (again) enter(t);
}

static void press_table(struct top *t, int key) {
  struct grid_state *const state = top_state(t);
  const size_t columns = t->grid.column_count, page = state->shown;
  if (key >= GRID_HIT_COLUMN) return sort(t, (size_t)(key - GRID_HIT_COLUMN));
  if (key >= GRID_HIT_ROW) return press_row(t, (size_t)(key - GRID_HIT_ROW));
  if (t->watched != NULL && key >= '1' && key < '1' + VIEW_LIST) t->view = (enum view)(key - '1');
  switch (key) {
    case 'k':
    case PRESSED_UP: move(t, -1); break;
    case 'j':
    case PRESSED_DOWN: move(t, 1); break;
    case PRESSED_PAGE_UP: move(t, -(long)page); break;
    case PRESSED_PAGE_DOWN: move(t, (long)page); break;
    case PRESSED_FIRST: move(t, -(long)t->grid.count); break;
    case PRESSED_LAST: move(t, (long)t->grid.count); break;
    case PRESSED_ENTER: enter(t); break;
    case PRESSED_ESCAPE: back(t); break;
    case '\t':
      if (t->watched != NULL) t->view = (enum view)((t->view + 1) % VIEW_LIST);
      break;
    case '>': sort(t, (state->sort + 1) % columns); break;
    case '<': sort(t, (state->sort + columns - 1) % columns); break;
    case 'r': state->reversed = !state->reversed; break;
    case 'b':
      if (top_view(t) == VIEW_SESSIONS) sessions_group_next(&t->sessions);
      break;
    case '/': t->mode = MODE_FILTER; break;
    case '?': t->mode = MODE_HELP; break;
    case 'Q': t->is_over = true; break;
    case 'q': leave(t); break;
    case '+': t->interval = t->interval / 2 > TOP_FASTEST ? t->interval / 2 : TOP_FASTEST; break;
    case '-': t->interval = t->interval * 2 < TOP_SLOWEST ? t->interval * 2 : TOP_SLOWEST; break;
    default: break;
  }
}

void top_press(struct top *t, int key) {
  t->notice = NULL;
  if (key == PRESSED_SIZE) return;
  if (t->mode == MODE_FILTER) press_filter(t, key);
  else if (t->mode != MODE_TABLE) t->mode = MODE_TABLE;
  else if (key == 'p' || key == ' ') t->is_paused = !t->is_paused;
  else press_table(t, key);
}
