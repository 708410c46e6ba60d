/*
 * file.h: hakmem's own files, and what holds before one is read or written.
 *
 * A program may close any descriptor, also one that it never opened, and open another file under its number. So a number is never trusted: a file is
 * remembered by its device and inode, and these are compared before each use. What is not hakmem's file any more is neither read, written nor closed.
 *
 *   number >= 0:  the file that had the number when it was remembered;   number < 0:  none
 *
 * All of it is signal safe and keeps errno on success. A write or a new size raises no signal: neither SIGPIPE nor SIGXFSZ nor SIGTTOU, which would end or stop a
 * program that wrote nothing itself.
 */
#ifndef HAKMEM_FILE_H
#define HAKMEM_FILE_H

#include <sys/stat.h>
#include <sys/types.h>

#include "base.h"

struct own_file {
  int number;
  dev_t device;
  ino_t inode;
};
#define NO_FILE ((struct own_file){.number = -1})

/* Remembers the file that `number` is now; NO_FILE if it is closed. */
struct own_file file_adopt(int number);

/* Opens, close-on-exec, without a controlling terminal, and under a high number, where programs expect none of theirs. errno if NO_FILE. */
struct own_file file_open(const char *path, int flags);
/* The same file once more, under a high number. errno if NO_FILE. */
struct own_file file_duplicate(const struct own_file *file);
/* Opens for one reading only: the number is the lowest one. */
struct own_file file_open_briefly(const char *path);

/* Whether the number still is the file; *status, unless NULL, is what the kernel says of it. */
bool file_is_own(const struct own_file *file, struct stat *status);
/* Closes the number if it still is the file. */
void file_close(struct own_file *file);

/* Up to `size` bytes from `offset` on: of /proc, too. As pread; -1 with EBADF if the number is not the file any more. */
ssize_t file_read_at(const struct own_file *file, void *into, size_t size, off_t offset);
/* All of it, at the file's end or position, or at `offset`. 0, or the errno; EBADF if the number is not the file any more. */
int file_write(const struct own_file *file, const void *data, size_t size);
int file_write_at(const struct own_file *file, const void *data, size_t size, off_t offset);
/* Cuts it, or adds a hole at its end. 0, or the errno. */
int file_resize(const struct own_file *file, off_t size);

/* The same as file_write for a number that the program itself has named for it. */
int file_write_number(int number, const void *data, size_t size);

#endif
