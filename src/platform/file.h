/*
 * file.h: hakmem's own files, and the check before each use of one.
 *
 * A program may close any descriptor, even one that it never opened, and open another file under its number. So a number is never trusted. A file is
 * remembered by its device and inode, and these are compared before each use. If they differ, the file is not read, written or closed.
 *
 *   number >= 0:  the file that had the number when it was remembered;   number < 0:  none
 *
 * All functions are signal safe and keep errno on success. SIGPIPE, SIGXFSZ and SIGTTOU are not raised by a write or a new size: they would end or stop a
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

/* Remembers the file that has this number now; NO_FILE if the number is closed. */
struct own_file file_adopt(int number);

/* Opens close-on-exec, without a controlling terminal, under a high number, where programs do not expect one of theirs. NO_FILE and errno on failure. */
struct own_file file_open(const char *path, int flags);
/* Opens the same file once more, under a high number. NO_FILE and errno on failure. */
struct own_file file_duplicate(const struct own_file *file);
/* Opens for one reading only. The number is the lowest free one, so close it soon. */
struct own_file file_open_briefly(const char *path);
/* The same of /proc/self/NAME: maps, smaps, statm or pagemap. */
struct own_file file_open_process(const char *name);
/* The calling thread is the first one, and ends. From then on /proc/self says nothing of the memory, though other threads continue. */
void file_first_thread_ends(void);

/* Whether the number is still this file. *status, unless NULL, becomes what fstat says of the number. */
bool file_is_own(const struct own_file *file, struct stat *status);
/* Closes the number if it still is the file. */
void file_close(struct own_file *file);

/* Reads up to `size` bytes from `offset` on, as pread does; works for /proc, too. -1 with EBADF if the number is another file now. */
ssize_t file_read_at(const struct own_file *file, void *into, size_t size, off_t offset);
/* Writes all `size` bytes: at the file's position, or at `offset`. Returns 0 or an errno; EBADF if the number is another file now. */
int file_write(const struct own_file *file, const void *data, size_t size);
int file_write_at(const struct own_file *file, const void *data, size_t size, off_t offset);
/* The same for several pieces, in this order. The file is checked once, so let it be a few KB. */
struct file_piece {
  const void *data;
  size_t size;
  off_t offset;
};
int file_write_pieces(const struct own_file *file, const struct file_piece *pieces, size_t count);
/* Makes the file `size` bytes long: cuts it, or adds a hole at its end. Returns 0 or an errno. */
int file_resize(const struct own_file *file, off_t size);

/* As file_write, unchecked, to a number that the program itself named for this. */
int file_write_number(int number, const void *data, size_t size);

#endif
