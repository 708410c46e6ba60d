#include "format.h"

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
  for (; *text != '\0'; text++) width += (*text & 0xc0) != 0x80;
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

unsigned format_columns(FILE *out) {
  const char *const wanted = getenv("COLUMNS");
  struct winsize size = {0};
  unsigned long columns = wanted != NULL ? strtoul(wanted, NULL, 10) : 0;
  if (columns == 0 && isatty(fileno(out)) && ioctl(fileno(out), TIOCGWINSZ, &size) == 0) columns = size.ws_col;
  if (columns == 0) return FORMAT_COLUMNS;
  return columns < COLUMNS_LEAST ? COLUMNS_LEAST : columns > COLUMNS_MOST ? COLUMNS_MOST : (unsigned)columns;
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
  return (no == NULL || *no == '\0') && isatty(fileno(out)) && (terminal == NULL || strcmp(terminal, "dumb") != 0);
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

static void print_row(const struct table *t, FILE *out, const size_t *width, size_t row, unsigned indent) {
  size_t owed = indent; /* spaces that are not yet printed, so that no line ends with spaces */
  for (size_t column = 0; column < t->columns; column++) {
    char *const cell = t->cells[row * t->columns + column];
    size_t length = strlen(cell); /* drawings may end with blanks */
    while (length > 0 && cell[length - 1] == ' ') cell[--length] = '\0';
    const size_t padding = width[column] - format_width(cell);
    if (t->alignment[column] == 'r') owed += padding;
    if (*cell != '\0') {
      fprintf(out, "%*s%s", (int)owed, "", cell);
      owed = 0;
    }
    if (t->alignment[column] == 'l') owed += padding;
    owed += GAP;
  }
  fputc('\n', out);
}

static void table_free(struct table *t) {
  for (size_t i = 0; i < t->count; i++) free(t->cells[i]);
  free(t->cells);
  free(t);
}

#define ELLIPSIS "..."

static void shorten(char *cell, size_t columns) {
  if (format_width(cell) <= columns) return;
  const size_t kept = format_bytes_within(cell, columns > strlen(ELLIPSIS) ? columns - strlen(ELLIPSIS) : 0);
  if (kept + strlen(ELLIPSIS) <= strlen(cell)) strcpy(cell + kept, ELLIPSIS);
}

/* The last column takes the columns that the others leave. */
static void shorten_last(const struct table *t, unsigned indent, size_t columns) {
  const size_t rows = t->count / t->columns;
  size_t used = indent;
  for (size_t column = 0; column + 1 < t->columns; column++) {
    size_t widest = 0;
    for (size_t row = 0; row < rows; row++) {
      const size_t needed = format_width(t->cells[row * t->columns + column]);
      if (needed > widest) widest = needed;
    }
    used += widest + GAP;
  }
  for (size_t row = 0; row < rows; row++) shorten(t->cells[row * t->columns + t->columns - 1], columns > used ? columns - used : 0);
}

void table_print_within(struct table *t, FILE *out, unsigned indent, size_t columns) {
  shorten_last(t, indent, columns);
  table_print(t, out, indent);
}

void table_print(struct table *t, FILE *out, unsigned indent) {
  const size_t rows = t->count / t->columns;
  size_t *const width = must_allocate(t->columns * sizeof(*width));
  for (size_t i = 0; i < rows * t->columns; i++) {
    const size_t needed = format_width(t->cells[i]);
    if (needed > width[i % t->columns]) width[i % t->columns] = needed;
  }
  for (size_t row = 0; row < rows; row++) print_row(t, out, width, row, indent);
  free(width);
  table_free(t);
}

void table_print_markdown(struct table *t, FILE *out) {
  for (size_t i = 0; i < t->count; i++) {
    fprintf(out, "| %s %s", t->cells[i], (i + 1) % t->columns == 0 ? "|\n" : "");
    if (i + 1 != t->columns) continue;
    for (size_t column = 0; column < t->columns; column++) fputs(t->alignment[column] == 'r' ? "|---:" : "|---", out);
    fputs("|\n", out);
  }
  table_free(t);
}
