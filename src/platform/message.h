/*
 * message.h: one line of text, put together and written without malloc, stdio or locale. So it can be used before main, inside malloc and in signal
 * handlers.
 *
 *   length <= MESSAGE_MAX: text that does not fit is dropped, but the line always gets its end
 */
#ifndef HAKMEM_MESSAGE_H
#define HAKMEM_MESSAGE_H

#include "base.h"
#include "file.h"

#define MESSAGE_MAX 2047

struct message {
  size_t length;
  char text[MESSAGE_MAX + 1];
};

void message_start(struct message *m);
void message_text(struct message *m, const char *text);
/* Like message_text, with control bytes shown as \xNN: for text that did not come from this library. */
void message_quoted(struct message *m, const char *text);
void message_number(struct message *m, uint64_t value);
void message_pointer(struct message *m, uintptr_t value); /* 0x and no leading zeros */
void message_byte(struct message *m, uint8_t value);      /* 0x and two digits */
/* value / 10^decimals, with that many digits behind the point. */
void message_fixed(struct message *m, uint64_t value, unsigned decimals);
/* Fills with blanks up to column `column` (counted from 0). */
void message_column(struct message *m, size_t column);
/* A number, right-aligned so that it ends at column `end`. */
void message_number_to(struct message *m, uint64_t value, size_t end);

/* Ends the line, writes it whole, and starts a new one. Returns 0 or write's errno; errno is kept. `fd` is a number that the program named for this. */
int message_send(struct message *m, int fd);
int message_send_to(struct message *m, const struct own_file *file);

/*
 * The same, to the file that was standard error at the start. If the program closed it and opened a file of its own under that number, the line is not
 * written there. It goes to the duplicate of message_keep_error, if that was called at the start, or is dropped.
 */
int message_error(struct message *m);
void message_start_error(void);
void message_keep_error(void);

/* One line "hakmem: <text>" to standard error. */
void message_say(const char *text);

/* The same of a file that an option names: "hakmem: OPTION: cannot <what> <path>: <why><therefore>". */
void message_say_file(const char *option, const char *what, const char *path, const char *why, const char *therefore);

#endif
