#include "escape.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "memory.h"

#define ESCAPED_LENGTH 4 /* \xNN */
#define DELETE 0x7f      /* a control character that writers of JSON leave as it is */

static bool is_plain(unsigned char c) { return c >= 0x20 && c < DELETE && c != '\\'; }

/* Bytes of the letter at `text` that the locale can show, else 0. */
static size_t letter_length(const char *text, size_t left) {
  wchar_t wide;
  mbstate_t state;
  memset(&state, 0, sizeof(state));
  const size_t length = mbrtowc(&wide, text, left, &state);
  if (length == (size_t)-1 || length == (size_t)-2 || length < 2) return 0;
  return iswalpha((wint_t)wide) && wcwidth(wide) == 1 ? length : 0;
}

/* Bytes of the UTF-8 sequence at `text`, 0 if it is not valid (too long, a surrogate, above U+10FFFF). */
static size_t utf8_length(const unsigned char *text, size_t left) {
  const unsigned char lead = text[0];
  const size_t length = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
  if (length == 0 || length > left) return 0;
  for (size_t i = 1; i < length; i++) {
    if ((text[i] & 0xc0) != 0x80) return 0;
  }
  if (lead == 0xe0 && text[1] < 0xa0) return 0;
  if (lead == 0xed && text[1] > 0x9f) return 0;
  if (lead == 0xf0 && text[1] < 0x90) return 0;
  if (lead == 0xf4 && text[1] > 0x8f) return 0;
  return length;
}

/* Copies the letters that `keep` accepts, and escapes the rest. */
static char *escape_with(const char *text, size_t (*keep)(const char *text, size_t left)) {
  const size_t length = strlen(text);
  char *const out = must_allocate(length * ESCAPED_LENGTH + 1);
  char *at = out;
  for (size_t i = 0; i < length;) {
    const size_t kept = keep(text + i, length - i);
    if (kept > 0) {
      memcpy(at, text + i, kept);
      at += kept;
      i += kept;
    } else {
      at += snprintf(at, ESCAPED_LENGTH + 1, "\\x%02x", (unsigned char)text[i]);
      i++;
    }
  }
  *at = '\0';
  return out;
}

static size_t keep_visible(const char *text, size_t left) { return is_plain((unsigned char)text[0]) ? 1 : letter_length(text, left); }

static size_t keep_utf8(const char *text, size_t left) { return text[0] == DELETE ? 0 : utf8_length((const unsigned char *)text, left); }

char *escape(const char *text) { return escape_with(text, keep_visible); }

char *escape_invalid_utf8(const char *text) { return escape_with(text, keep_utf8); }
