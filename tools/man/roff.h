/*
 * roff.h: the few requests of the manual pages. Everything goes to `page`.
 */
#ifndef HAKMEM_MAN_ROFF_H
#define HAKMEM_MAN_ROFF_H

#include <stdio.h>

extern FILE *page;

/* Plain text within a line; it may hold any character. */
void roff_text(const char *text);

/* A whole line of plain text; it may begin with any character. */
void roff_line(const char *text);

/* Text in font 'B' or 'I', within a line. */
void roff_font(char font, const char *text);

/* A line with `half` as a sentence: with a capital and a full stop. The tables of the source hold halves. */
void roff_sentence(const char *half);

#endif
