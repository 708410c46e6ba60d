/*
 * text: any bytes as the name of a program, a function or a file, through everything that makes names fit to be shown.
 */
#include "tests/fuzz/text.h"

#include "common/escape.h"
#include "common/format.h"
#include "export/export.h"
#include "model/short_name.h"
#include "platform/message.h"
#include "symbols/places.h"

static char *label_of(const char *name) {
  char *text;
  size_t size;
  FILE *const out = open_memstream(&text, &size);
  MUST(out != NULL);
  openmetrics_label(out, name);
  fclose(out);
  MUST(strlen(text) == size && text_is_utf8(text, size) && strchr(text, '\n') == NULL);
  return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct input in = {bytes, bytes + size};
  char *const name = input_line(&in);
  char *const shown = escape(name), *const valid = escape_invalid_utf8(name);
  MUST(text_is_plain(shown, strlen(shown)) && strchr(shown, '\n') == NULL);
  MUST(text_is_utf8(valid, strlen(valid)));
  free(label_of(name));

  char *const shorter = short_name(shown);
  MUST(text_is_plain(shorter, strlen(shorter)) && strlen(shorter) <= 2 * strlen(shown) + 5);
  free(shorter);

  static struct message m;
  message_start(&m);
  message_quoted(&m, name);
  for (size_t i = 0; i < m.length; i++) MUST((unsigned char)m.text[i] >= ' ' && m.text[i] != 0x7f);

  MUST(format_width(shown) <= strlen(shown) && format_bytes_within(shown, 10) <= strlen(shown));
  free(shown);
  free(valid);
  free(places_without_deleted(name));
  free(name);
  return 0;
}
