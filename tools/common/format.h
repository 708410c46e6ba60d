/*
 * format.h: figures with their units, bars and tables, for a page of fixed width. In a UTF-8 locale, drawings use block
 * characters and the micro sign, else plain ASCII.
 */
#ifndef HAKMEM_TOOLS_FORMAT_H
#define HAKMEM_TOOLS_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Call it once, after setlocale. */
void format_init(void);
bool format_is_utf8(void);

/* Stands for a figure that the source does not have; printed as "-". */
#define UNKNOWN UINT64_MAX

/* The whole number at or below `value`; 0 if there is none, 2^63 if it is larger: damaged data may hold any value. */
static inline uint64_t whole_number(double value) { return !(value > 0) ? 0 : value < 0x1p63 ? (uint64_t)value : (uint64_t)1 << 63; }

/* Each writes into a buffer of size FORMAT_SIZE and returns it. */
#define FORMAT_SIZE 64
const char *format_ns(char *buffer, double ns);                      /* "12 ns", "1.23 us" */
const char *format_bytes(char *buffer, uint64_t bytes);              /* "12.3 MiB" */
const char *format_count(char *buffer, uint64_t count);              /* all digits */
const char *format_percent(char *buffer, double part, double whole); /* "12.3 %", "-" of nothing */

/* A bar of `value` out of `most`, up to `width` columns; a value above 0 shows at least a little. */
const char *format_bar(char *buffer, size_t size, uint64_t value, uint64_t most, unsigned width);
#define FORMAT_BAR_SIZE(width) ((width)*4 + 1)
/* The columns of a bar beside some figures: `most`, or fewer on a narrow page. */
unsigned format_bar_columns(FILE *out, unsigned most);

/* One character for each value, its height the share of the largest; UNKNOWN values become '?'. */
char *format_sparkline(const uint64_t *values, size_t count); /* the caller frees it */

/* What follows the last slash of a path; the path itself if nothing does. */
const char *format_last_part(const char *path);

/* Columns that a text takes on a terminal. */
size_t format_width(const char *text);
/* The bytes of a text that take at most `columns` columns. */
size_t format_bytes_within(const char *text, size_t columns);

/* Columns of a page: COLUMNS, if it is set; else those of the terminal that `out` is; else FORMAT_COLUMNS. */
unsigned format_columns(FILE *out);
#define FORMAT_COLUMNS 80
/* Prints `text` in lines of these columns: the first behind `first`, the others below its end. */
void format_wrapped(FILE *out, const char *first, const char *text);
/*
 * Writes a text to `out`: a line that is longer than the page goes on below, deeper by two columns. A word that is longer than the page stays whole. A
 * stream without a descriptor (open_memstream) is as wide as standard output, where its text goes later.
 */
void format_fitted(FILE *out, const char *text);
/* Whether `out` is a terminal that shows colours, and the user wants them: NO_COLOR is not set. */
bool format_has_colour(FILE *out);

/* A table: collects all cells, then prints them with the widths that they need. */
struct table;

/* One character for each column: 'l' or 'r', the side to which it is aligned; 'L' or 'R' if it may be left out when the page is too narrow. */
struct table *table_create(const char *alignment);
__attribute__((format(printf, 2, 3))) void table_cell(struct table *t, const char *format, ...);
/*
 * Prints all rows, `indent` columns from the left, and frees the table. If it is wider than the page (format_columns), optional columns are left out from
 * the right, and a text in the last column continues on further lines.
 */
void table_print(struct table *t, FILE *out, unsigned indent);
/* The same; but the last column, a text, has one line in each row: its end is cut off. */
void table_print_cut(struct table *t, FILE *out, unsigned indent);
/* Whether a table lacks columns for that reason. */
bool table_left_out(void);
/* The same as Markdown; the first row is the head. No cell may hold a '|'. */
void table_print_markdown(struct table *t, FILE *out);

#endif
