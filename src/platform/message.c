#include "message.h"

#include <string.h>
#include <unistd.h>

static void append(struct message *m, char c) {
  if (m->length < MESSAGE_MAX - 1) m->text[m->length++] = c;
}

void message_start(struct message *m) { m->length = 0; }

void message_text(struct message *m, const char *text) {
  while (*text) append(m, *text++);
}

void message_quoted(struct message *m, const char *text) {
  for (; *text; text++) {
    const unsigned char c = (unsigned char)*text;
    if (c >= ' ' && c != 0x7f) {
      append(m, (char)c);
    } else {
      static const char digit[] = "0123456789abcdef";
      append(m, '\\');
      append(m, 'x');
      append(m, digit[c >> 4]);
      append(m, digit[c & 15]);
    }
  }
}

/* Digits of `value` in `base`, at least `least` of them. */
static void digits(struct message *m, uint64_t value, unsigned base, unsigned least) {
  char buffer[24];
  unsigned n = 0;
  do {
    buffer[n++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value != 0 || n < least);
  while (n > 0) append(m, buffer[--n]);
}

void message_number(struct message *m, uint64_t value) { digits(m, value, 10, 1); }

void message_pointer(struct message *m, uintptr_t value) {
  message_text(m, "0x");
  digits(m, value, 16, 1);
}

void message_byte(struct message *m, uint8_t value) {
  message_text(m, "0x");
  digits(m, value, 16, 2);
}

void message_fixed(struct message *m, uint64_t value, unsigned decimals) {
  uint64_t unit = 1;
  for (unsigned i = 0; i < decimals; i++) unit *= 10;
  digits(m, value / unit, 10, 1);
  if (decimals == 0) return;
  append(m, '.');
  digits(m, value % unit, 10, decimals);
}

void message_column(struct message *m, size_t column) {
  while (m->length < column && m->length < MESSAGE_MAX - 1) append(m, ' ');
}

void message_number_to(struct message *m, uint64_t value, size_t end) {
  size_t width = 1;
  for (uint64_t rest = value / 10; rest != 0; rest /= 10) width++;
  if (end > width) message_column(m, end - width);
  message_number(m, value);
}

/* Ends the line, empties the message, and returns the line's length. */
static size_t end_line(struct message *m) {
  const size_t length = m->length + 1;
  m->text[m->length] = '\n'; /* append() keeps a place for it */
  m->length = 0;
  return length;
}

int message_send(struct message *m, int fd) {
  const size_t length = end_line(m);
  return file_write_number(fd, m->text, length);
}

int message_send_to(struct message *m, const struct own_file *file) {
  const size_t length = end_line(m);
  return file_write(file, m->text, length);
}

/* ---- Standard error. ---- */

static bool started;
static struct own_file standard_error, duplicate = NO_FILE;

void message_start_error(void) {
  if (started) return;
  started = true;
  standard_error = file_adopt(STDERR_FILENO);
}

void message_keep_error(void) {
  if (duplicate.number < 0 && standard_error.number >= 0) duplicate = file_duplicate(&standard_error);
}

int message_error(struct message *m) {
  message_start_error();
  return message_send_to(m, file_is_own(&standard_error, NULL) ? &standard_error : &duplicate);
}

void message_say(const char *text) {
  struct message m;
  message_start(&m);
  message_text(&m, "hakmem: ");
  message_text(&m, text);
  message_error(&m);
}

void message_say_file(const char *option, const char *what, const char *path, const char *why, const char *therefore) {
  struct message m;
  message_start(&m);
  message_text(&m, "hakmem: ");
  message_text(&m, option);
  message_text(&m, ": cannot ");
  message_text(&m, what);
  message_text(&m, " ");
  message_quoted(&m, path);
  message_text(&m, ": ");
  message_text(&m, why);
  message_text(&m, therefore);
  message_error(&m);
}
