/* Lines of text without malloc or stdio: every form, truncation, and that errno stays. */
#include "platform/message.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What message_send writes, as a string. */
static const char *sent(struct message *m) {
  static char text[4096];
  const int fd = memfd_create("message", 0);
  errno = 77;
  cr_assert_eq(message_send(m, fd), 0);
  cr_assert_eq(errno, 77);
  const ssize_t n = pread(fd, text, sizeof text - 1, 0);
  cr_assert_geq(n, 0);
  text[n] = '\0';
  close(fd);
  return text;
}

Test(message, numbers) {
  struct message m;
  message_start(&m);
  message_number(&m, 0);
  message_text(&m, " ");
  message_number(&m, UINT64_MAX);
  message_text(&m, " ");
  message_pointer(&m, 0);
  message_text(&m, " ");
  message_pointer(&m, UINTPTR_MAX);
  message_text(&m, " ");
  message_byte(&m, 0);
  message_text(&m, " ");
  message_byte(&m, 0xa6);
  cr_assert_str_eq(sent(&m), "0 18446744073709551615 0x0 0xffffffffffffffff 0x00 0xa6\n");
}

Test(message, fixed_point) {
  struct message m;
  message_start(&m);
  message_fixed(&m, 12345, 2);
  message_text(&m, " ");
  message_fixed(&m, 7, 3);
  message_text(&m, " ");
  message_fixed(&m, 7, 0);
  cr_assert_str_eq(sent(&m), "123.45 0.007 7\n");
}

Test(message, columns) {
  struct message m;
  message_start(&m);
  message_text(&m, "ab");
  message_column(&m, 5);
  message_text(&m, "c");
  message_number_to(&m, 42, 10);
  message_text(&m, "|");
  message_column(&m, 3); /* behind us: nothing */
  message_number_to(&m, 123456, 3);
  cr_assert_str_eq(sent(&m), "ab   c  42|123456\n");
}

Test(message, control_bytes_are_shown) {
  struct message m;
  message_start(&m);
  message_quoted(&m, "a\033[31mb\n\x7f\t\xc3\xa9");
  cr_assert_str_eq(sent(&m), "a\\x1b[31mb\\x0a\\x7f\\x09\xc3\xa9\n");
}

Test(message, what_does_not_fit_is_dropped_but_never_the_end_of_the_line) {
  struct message m;
  message_start(&m);
  for (int i = 0; i < 3000; i++) message_text(&m, "x");
  message_number(&m, 12345);
  message_column(&m, 5000);
  const char *text = sent(&m);
  cr_assert_leq(strlen(text), MESSAGE_MAX);
  cr_assert_eq(text[strlen(text) - 1], '\n');
  cr_assert_eq(strspn(text, "x"), strlen(text) - 1);
}

Test(message, a_line_sent_starts_the_next) {
  struct message m;
  message_start(&m);
  message_text(&m, "one");
  cr_assert_str_eq(sent(&m), "one\n");
  message_text(&m, "two");
  cr_assert_str_eq(sent(&m), "two\n");
}

Test(message, a_write_that_fails_says_why_and_keeps_errno) {
  struct message m;
  message_start(&m);
  message_text(&m, "lost");
  errno = 77;
  cr_assert_eq(message_send(&m, -1), EBADF);
  cr_assert_eq(errno, 77);
}
