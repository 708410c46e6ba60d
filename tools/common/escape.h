/*
 * escape.h: text from outside (program names, paths, messages of libraries) made safe to show.
 *
 * The result holds printable ASCII and, if the locale can show them, letters of other scripts: no control character, no escape sequence, nothing
 * that changes the direction of the text. Every other byte, and the backslash itself, becomes \xNN, so that the original can be recovered.
 */
#ifndef HAKMEM_TOOLS_ESCAPE_H
#define HAKMEM_TOOLS_ESCAPE_H

/* The escaped copy of `text`; the caller frees it. Never NULL. */
char *escape(const char *text);

/* The same for JSON: valid UTF-8 stays as it is (the JSON writer escapes control characters, but not DEL), DEL and other bytes become \xNN. */
char *escape_invalid_utf8(const char *text);

#endif
