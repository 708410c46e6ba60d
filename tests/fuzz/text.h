/*
 * text.h: what may stand in an output.
 */
#ifndef HAKMEM_FUZZ_TEXT_H
#define HAKMEM_FUZZ_TEXT_H

#include "input.h"

/* Valid UTF-8, decoded by another way than the code under test does it. */
static inline bool text_is_utf8(const char *text, size_t size) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  for (size_t i = 0; i < size;) {
    const unsigned char lead = (unsigned char)text[i];
    const unsigned length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    if (length == 0 || length > size - i) return false;
    uint32_t letter = length == 1 ? lead : lead & (0x7fu >> length);
    for (unsigned k = 1; k < length; k++) {
      if (((unsigned char)text[i + k] & 0xc0) != 0x80) return false;
      letter = letter << 6 | ((unsigned char)text[i + k] & 0x3f);
    }
    if (letter < least[length] || letter > 0x10ffff || (letter >= 0xd800 && letter < 0xe000)) return false;
    i += length;
  }
  return true;
}

/* What a terminal shows and does not obey: no control bytes but the line's end. */
static inline bool text_is_plain(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (((unsigned char)text[i] < ' ' && text[i] != '\n') || text[i] == 0x7f) return false;
  }
  return text_is_utf8(text, size);
}

#endif
