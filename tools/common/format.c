#include "format.h"

#include <ctype.h>
#include <inttypes.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "memory.h"

#define EIGHTHS 8
#define GAP 2 /* columns between two cells of a row */

static bool utf8;

void format_init(void) { utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0; }
bool format_is_utf8(void) { return utf8; }

/* Three significant digits. */
static int digits_after_point(double value) { return value < 9.995 ? 2 : value < 99.95 ? 1 : 0; }

const char *format_ns(char *buffer, double ns) {
  if (ns < 999.5) {
    snprintf(buffer, FORMAT_SIZE, ns < 99.95 && ns != (double)(uint64_t)ns ? "%.1f ns" : "%.0f ns", ns);
    return buffer;
  }
  static const char *const units[] = {"us", "ms", "s"};
  double value = ns / 1e3;
  size_t unit = 0;
  while (value >= 999.5 && unit < 2) value /= 1e3, unit++;
  snprintf(buffer, FORMAT_SIZE, "%.*f %s", digits_after_point(value), value, unit == 0 && utf8 ? "\u00b5s" : units[unit]);
  return buffer;
}

const char *format_bytes(char *buffer, uint64_t bytes) {
  static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes == UNKNOWN) return strcpy(buffer, "-");
  if (bytes < 1024) {
    snprintf(buffer, FORMAT_SIZE, "%" PRIu64 " B", bytes);
    return buffer;
  }
  double value = (double)bytes / 1024;
  size_t unit = 0;
  while (value >= 999.5 && unit < 5) value /= 1024, unit++;
  snprintf(buffer, FORMAT_SIZE, "%.*f %s", digits_after_point(value), value, units[unit]);
  return buffer;
}

const char *format_count(char *buffer, uint64_t count) {
  if (count == UNKNOWN) return strcpy(buffer, "-");
  snprintf(buffer, FORMAT_SIZE, "%" PRIu64, count);
  return buffer;
}

const char *format_percent(char *buffer, double part, double whole) {
  if (!(whole > 0)) return strcpy(buffer, "-");
  snprintf(buffer, FORMAT_SIZE, "%.1f %%", part / whole * 100);
  return buffer;
}

const char *format_bar(char *buffer, size_t size, uint64_t value, uint64_t most, unsigned width) {
  static const char *const partial[EIGHTHS] = {"", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589"};
  if (value > most) value = most;
  double share = most > 0 ? (double)value / (double)most * width : 0;
  const unsigned steps = utf8 ? EIGHTHS : 1;
  unsigned length = (unsigned)(share * steps + 0.5);
  if (length == 0 && value > 0) length = 1;
  size_t used = 0;
  buffer[0] = '\0';
  for (unsigned i = 0; i < length / steps; i++) used += (size_t)snprintf(buffer + used, size - used, "%s", utf8 ? "\u2588" : "#");
  if (utf8) snprintf(buffer + used, size - used, "%s", partial[length % steps]);
  return buffer;
}

char *format_sparkline(const uint64_t *values, size_t count) {
  static const char *const blocks[] = {"\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588"};
  static const char *const plain[] = {".", ":", "-", "=", "+", "*", "#", "@"};
  uint64_t most = 0;
  for (size_t i = 0; i < count; i++) {
    if (values[i] != UNKNOWN && values[i] > most) most = values[i];
  }
  char *const line = must_allocate(count * 4 + 1);
  char *at = line;
  for (size_t i = 0; i < count; i++) {
    const char *cell = " ";
    if (values[i] == UNKNOWN) {
      cell = "?";
    } else if (values[i] > 0) {
      const unsigned height = (unsigned)((double)values[i] / (double)most * (EIGHTHS - 1) + 0.5);
      cell = (utf8 ? blocks : plain)[height];
    }
    at = stpcpy(at, cell);
  }
  return line;
}

const char *format_last_part(const char *path) {
  const char *const slash = strrchr(path, '/');
  return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

size_t format_width(const char *text) {
  size_t width = 0;
  for (; *text != '\0'; text++) {
    if (*text == '\033') text += strcspn(text, "m"); /* a colour: no text that is printed has others, because it is escaped */
    else width += (*text & 0xc0) != 0x80;
    if (*text == '\0') break;
  }
  return width;
}

size_t format_bytes_within(const char *text, size_t columns) {
  size_t bytes = 0;
  for (; text[bytes] != '\0'; bytes++) {
    if ((text[bytes] & 0xc0) != 0x80 && columns-- == 0) break;
  }
  return bytes;
}

#define COLUMNS_LEAST 40
#define COLUMNS_MOST 1000

/* A stream without a descriptor holds what standard output gets later. */
static int descriptor_of(FILE *out) { return fileno(out) >= 0 ? fileno(out) : STDOUT_FILENO; }

unsigned format_columns(FILE *out) {
  const char *const wanted = getenv("COLUMNS");
  struct winsize size = {0};
  unsigned long columns = wanted != NULL ? strtoul(wanted, NULL, 10) : 0;
  const int to = descriptor_of(out);
  if (columns == 0 && isatty(to) && ioctl(to, TIOCGWINSZ, &size) == 0) columns = size.ws_col;
  if (columns == 0) return FORMAT_COLUMNS;
  return columns < COLUMNS_LEAST ? COLUMNS_LEAST : columns > COLUMNS_MOST ? COLUMNS_MOST : (unsigned)columns;
}

/* The length of the first line of `text`, of at most `columns` columns: it ends before a space, if it can. */
static size_t first_line(const char *text, size_t columns) {
  const size_t most = format_bytes_within(text, columns);
  if (text[most] == '\0' || text[most] == ' ') return most;
  for (size_t i = most; i > 0; i--) {
    if (text[i - 1] == ' ') return i - 1;
  }
  return most;
}

static void fit_line(FILE *out, const char *line, size_t columns) {
  const size_t indent = strspn(line, " "), deeper = indent + 2 < columns / 2 ? indent + 2 : columns / 2;
  size_t at = indent;
  fprintf(out, "%*s", (int)indent, "");
  for (line += indent; *line != '\0';) {
    size_t length = first_line(line, columns > at ? columns - at : 1);
    if (line[length] != ' ') length = strcspn(line, " "); /* the end, or a word that does not fit */
    if (format_width(line) <= (columns > at ? columns - at : 0)) length = strlen(line);
    fprintf(out, "%.*s", (int)length, line);
    line += length;
    line += strspn(line, " ");
    at = deeper;
    if (*line != '\0') fprintf(out, "\n%*s", (int)deeper, "");
  }
  fputc('\n', out);
}

void format_fitted(FILE *out, const char *text) {
  const size_t columns = format_columns(out);
  while (*text != '\0') {
    const size_t length = strcspn(text, "\n");
    char *const line = must_print("%.*s", (int)length, text);
    if (format_width(line) <= columns) fprintf(out, "%s\n", line);
    else fit_line(out, line, columns);
    free(line);
    text += length + (text[length] == '\n');
  }
}

#define BESIDE_BAR 36

unsigned format_bar_columns(FILE *out, unsigned most) {
  const unsigned columns = format_columns(out);
  return columns < most + BESIDE_BAR ? (columns > 2 * BESIDE_BAR ? columns - BESIDE_BAR : columns / 3) : most;
}

void format_wrapped(FILE *out, const char *first, const char *text) {
  const size_t indent = format_width(first), columns = format_columns(out);
  size_t column = indent;
  fputs(first, out);
  while (*text != '\0') {
    const size_t length = strcspn(text, " ");
    char word[length + 1];
    memcpy(word, text, length);
    word[length] = '\0';
    const size_t width = format_width(word);
    if (column > indent && column + 1 + width > columns) {
      fprintf(out, "\n%*s", (int)indent, "");
      column = indent;
    }
    if (column > indent) {
      fputc(' ', out);
      column++;
    }
    fputs(word, out);
    column += width;
    text += length;
    text += strspn(text, " ");
  }
  fputc('\n', out);
}

bool format_has_colour(FILE *out) {
  const char *const no = getenv("NO_COLOR"), *const terminal = getenv("TERM");
  return (no == NULL || *no == '\0') && isatty(descriptor_of(out)) && (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

struct table {
  const char *alignment;
  size_t columns;
  char **cells;
  size_t count, capacity;
};

struct table *table_create(const char *alignment) {
  struct table *const t = must_allocate(sizeof(*t));
  t->alignment = alignment;
  t->columns = strlen(alignment);
  return t;
}

void table_cell(struct table *t, const char *format, ...) {
  char *text;
  va_list arguments;
  va_start(arguments, format);
  if (vasprintf(&text, format, arguments) < 0) text = must_copy("");
  va_end(arguments);
  t->cells = must_grow(t->cells, t->count, &t->capacity, sizeof(*t->cells));
  t->cells[t->count++] = text;
}

/* Where the columns of a table stand. */
struct layout {
  size_t *width; /* of each column, 0: left out */
  size_t last;   /* the column that is printed last */
  size_t room;   /* if the table would be too wide: the columns of the last one, a text; else 0 */
  bool cuts;     /* that text loses its end; else it continues on further lines */
};

static bool is_left_aligned(const struct table *t, size_t column) { return tolower((unsigned char)t->alignment[column]) == 'l'; }

static void print_wrapped_cell(FILE *out, const char *text, size_t columns, size_t indent) {
  for (;;) {
    const size_t length = first_line(text, columns);
    fprintf(out, "%.*s", (int)length, text);
    text += length;
    while (*text == ' ') text++;
    if (*text == '\0') return;
    fprintf(out, "\n%*s", (int)indent, "");
  }
}

#define ELLIPSIS "..."

static void shorten(char *cell, size_t columns) {
  if (format_width(cell) <= columns) return;
  const size_t kept = format_bytes_within(cell, columns > strlen(ELLIPSIS) ? columns - strlen(ELLIPSIS) : 0);
  if (kept + strlen(ELLIPSIS) <= strlen(cell)) strcpy(cell + kept, ELLIPSIS);
}

static void print_row(const struct table *t, FILE *out, const struct layout *l, size_t row, unsigned indent) {
  size_t owed = indent; /* spaces that are not yet printed, so that no line ends with spaces */
  size_t at = indent;
  for (size_t column = 0; column <= l->last; column++) {
    char *const cell = t->cells[row * t->columns + column];
    size_t length = strlen(cell); /* drawings may end with blanks */
    if (l->width[column] == 0) continue;
    while (length > 0 && cell[length - 1] == ' ') cell[--length] = '\0';
    const size_t needed = format_width(cell), padding = l->width[column] > needed ? l->width[column] - needed : 0;
    if (!is_left_aligned(t, column)) owed += padding;
    if (*cell != '\0') {
      const bool is_text = l->room != 0 && column == l->last;
      fprintf(out, "%*s", (int)owed, "");
      if (is_text && l->cuts) shorten(cell, l->room);
      if (is_text && !l->cuts) print_wrapped_cell(out, cell, l->room, at);
      else fputs(cell, out);
      owed = 0;
    }
    if (is_left_aligned(t, column)) owed += padding;
    owed += GAP;
    at += l->width[column] + GAP;
  }
  fputc('\n', out);
}

static void table_free(struct table *t) {
  for (size_t i = 0; i < t->count; i++) free(t->cells[i]);
  free(t->cells);
  free(t);
}

#define TEXT_LEAST 20 /* columns, for a text that is continued on further lines; less only if nothing else can be left out */
#define TEXT_NARROW 10
#define TEXT_CUT 35 /* for one that is cut: a function, its place, and the function that called it */

static bool left_out;

bool table_left_out(void) { return left_out; }

static bool may_leave_out(const struct table *t, size_t column) { return isupper((unsigned char)t->alignment[column]) != 0; }

/* Makes the table fit into `columns`: its last column is broken or cut if it is a text, and optional columns are left out, the last ones first. */
static void fit(const struct table *t, struct layout *l, unsigned indent, size_t columns) {
  for (;;) {
    size_t used = indent, optional = t->columns;
    for (size_t i = 0; i < t->columns; i++) {
      if (l->width[i] == 0) continue;
      if (i != l->last) used += l->width[i] + GAP;
      if (may_leave_out(t, i)) optional = i;
    }
    const size_t room = used < columns ? columns - used : 0;
    if (l->width[l->last] <= room) return;
    const bool is_text = t->alignment[l->last] == 'l';
    if (is_text && (room >= (l->cuts ? TEXT_CUT : TEXT_LEAST) || (optional == t->columns && room >= TEXT_NARROW))) {
      l->room = room;
      return;
    }
    if (optional == t->columns) return;
    l->width[optional] = 0;
    left_out = true;
    while (l->last > 0 && l->width[l->last] == 0) l->last--;
  }
}

static void print_table(struct table *t, FILE *out, unsigned indent, bool cuts) {
  const size_t rows = t->count / t->columns;
  struct layout l = {.width = must_allocate(t->columns * sizeof(*l.width)), .last = t->columns - 1, .cuts = cuts};
  for (size_t i = 0; i < rows * t->columns; i++) {
    const size_t needed = format_width(t->cells[i]);
    if (needed > l.width[i % t->columns]) l.width[i % t->columns] = needed;
  }
  while (l.last > 0 && l.width[l.last] == 0) l.last--;
  fit(t, &l, indent, format_columns(out));
  for (size_t row = 0; row < rows; row++) print_row(t, out, &l, row, indent);
  free(l.width);
  table_free(t);
}

void table_print(struct table *t, FILE *out, unsigned indent) { print_table(t, out, indent, false); }
void table_print_cut(struct table *t, FILE *out, unsigned indent) { print_table(t, out, indent, true); }

void table_print_markdown(struct table *t, FILE *out) {
  for (size_t i = 0; i < t->count; i++) {
    fprintf(out, "| %s %s", t->cells[i], (i + 1) % t->columns == 0 ? "|\n" : "");
    if (i + 1 != t->columns) continue;
    for (size_t column = 0; column < t->columns; column++) fputs(!is_left_aligned(t, column) ? "|---:" : "|---", out);
    fputs("|\n", out);
  }
  table_free(t);
}
